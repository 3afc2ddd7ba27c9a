"""The loader on Spark: staged batches into the lake, as `tidegate load` writes them.

    spark-submit glue_job.py --staging s3://raw --lake s3://lake                   everything that is not loaded yet
                             … --batches batches/weather/000000000042.batch.json   these batches
                             … --from 2026-11-23T00:00:00Z --until …               what was polled in that time
                             … --window 1h                                         closed windows, one load each

A load is done by one task. It claims its batches first (an object created only if it is absent), decodes the pages under
the table's schema, writes Parquet under names that derive from the load, and ends with a manifest. So a task that Spark
repeats, a run that dies, another run and the loader in Rust can work on the same batches at once: whoever comes second
finds or writes the same names with the same rows. Names, documents and rules are those of docs/concepts/exactly-once.md
and docs/concepts/types.md. Where a page needs what Python has not exactly alike (a JSONPath with filters, a rare
character set), the load is left to `tidegate load --missing`, and the run says so.

Needs pyarrow, and boto3 for s3:// addresses; Glue 5 has both. Addresses may be directories (`file:///lake`).
"""

import argparse
import collections
import csv
import datetime
import decimal
import hashlib
import io
import json
import os
import random
import re
import sys
import time
import zoneinfo
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_tz
from math import inf

import pyarrow as pa
import pyarrow.parquet as pq


class Failed(Exception):
    """A load that cannot go on; the message says what to do."""


class Beyond(Failed):
    """What only the loader in Rust can do exactly."""

    def __str__(self):
        return f"{self.args[0]}: finish this load with `tidegate load --missing`"


class NeedsWider(Exception):
    """The table must first be created or widened, and this task may not."""


class PageGone(Failed):
    """A raw page is no longer in staging."""


# ---------------------------------------------------------------- stores: objects by key, created once or written over


def open_store(address):
    """`s3://bucket/prefix`, or a directory, with or without `file:`."""
    if address.startswith(("s3://", "s3a://")):
        bucket, _, prefix = address.split("://", 1)[1].partition("/")
        return Bucket(bucket, prefix.strip("/"))
    return Directory(re.sub(r"^file:(//)?", "", address))


class Directory:
    """Objects as files; each is written beside its place and then linked or renamed, so none is ever half there."""

    def __init__(self, path):
        self.path = os.path.abspath(path)

    def _beside(self, key, body):
        path = os.path.join(self.path, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        beside = f"{path}#{random.getrandbits(60)}"
        with open(beside, "xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        return path, beside

    def create(self, key, body):
        """`None` if the object was created; else what it holds."""
        path, beside = self._beside(key, body)
        try:
            os.link(beside, path)
            return None
        except FileExistsError:
            return self.get(key)
        finally:
            os.unlink(beside)

    def overwrite(self, key, body):
        path, beside = self._beside(key, body)
        os.replace(beside, path)

    def get(self, key):
        try:
            with open(os.path.join(self.path, key), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, key):
        if os.path.exists(os.path.join(self.path, key)):
            os.unlink(os.path.join(self.path, key))

    def list(self, prefix):
        """Keys below a prefix that ends with `/`, sorted."""
        found = []
        for folder, _, files in os.walk(os.path.join(self.path, prefix)):
            found += [os.path.relpath(os.path.join(folder, file), self.path) for file in files if "#" not in file]
        return sorted(found)


class Bucket:
    """Objects in S3."""

    def __init__(self, bucket, prefix):
        import boto3
        from botocore.config import Config

        self.bucket, self.prefix = bucket, f"{prefix}/" if prefix else ""
        style = {"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL") else {}
        config = Config(retries={"max_attempts": 6, "mode": "standard"}, max_pool_connections=AT_ONCE, s3=style)
        session = boto3.session.Session()
        self.s3, self.creating = (session.client("s3", config=config) for _ in range(2))
        # The boto3 of some Glue versions does not know the parameter; the header works with all.
        absent = lambda params, **_: params["headers"].update({"If-None-Match": "*"})  # noqa: E731
        self.creating.meta.events.register("before-call.s3.PutObject", absent)

    def create(self, key, body):
        """`None` if the object was created; else what it holds, which may be our own from an attempt whose answer was
        lost."""
        for attempt in range(8):
            try:
                self.creating.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body)
                return None
            except self.s3.exceptions.ClientError as error:
                # 409: another write is under way.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                    raise
            theirs = self.get(key)
            if theirs is not None:
                return theirs
            time.sleep(random.uniform(0, 0.1 * 2**attempt))
        raise Failed(f"cannot create {key}: other writes of it do not end")

    def overwrite(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body)

    def get(self, key):
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None

    def delete(self, key):
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def list(self, prefix):
        """Keys below a prefix, sorted."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        return [item["Key"][len(self.prefix) :] for page in pages for item in page.get("Contents", [])]


def document(value):
    """The bytes of a JSON document, as the loader in Rust writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def create_once(store, key, value):
    """Creates a JSON document unless there is one; returns the one that is there then."""
    theirs = store.create(key, document(value))
    return value if theirs is None else json.loads(theirs)


def read_document(store, key):
    """A JSON document that must be there."""
    body = store.get(key)
    if body is None:
        raise Failed(f"{key} is missing")
    return json.loads(body)


# ---------------------------------------------------------------- JSON: exact numbers, places of values


class Num(str):
    """A number as it is spelled."""

    __slots__ = ()


class Obj(list):
    """An object: its entries in order, a key that stands twice twice."""

    __slots__ = ()


SPACE = re.compile(r"[ \n\r\t]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MAX_DEPTH = 128


# An escape; in a group where it is half of a surrogate pair.
HALVES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def refuse(word):
    raise Failed(f"{word} is not JSON; ask the API for null or a plain number")


def json_scanner():
    """A function from a text and a place to the value there and its end."""
    decoder = json.JSONDecoder(object_pairs_hook=Obj, parse_float=Num, parse_int=Num, parse_constant=refuse)

    def scan(text, at):
        try:
            return decoder.scan_once(text, at)
        except (StopIteration, RecursionError) as error:
            raise Failed(f"this is not JSON (at character {at})") from error
        except json.JSONDecodeError as error:
            raise Failed(f"this is not JSON: {error.msg} (at character {error.pos})") from error

    return scan


def skip(text, at):
    return SPACE.match(text, at).end()


def entries(scan, text, at):
    """Key and place of each value of the object or array at `at`; the caller sends back where the value ended."""
    close = {"{": "}", "[": "]"}[text[at]]
    at = skip(text, at + 1)
    number = 0
    while text[at : at + 1] != close or number:
        key = number
        if close == "}":
            key, at = scan(text, at)
            at = skip(text, at)
            if type(key) is not str or text[at : at + 1] != ":":
                raise Failed(f"this is not JSON: expected a key and a colon (at character {at})")
            at = skip(text, at + 1)
        at = skip(text, (yield key, at))
        number += 1
        if text[at : at + 1] == close:
            break
        if text[at : at + 1] != ",":
            raise Failed(f"this is not JSON: expected a comma (at character {at})")
        at = skip(text, at + 1)
    return at + 1


def each_entry(scan, text, at, visit):
    """Calls `visit(key, place)` for each entry, which returns where the value ends; returns where the whole ends."""
    walk = entries(scan, text, at)
    try:
        key, place = next(walk)
        while True:
            key, place = walk.send(visit(key, place))
    except StopIteration as done:
        return done.value


def raw_at(scan, text, at, ordinals):
    """The text of a value within the value at `at`: which entry of which entry it is."""
    for ordinal in ordinals:
        walk = entries(scan, text, skip(text, at))
        _, at = next(walk)
        for _ in range(ordinal):
            _, at = walk.send(scan(text, at)[1])
    return text[at : scan(text, at)[1]]


STRINGS = re.compile(r'("(?:[^"\\]|\\.)*")|[ \n\r\t]+')
ESCAPES = re.compile(r'[\x00-\x1f"\\]')
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def compact(raw):
    """A JSON value on one line, its strings and numbers as they are."""
    return STRINGS.sub(lambda match: match[1] or "", raw)


def quoted(text):
    return '"' + ESCAPES.sub(lambda m: SHORT.get(m[0]) or f"\\u{ord(m[0]):04x}", text) + '"'


def to_json(value):
    """A value that was read, as JSON again."""
    if type(value) is Obj:
        return "{" + ",".join(f"{quoted(key)}:{to_json(item)}" for key, item in value) + "}"
    if type(value) is list:
        return "[" + ",".join(map(to_json, value)) + "]"
    if type(value) is str:
        return quoted(value)
    return value if type(value) is Num else {True: "true", False: "false", None: "null"}[value]


def hollow(value):
    """Whether a value says nothing: null, an empty list, an empty object."""
    return value is None or (isinstance(value, list) and not value)


# ---------------------------------------------------------------- numbers: every digit or not at all

INT53 = 1 << 53


def is_integer(number):
    return "." not in number and "e" not in number and "E" not in number


def normal(text):
    """Sign, digits without zeros at either end, and the power of ten to multiply them with: equal for equal values."""
    negative, text = text.startswith("-"), text.lstrip("-")
    mantissa, _, exponent = text.replace("E", "e").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).strip("0")
    if not digits:
        return negative, "", 0
    exponent = exponent or "0"
    exponent = int(exponent) if len(exponent) < 19 else (-1 if exponent.startswith("-") else 1) << 62
    zeros = len(whole + fraction) - len((whole + fraction).rstrip("0"))
    return negative, digits, exponent - len(fraction) + zeros


def scaled(number, scale):
    """The number times ten to the `scale`, if that is an integer of at most 38 digits."""
    negative, digits, exponent = normal(number)
    zeros = exponent + scale
    if not digits:
        return 0
    if zeros < 0 or len(digits) + zeros > 38:
        return None
    value = int(digits) * 10**zeros
    return -value if negative else value


def exact_double(number):
    """The double whose shortest decimal spelling has the same value as the number's own."""
    value = float(number)
    if len(number) <= 15 and "e" not in number and "E" not in number:
        return value
    if abs(value) == inf:
        return None
    own, shortest = normal(number), normal(repr(value))
    return value if own == shortest or own == rounded_up(value, shortest[2]) else None


def rounded_up(value, exponent):
    """The shortest spelling of a double that lies in the middle of two: `repr` has the even one, Rust the upper one."""
    if not value:
        return normal("0")
    upper = decimal.Decimal(value).quantize(decimal.Decimal((0, (1,), exponent)), decimal.ROUND_HALF_UP)
    return normal(str(upper))


def whole(number):
    """The 64-bit integer that the number spells."""
    if not is_integer(number) or len(number) > 400:
        return None
    value = int(number)
    return value if -(1 << 63) <= value < 1 << 63 else None


def number_type(number):
    """The narrowest type that holds the number."""
    if is_integer(number):
        value = whole(number)
        if value is None:
            return {"decimal": 0} if scaled(number, 0) is not None else "unknown"
        return "int53" if -INT53 <= value <= INT53 else "int64"
    if exact_double(number) is not None:
        return "double"
    return {"decimal": 18} if scaled(number, 18) is not None else "unknown"


# ---------------------------------------------------------------- times

BILLION = 10**9
# The years 1 to 9999, to the last second that has a date in every time zone.
FIRST, LAST = -62_135_596_800 * BILLION, 253_402_207_201 * BILLION - 1
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
ISO = re.compile(
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
    r"(?:[Tt ]([0-9]{2})(?:(:?)([0-9]{2})(?:\6([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?)?(?:\[[^\]]*\])*"
)
RFC2822 = re.compile(
    r"(?:[A-Za-z]{3},\s*)?[0-9]{1,2}\s+[A-Za-z]{3}\s+[0-9]{4}\s+[0-9]{2}:[0-9]{2}(?::[0-9]{2})?\s+"
    r"(?:[+-][0-9]{4}|UT|GMT|[ECMP][SD]T|Z)"
)
UNITS = {"s": BILLION, "ms": 10**6, "us": 1000, "ns": 1}


def days(text):
    """Days since 1970 of `YYYY-MM-DD`, or `None`."""
    try:
        if len(text) != 10 or not text.isascii() or text[4] != "-" or text[7] != "-":
            return None
        return datetime.date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal() - 719_163
    except ValueError:
        return None


def rfc3339(text):
    """Microseconds since 1970 of a full date-time with its offset and at most six digits of a second."""
    match = RFC3339.fullmatch(text)
    day = match and days(match[1])
    if day is None:
        return None
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    hours, minutes = int(match[7] or 0), int(match[8] or 0)
    if hour > 23 or minute > 59 or second > 60 or hours > 23 or minutes > 59:
        return None
    offset = (hours * 3600 + minutes * 60) * (-1 if match[6] == "-" else 1)
    seconds = day * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - offset
    return seconds * 1_000_000 + int((match[5] or "").ljust(6, "0"))


def time_zone(name):
    """A time zone by its name in any case; `None` if there is none of that name."""
    if name == "UTC":
        return datetime.timezone.utc
    known = {zone.lower(): zone for zone in zoneinfo.available_timezones()}
    if not known:
        raise Beyond(f"no time zones are known here (pip install tzdata), not even {name}")
    return zoneinfo.ZoneInfo(known[name.lower()]) if name.lower() in known else None


class Times:
    """Reads points in time, as nanoseconds since 1970, under the rules of an `event_time`."""

    def __init__(self, rules):
        self.unit, self.format = rules.get("unit"), rules.get("format")
        self.zone = time_zone(rules.get("timezone", "UTC"))
        self.pattern = self.format and strptime_pattern(self.format)

    def parse(self, value):
        """The point in time that a JSON value names, or `None`."""
        found = None
        if type(value) is Num:
            found = self.epoch(value)
        elif type(value) is str:
            found = self.text(value.strip())
        return found if found is not None and FIRST <= found <= LAST else None

    def text(self, text):
        if self.pattern:
            return self.formatted(text)
        micros = rfc3339(text)
        if micros is not None:
            return micros * 1000
        if NUMBER.fullmatch(text):
            day = days(f"{text[:4]}-{text[4:6]}-{text[6:]}") if self.unit is None and len(text) == 8 else None
            return self.epoch(text) if day is None else self.local(day, 0, 0)
        if text.endswith(("UTC", "GMT")) and ISO.fullmatch(text[:-3].rstrip()):
            return Times({}).text(text[:-3].rstrip())
        match = ISO.fullmatch(text)
        if match:
            return self.iso(match)
        return rfc2822(text) if RFC2822.fullmatch(text) else None

    def iso(self, match):
        day = days(f"{match[1]}-{match[3]}-{match[4]}")
        hour, minute, second = (int(match[group] or 0) for group in (5, 7, 8))
        if day is None or hour > 23 or minute > 59 or second > 60:
            return None
        nanos = int((match[9] or "").ljust(9, "0"))
        seconds = hour * 3600 + minute * 60 + min(second, 59)
        if match[10] is None:
            return self.local(day, seconds, nanos)
        digits = re.sub("[^0-9]", "", match[10]).ljust(6, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
        return (day * 86_400 + seconds - (-offset if match[10][0] == "-" else offset)) * BILLION + nanos

    def formatted(self, text):
        match = self.pattern.fullmatch(text)
        if not match:
            return None
        part = collections.defaultdict(lambda: None, match.groupdict())
        number = lambda name, default: int(part[name] or default)  # noqa: E731
        nanos = int((part["f"] or "").ljust(9, "0"))
        if part["s"]:
            return int(part["s"]) * BILLION
        month = MONTHS.index(part["b"][:3].lower()) + 1 if part["b"] else number("m", 1)
        year = number("Y", 0) or (number("y", 0) + (2000 if number("y", 0) < 69 else 1900))
        day = days(f"{year:04}-{month:02}-{number('d', 1):02}")
        hour = number("H", 0)
        if part["I"]:
            hour = number("I", 12) % 12 + (12 if (part["p"] or "").lower() == "pm" else 0)
        if day is None or hour > 23 or number("M", 0) > 59 or number("S", 0) > 60:
            return None
        seconds = hour * 3600 + number("M", 0) * 60 + min(number("S", 0), 59)
        if part["z"] is None:
            return self.local(day, seconds, nanos)
        digits = re.sub("[^0-9]", "", part["z"]).ljust(4, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
        return (day * 86_400 + seconds - (-offset if part["z"][0] == "-" else offset)) * BILLION + nanos

    def local(self, day, seconds, nanos):
        """A time on the clocks of the zone; one that was skipped moves on by the gap, of two the first is meant."""
        if self.zone is None:
            return None
        clock = datetime.datetime.fromordinal(day + 719_163) + datetime.timedelta(seconds=seconds)
        offset = clock.replace(tzinfo=self.zone).utcoffset()
        return (day * 86_400 + seconds - round(offset.total_seconds())) * BILLION + nanos

    def epoch(self, number):
        value = scaled(number, 18)
        if value is None:
            return None
        size = abs(value) // 10**18
        unit = self.unit or next((u for u, most in (("s", 11), ("ms", 14), ("us", 17)) if size < 10**most), "ns")
        return value * UNITS[unit] // 10**18


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
LONG = "january|february|march|april|may|june|july|august|september|october|november|december"
DIRECTIVES = {
    "Y": "(?P<Y>[0-9]{1,4})", "y": "(?P<y>[0-9]{2})", "m": "(?P<m>[0-9]{1,2})", "d": "(?P<d>[0-9]{1,2})",
    "e": r"\s*(?P<d>[0-9]{1,2})", "H": "(?P<H>[0-9]{1,2})", "M": "(?P<M>[0-9]{1,2})", "S": "(?P<S>[0-9]{1,2})",
    "I": "(?P<I>[0-9]{1,2})", "p": "(?P<p>[AaPp][Mm])", "b": f"(?P<b>(?i:{'|'.join(MONTHS)}))", "B": f"(?P<b>(?i:{LONG}))",
    "f": "(?P<f>[0-9]{1,9})", ".f": r"(?:\.(?P<f>[0-9]{1,9}))?", "s": "(?P<s>-?[0-9]+)",
    "z": "(?P<z>[+-][0-9]{4})", ":z": "(?P<z>[+-][0-9]{2}:[0-9]{2})", "%": "%",
}  # fmt: skip


def strptime_pattern(text):
    """A regular expression for a strptime format."""
    text = text.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S").replace("%R", "%H:%M").replace("%D", "%m/%d/%y")
    pattern = ""
    for literal, directive in re.findall(r"([^%]+)|%([.:]?.)", text):
        if directive and directive not in DIRECTIVES:
            raise Beyond(f"the format %{directive} of an event_time")
        pattern += DIRECTIVES[directive] if directive else re.sub(r"(\\ |\s)+", r"\\s*", re.escape(literal))
    return re.compile(pattern)


def rfc2822(text):
    parts = parsedate_tz(text)
    day = parts and days(f"{parts[0]:04}-{parts[1]:02}-{parts[2]:02}")
    if day is None or parts[3] > 23 or parts[4] > 59 or parts[5] > 60:
        return None
    return (day * 86_400 + parts[3] * 3600 + parts[4] * 60 + min(parts[5], 59) - (parts[9] or 0)) * BILLION


# ---------------------------------------------------------------- pages to records

CHARSETS = {
    label: codec
    for codec, labels in {
        "utf-8": "utf-8 utf8",
        "cp1252": "windows-1252 cp1252 iso-8859-1 iso8859-1 iso_8859-1 latin1 l1 ascii us-ascii",
        "iso8859-2": "iso-8859-2 latin2", "iso8859-15": "iso-8859-15 latin-9", "cp1250": "windows-1250",
        "cp1251": "windows-1251", "koi8-r": "koi8-r", "utf-16-le": "utf-16 utf-16le", "utf-16-be": "utf-16be",
    }.items()
    for label in labels.split()
}  # fmt: skip
MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def to_text(body, charset):
    """The page as text: a byte-order mark decides over the character set that the answer declared."""
    label = (charset or "utf-8").strip().strip('"').lower()
    codec = CHARSETS.get(label)
    for mark, marked in MARKS.items():
        if body.startswith(mark):
            body, codec = body[len(mark) :], marked
    if codec is None:
        raise Beyond(f"the character set {label}")
    try:
        if codec == "cp1252":  # On the web it has no gaps.
            return "".join(chr(b) if b in b"\x81\x8d\x8f\x90\x9d" else bytes([b]).decode(codec) for b in body)
        return body.decode(codec)
    except UnicodeDecodeError as error:
        raise Failed(f"this is not {codec}: {error.reason} (at byte {error.start})") from error


STEP = re.compile(r"""(?P<each>\[\*\]|\.\*)|\.(?P<name>[A-Za-z0-9_\u0080-\U0010ffff]+)|\['(?P<single>[^'\\]*)'\]|\["(?P<double>[^"\\]*)"\]|\[(?P<index>[0-9]+)\]""")
EACH = object()


def route(path):
    """The steps of a JSONPath of names, indices and wildcards."""
    path, steps = path.strip(), []
    at = 1
    while at < len(path):
        match = STEP.match(path, at)
        if not match:
            raise Beyond(f"the JSONPath {path}")
        kind = match.lastgroup
        steps.append(EACH if kind == "each" else int(match[kind]) if kind == "index" else match[kind])
        at = match.end()
    return steps


def walk(scan, text, at, steps, visit):
    """Reads the value at `at`, visiting those that the steps lead to; returns where it ends."""
    at = skip(text, at)
    if not steps:
        return visit(at)
    step, rest = steps[0], steps[1:]
    kind = text[at : at + 1]
    if kind not in ("{", "[") or not (step is EACH or type(step) is (str if kind == "{" else int)):
        return scan(text, at)[1]
    seen = []

    def entry(key, place):
        if step is not EACH and key != step:
            return scan(text, place)[1]
        if step is not EACH and key in seen:
            raise Failed(f"the path leads through `{step}`, which stands twice in one object; which is meant?")
        seen.append(key)
        return walk(scan, text, place, rest, visit)

    if step is EACH:
        seen = collections.deque(maxlen=0)
    return each_entry(scan, text, at, entry)


def each_json(scan, text, path, visit):
    """Visits the records of a document: the selected values, or the items of the one selected array."""
    steps = route(path)

    def record(at):
        value, end = scan(text, at)
        visit(value, text, at, end)
        return end

    def elements(at):
        if text[at : at + 1] == "[":
            return walk(scan, text, at, [EACH], record)
        return scan(text, at)[1] if text.startswith("null", at) else record(at)

    end = walk(scan, text, 0, steps, record if EACH in steps else elements)
    if skip(text, end) != len(text):
        raise Failed(f"more text follows after the JSON value (at character {end}); is it NDJSON?")


def each_csv(text, visit):
    """Visits each row as a JSON object; a cell that is spelled as a number, `true` or `false` is that."""
    csv.field_size_limit(sys.maxsize)
    rows = (row for row in csv.reader(io.StringIO(text, newline="")) if row)
    keys, taken = [], set()
    for place, name in enumerate(next(rows, [])):
        name = unique = name.strip() or f"column_{place + 1}"
        count = 1
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        keys.append(unique)
    last = None
    for last in rows:
        if len(last) != len(keys):
            raise Failed(f"a row has {len(last)} cells, but the header has {len(keys)}; is a comma not quoted?")
        record = Obj(zip(keys, map(cell, last)))
        visit(record, None, 0, 0)
    if last and not text.endswith("\n") and text.count('"') % 2:
        raise Failed("the text ends in the middle of a quoted cell; it was cut off")


def cell(text):
    if text in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[text]
    return Num(text) if NUMBER.fullmatch(text) else text


# ---------------------------------------------------------------- schema: types, and how they widen
# A type is as the ledger writes it: a word, {"decimal": scale}, {"struct": [field, …]} or {"list": type}.

PARTITION = ["year", "month", "day", "hour", "minute"]
LINEAGE = {"_tidegate_batch": "string", "_tidegate_row": "int64", "_tidegate_polled_at": "timestamp"}
TEXTS = ("date", "timestamp", "string")
ARROW = {
    "boolean": pa.bool_(), "int53": pa.int64(), "int64": pa.int64(), "double": pa.float64(), "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"), "string": pa.string(), "json": pa.string(),
}  # fmt: skip


def kind_of(data_type):
    return data_type if type(data_type) is str else next(iter(data_type))


def inside(data_type):
    return next(iter(data_type.values()))


def arrow_type(data_type):
    """The Arrow type; `None` while nothing but nulls is known."""
    kind = kind_of(data_type)
    if kind == "decimal":
        return pa.decimal128(38, inside(data_type))
    if kind == "struct":
        fields = arrow_fields(inside(data_type))
        return pa.struct(fields) if fields else None
    if kind == "list":
        item = arrow_type(inside(data_type))
        return item and pa.list_(pa.field("element", item))
    return ARROW.get(kind)


def arrow_fields(fields):
    """The columns of the fields whose type is known."""
    typed = ((field.get("column", field["name"]), arrow_type(field["type"])) for field in fields)
    return [pa.field(name, data_type) for name, data_type in typed if data_type is not None]


def infer(value, depth=0):
    """The narrowest type that holds a value with every digit."""
    if depth > MAX_DEPTH:
        raise Failed("objects and arrays are nested deeper than 128 levels")
    kind = type(value)
    if value is None:
        return "unknown"
    if kind is bool:
        return "boolean"
    if kind is Num:
        return number_type(value)
    if kind is str:
        return "date" if days(value) is not None else "timestamp" if rfc3339(value) is not None else "string"
    if kind is Obj:
        fields = infer_fields(value, depth + 1)
        return {"struct": fields} if fields else "unknown"
    item = "unknown"
    for one in value:
        wider = widen(item, infer(one, depth + 1))
        item = item if wider is None else wider
    return {"list": item} if value else "unknown"


def infer_fields(pairs, depth=0):
    """The fields of an object; of a name that comes twice the last value counts."""
    return [{"name": name, "type": infer(value, depth)} for name, value in dict(pairs).items()]


def widen(a, b):
    """The least type that holds the values of both; `None` if none does without turning values into text."""
    if a == b or b == "unknown":
        return a
    if a == "unknown":
        return b
    kinds = {kind_of(a), kind_of(b)}
    if "json" in kinds:
        return "json"
    if kinds <= {"int53", "int64"}:
        return "int64"
    if kinds == {"int53", "double"}:
        return "double"
    if "decimal" in kinds and kinds & {"int53", "int64"}:
        return a if kind_of(a) == "decimal" else b
    if kinds <= set(TEXTS):
        return "string"
    if kinds == {"list"}:
        item = widen(inside(a), inside(b))
        return None if item is None else {"list": item}
    return widen_struct(inside(a), inside(b)) if kinds == {"struct"} else None


def widen_struct(a, b):
    fields = [dict(field) for field in a]
    places = {field["name"]: field for field in fields}
    for field in b:
        known = places.get(field["name"])
        if known is None:
            fields.append(field)
        elif not known.get("declared"):
            known["type"] = widen(known["type"], field["type"])
            if known["type"] is None:
                return None
    return {"struct": fields}


def dotted(prefix, name):
    return f"{prefix}.{name}" if prefix else name


def declared_type(word):
    return {"decimal": 18} if word == "decimal" else word


def declare(fields, declared, prefix=""):
    """Gives fields the types that the pipeline file declares; whether any changed."""
    changed = False
    for field in fields:
        path = dotted(prefix, field["name"])
        inner = field["type"]
        while kind_of(inner) == "list":
            inner = inside(inner)
        if path in declared:
            changed |= field["type"] != declared_type(declared[path])
            field["type"], field["declared"] = declared_type(declared[path]), True
        elif kind_of(inner) == "struct":
            changed |= declare(inside(inner), declared, path)
    return changed


def leaves(data_type):
    """Number of columns, those within structs counted one by one."""
    if kind_of(data_type) == "struct":
        return sum(leaves(field["type"]) for field in inside(data_type))
    return leaves(inside(data_type)) if kind_of(data_type) == "list" else 1


class Merge:
    """Takes records into a schema: what a record may change in it, and the changes."""

    def __init__(self, add, wider, declared, event, room):
        self.add, self.wider, self.declared, self.event, self.room = add, wider, declared, event, room

    def record(self, known, new):
        """`None` if the record would add more columns than there is room for; else whether the schema is wider."""
        if self.add and self.added(known, new, "") > self.room:
            return None
        return self.fields(known, new, "")

    def added(self, known, new, prefix):
        places = {field["name"]: field for field in known}
        count = 0
        for field in new:
            path, found = dotted(prefix, field["name"]), places.get(field["name"])
            if found is None:
                count += 1 + (0 if path in self.declared else self.added_to("unknown", field["type"], path))
            elif not found.get("declared"):
                count += self.added_to(found["type"], field["type"], path)
        return count

    def added_to(self, known, new, path):
        kinds = kind_of(known), kind_of(new)
        if kinds == ("unknown", "struct") and path not in self.declared:
            return max(0, self.added([], inside(new), path) - 1)
        if kinds == ("unknown", "list") and path not in self.declared:
            return self.added_to(known, inside(new), path)
        if kinds == ("struct", "struct"):
            return self.added(inside(known), inside(new), path)
        return self.added_to(inside(known), inside(new), path) if kinds == ("list", "list") else 0

    def fields(self, known, new, prefix):
        places = {field["name"]: field for field in known}
        names, changed = None, False
        for field in new:
            path, found = dotted(prefix, field["name"]), places.get(field["name"])
            if found is not None:
                changed |= self.field(found, field["type"], path)
            elif self.add:
                names = names or self.names(known, prefix)
                found = {"name": field["name"], "type": "unknown", **self.column(names, field["name"])}
                self.field(found, field["type"], path)
                known.append(found)
                changed = True
        return changed

    @staticmethod
    def names(known, prefix):
        """Names that are taken, case folded: query engines fold it, and take partition columns from the path."""
        reserved = [] if prefix else [*PARTITION, *LINEAGE]
        return {"", *reserved, *(field.get("column", field["name"]).lower() for field in known)}

    @staticmethod
    def column(taken, name):
        column, count = name, 1
        while column.lower() in taken:
            count += 1
            column = f"{name}_{count}"
        taken.add(column.lower())
        return {} if column == name else {"column": column}

    def field(self, known, new, path):
        if known.get("declared"):
            return False
        if known["type"] == "unknown" and path in self.declared:
            known["type"], known["declared"] = declared_type(self.declared[path]), True
            return True
        if self.event == path and known["type"] == "unknown" and self.add:
            known["type"] = "timestamp"
            return True
        if self.event == path and known["type"] == "timestamp":
            return False
        before = known["type"]
        known["type"], changed = self.type(before, new, path)
        return changed

    def type(self, known, new, path):
        if new == "unknown":
            return known, False
        if known == "unknown":
            return (self.first(new, path), True) if self.add else (known, False)
        kinds = kind_of(known), kind_of(new)
        if kinds == ("struct", "struct"):
            return known, self.fields(inside(known), inside(new), path)
        if kinds == ("list", "list"):
            item, changed = self.type(inside(known), inside(new), path)
            return {"list": item}, changed
        wider = widen(known, new) if self.wider else None
        return (known, False) if wider is None or wider == known else (wider, True)

    def first(self, new, path):
        """The type of a field whose first value has type `new`."""
        if kind_of(new) == "struct":
            fields = []
            self.fields(fields, inside(new), path)
            return {"struct": fields}
        return {"list": self.first(inside(new), path)} if kind_of(new) == "list" else new


# ---------------------------------------------------------------- records to rows

MISFIT = object()
TYPE_WORDS = {
    "unknown": "nothing yet", "boolean": "booleans", "int53": "64-bit integers", "int64": "64-bit integers",
    "double": "doubles", "date": "dates", "timestamp": "timestamps", "string": "text", "json": "JSON",
    "struct": "objects", "list": "lists",
}  # fmt: skip
SPELLED = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
PLAIN_TIMES = Times({})
Misfit = collections.namedtuple("Misfit", "cause type field value raw")


def spelled_number(value, declared):
    """The number that a value is; of a declared column also one in quotes."""
    if type(value) is Num:
        return value
    if declared and type(value) is str and NUMBER.fullmatch(value.strip()):
        return Num(value.strip())
    return None


def as_boolean(value, declared):
    if type(value) is bool:
        return value
    return SPELLED.get(value.strip(), MISFIT) if declared and type(value) is str else MISFIT


def as_integer(value, declared, most=1 << 63):
    number = spelled_number(value, declared)
    if number is None:
        return MISFIT
    found = whole(number)
    if found is not None and (-INT53 <= found <= INT53 if most == INT53 else True):
        return found
    found = scaled(number, 0) if declared else None
    return MISFIT if found is None or not -(1 << 63) <= found < 1 << 63 else found


def as_int53(value, declared):
    return as_integer(value, declared, INT53)


def as_double(value, declared):
    number = spelled_number(value, declared)
    if number is None:
        return MISFIT
    if declared:
        found = float(number)
        return MISFIT if abs(found) == inf else found
    if is_integer(number):
        found = whole(number)
        return MISFIT if found is None or not -INT53 <= found <= INT53 else float(number)
    found = exact_double(number)
    return MISFIT if found is None else found


def as_decimal(scale):
    def read(value, declared):
        number = spelled_number(value, declared)
        found = None if number is None else scaled(number, scale)
        if found is None:
            return MISFIT
        return decimal.Decimal((int(found < 0), tuple(map(int, str(abs(found)))), -scale))

    return read


def as_date(value, declared):
    found = days(value) if type(value) is str else None
    return MISFIT if found is None else found


def as_timestamp(value, declared):
    if declared:
        nanos = PLAIN_TIMES.parse(value)
        return MISFIT if nanos is None else nanos // 1000
    found = rfc3339(value) if type(value) is str else None
    return MISFIT if found is None else found


def as_string(value, declared):
    if type(value) is str:
        return value
    return to_json(value) if declared and type(value) in (Num, bool) else MISFIT


LEAVES = {
    "boolean": as_boolean, "int53": as_int53, "int64": as_integer, "double": as_double, "date": as_date,
    "timestamp": as_timestamp, "string": as_string,
}  # fmt: skip


class Column:
    """How the values of a field become those of its column."""

    def __init__(self, name, data_type, declared, path, event):
        self.name, self.type, self.declared, self.path = name, data_type, declared, path
        self.event = event == path
        self.kind = kind_of(data_type)
        self.leaf = as_decimal(inside(data_type)) if self.kind == "decimal" else LEAVES.get(self.kind)
        if self.kind == "struct":
            self.fields = Fields(inside(data_type), path, event)
        if self.kind == "list":
            # A list holds no event time, so none is looked for in it.
            self.item = Column(name, inside(data_type), declared, path, None)

    def read(self, value, notes, at):
        """The value for Arrow; `None` where it is null or does not fit, which is noted."""
        if self.event:
            nanos = notes.times.parse(value)
            notes.event = (nanos, "" if nanos is not None else notes.raw(at, value))
            if self.type == "timestamp":
                return None if nanos is None else nanos // 1000
        if value is None:
            return None
        found = MISFIT
        if self.leaf:
            found = self.leaf(value, self.declared)
        elif self.kind == "json":
            return notes.raw(at, value)
        elif self.kind == "struct" and type(value) is Obj:
            return self.fields.read(value, notes, at, {})
        elif self.kind == "list" and type(value) is list:
            return [None if one is None else self.item.read(one, notes, (*at, i)) for i, one in enumerate(value)]
        if found is not MISFIT:
            return found
        if not hollow(value):
            cause = "new" if self.kind == "unknown" else "type"
            notes.misfits.append(Misfit(cause, self.type, self.path, value, notes.raw(at, value)))
        return None


class Fields:
    """The columns of a record, at any depth, by the names of its fields."""

    def __init__(self, fields, path, event):
        self.path = path
        self.columns = {}
        for field in fields:
            name, declared = field.get("column", field["name"]), field.get("declared", False)
            column = Column(name, field["type"], declared, dotted(path, field["name"]), event)
            self.columns[field["name"]] = column

    def read(self, pairs, notes, at, row):
        """Reads an object into `row`, a dictionary by name of column."""
        columns = self.columns
        for i, (key, value) in enumerate(pairs):
            column = columns.get(key)
            if column is None:
                self.stranger(key, value, notes, (*at, i))
                continue
            if value is not None and column.leaf and not column.event:
                found = column.leaf(value, column.declared)
                row[column.name] = column.read(value, notes, (*at, i)) if found is MISFIT else found
            else:
                row[column.name] = column.read(value, notes, (*at, i))
        return row

    def read_field(self, name, value, notes, at, row):
        if name in self.columns:
            row[self.columns[name].name] = self.columns[name].read(value, notes, at)
        else:
            self.stranger(name, value, notes, at)

    def stranger(self, name, value, notes, at):
        if notes.add or not hollow(value):
            notes.misfits.append(Misfit("new", None, dotted(self.path, name), value, notes.raw(at, value)))


class Notes:
    """What reading one record brought to light besides its values."""

    def __init__(self, times, add, scan):
        self.times, self.add, self.scan = times, add, scan
        self.begin(None, 0)

    def begin(self, text, start):
        self.text, self.start = text, start
        self.misfits, self.event = [], None

    def raw(self, at, value):
        """The text of a value; a row of CSV and the values that a stream adds have none but their JSON."""
        return to_json(value) if self.text is None else raw_at(self.scan, self.text, self.start, at)


def reason(misfit, most):
    """Why a value has no place, and what to do, in one sentence."""
    field, value, kind = misfit.field, misfit.value, misfit.type and kind_of(misfit.type)
    number = type(value) is Num
    if misfit.cause == "event":
        if misfit.raw == "null":
            return f"the event time {field} is missing, so the row has no partition"
        return f"the event time {field} is no point in time in the years 1 to 9999; set its unit, format or timezone"
    if misfit.cause == "many":
        return f"the table would have more than {most} columns; raise limits.max_columns or declare a parent field as json"
    if misfit.cause == "table":
        return "the table does not exist and the contract creates none"
    if misfit.cause == "new":
        if number and infer(value) == "unknown":
            return "no number type holds all its digits; declare the column as string or double"
        return f"the table has no field {field}"
    found = "a number" if number else {Obj: "an object", list: "a list", str: "text", bool: "a boolean"}.get(type(value), "null")
    advice = ""
    if number and kind == "double":
        advice = " that a double does not hold exactly; declare the column as decimal, double or string"
    elif number and kind in ("int53", "int64", "decimal"):
        advice = " that the column does not hold with every digit; declare the column as decimal, double or string"
    if kind == "decimal":
        scale = inside(misfit.type)
        words = "decimals (20 digits before the point, 18 after)" if scale else "integers of up to 38 digits"
    else:
        words = TYPE_WORDS[kind]
    return f"the column holds {words}, this is {found}{advice}"


# ---------------------------------------------------------------- a load: pages in, files out

CHUNK_BYTES = 32 << 20
SETTINGS = {"table", "records", "event_time", "partition_by", "contract", "columns", "max_columns"}


class Loader:
    """Decodes the pages of one load under a fixed schema. Once a record widens it, no more rows are kept: all that is
    wanted then is how wide it gets. `new` is a table that the load creates, which takes whatever comes."""

    def __init__(self, load, spec, fields, new):
        for name in spec.keys() - SETTINGS:
            raise Beyond(f"the setting {name} of a stream")
        self.load, self.spec, self.new = load, spec, new
        self.fields = json.loads(json.dumps(fields))
        self.wider = False
        rules = spec.get("event_time")
        self.event = rules and rules["path"].removeprefix("$.")
        self.scan = json_scanner()
        add = new or spec["contract"]["columns"] == "evolve"
        self.notes = Notes(Times(rules) if rules else PLAIN_TIMES, add, self.scan)
        self.batch = None
        self.row = self.rows = self.quarantined = 0
        self.quarantine = []
        self.renew()

    def renew(self):
        self.root = Fields(self.fields, "", self.event)
        self.table = Table(self.fields, self.spec["partition_by"])

    def page(self, batch, page, body):
        """Takes in one page; the pages of a batch come in order."""
        name = f"{batch['stream']}/{batch['seq']:012}"
        if self.batch != name:
            self.batch, self.row = name, 0
        repeats = {n for first, count in page.get("repeats", []) for n in range(first, first + count)}
        constants = [(key, value) for key, value in page.get("fields", [])]
        first = self.row

        def visit(value, text, at, end):
            if self.row - first not in repeats:
                self.record(batch, page, constants, value, text, at, end)
            self.row += 1

        try:
            if page["format"] not in ("json", "ndjson", "csv"):
                raise Beyond(f"the format {page['format']}")
            text = to_text(body, page.get("charset"))
            if re.search(r"\\u[dD]", text) and any(match[1] for match in HALVES.finditer(text)) and page["format"] != "csv":
                raise Failed("a \\u escape is half of a surrogate pair")
            if page["format"] == "csv":
                if route(self.spec["records"]):
                    raise Failed(f"a CSV page has no `{self.spec['records']}`; leave `records` out")
                each_csv(text, visit)
            elif page["format"] == "ndjson":
                for line in text.split("\n"):
                    if line.strip(" \t\r\f"):
                        each_json(self.scan, line, self.spec["records"], visit)
            else:
                each_json(self.scan, text, self.spec["records"], visit)
        except Frozen:
            raise
        except Failed as error:
            raise type(error)(f"page {page['key']}: {error.args[0]}") from error

    def record(self, batch, page, constants, value, text, at, end):
        row, notes = {}, self.notes
        notes.begin(None, 0)
        for name, constant in constants:
            self.root.read_field(name, constant, notes, (), row)
        notes.text, notes.start = text, at
        if type(value) is not Obj:
            self.root.read_field("value", value, notes, (), row)
        elif constants:
            hidden = {name for name, _ in constants}
            for i, (key, one) in enumerate(value):
                if key not in hidden:
                    self.root.read_field(key, one, notes, (i,), row)
        else:
            self.root.read(value, notes, (), row)
        raw = lambda: to_json(value) if text is None else text[at:end]  # noqa: E731
        place = (batch, page, raw)
        if notes.misfits or self.new and self.spec["contract"]["tables"] != "evolve":
            self.settle(place, constants, value, row)
        elif not self.wider:
            self.land(place, row, [], end - at)

    def settle(self, place, constants, value, row):
        """A record that does not fit the table as it is, judged by the contract."""
        contract, misfits = self.spec["contract"], self.notes.misfits
        if self.new and contract["tables"] != "evolve":
            if contract["tables"] == "freeze":
                raise Frozen(f"table {self.spec['table']} does not exist and contract.tables is freeze")
            return self.discard(place, Misfit("table", None, "", None, "null"))
        # A table that is just being created takes whatever comes, as far as types go; only then the contract counts.
        if not self.new:
            self.thaw(misfits)
        merged = False
        if self.new or any(self.mode(misfit) == "evolve" for misfit in misfits):
            merged = self.merge(constants, value)
        if merged:
            self.wider = True
            self.renew()
        if self.wider:
            return None
        self.thaw(misfits)
        self.find_event(value, misfits)
        for misfit in misfits:
            mode = self.mode(misfit)
            if mode != "discard_value":
                many = mode == "evolve" and merged is None and misfit.cause == "new"
                return self.discard(place, misfit._replace(cause="many") if many else misfit)
        return self.land(place, row, misfits, 0)

    def thaw(self, misfits):
        """Ends the load if the contract freezes what the record would change."""
        for misfit in misfits:
            if self.mode(misfit) == "freeze":
                raise Frozen(f"table {self.spec['table']} is frozen: record {self.row} of batch {self.batch} has "
                             f"{misfit.field} = {misfit.raw[:80]}, but {reason(misfit, 0)}")  # fmt: skip

    def mode(self, misfit):
        return self.spec["contract"]["columns" if misfit.cause == "new" else "data_type"]

    def merge(self, constants, value):
        contract = self.spec["contract"]
        room = max(0, self.spec["max_columns"] - sum(leaves(field["type"]) for field in self.fields))
        rules = Merge(self.new or contract["columns"] == "evolve", self.new or contract["data_type"] == "evolve",
                      self.spec.get("columns", {}), self.event, room)  # fmt: skip
        pairs = value if type(value) is Obj else [("value", value)]
        return rules.record(self.fields, infer_fields([*pairs, *constants]))

    def find_event(self, value, misfits):
        """An event time in a field that the table does not have was not seen while reading."""
        if self.event is None or self.notes.event is not None:
            return
        if any(self.event == m.field or self.event.startswith(f"{m.field}.") for m in misfits):
            at = ()
            for name in self.event.split("."):
                places = [i for i, (key, _) in enumerate(value) if key == name] if type(value) is Obj else []
                if not places:
                    return
                at, value = (*at, places[-1]), value[places[-1]][1]
            self.notes.event = (self.notes.times.parse(value), self.notes.raw(at, value))

    def land(self, place, row, discarded, size):
        batch = place[0]
        nanos = parse_time(batch["polled_at"])
        polled = nanos // 1000
        if self.event is not None:
            nanos, found = self.notes.event or (None, "null")
            if nanos is None:
                return self.discard(place, Misfit("event", None, self.event, None, found))
        for misfit in discarded:
            self.discard(place, misfit)
        self.rows += 1
        row.update(zip(LINEAGE, (self.batch, self.row, polled)))
        self.table.add(row, nanos, size)
        return None

    def discard(self, place, misfit):
        """Puts a line into quarantine: a whole record, or a value of one that lands without it."""
        _, page, raw = place
        self.quarantined += 1
        self.quarantine.append(
            f'{{"batch":{quoted(self.batch)},"page":{quoted(page["key"])},"row":{self.row},'
            f'"reason":{quoted(reason(misfit, self.spec["max_columns"]))},"field":{quoted(misfit.field)},'
            f'"value":{compact(misfit.raw)},"record":{compact(raw())}}}\n'
        )

    def files(self):
        """Key, rows and bytes of each data file, sorted by key."""
        table = self.spec["table"]
        found = self.table.parts()
        return [(f"{table}/{path}/{self.load}-0.parquet", found[path]) for path in sorted(found)]


class Frozen(Failed):
    """A contract in `freeze` was broken."""


class Table:
    """Rows, sorted into partitions."""

    def __init__(self, fields, grain):
        lineage = [pa.field(name, ARROW[data_type]) for name, data_type in LINEAGE.items()]
        self.schema = pa.schema([*arrow_fields(fields), *lineage])
        self.depth = PARTITION.index(grain) + 1
        self.unit = 60 if grain == "minute" else 3600 if grain == "hour" else 86_400
        self.paths, self.pieces = {}, collections.defaultdict(list)
        self.rows, self.places, self.bytes = [], collections.defaultdict(list), 0

    def add(self, row, nanos, size):
        self.places[self.path(nanos // BILLION)].append(len(self.rows))
        self.rows.append(row)
        self.bytes += size
        if self.bytes > CHUNK_BYTES:
            self.end_chunk()

    def path(self, second):
        """`year=2026/month=11/…`, to the grain."""
        period = second // self.unit
        if period not in self.paths:
            time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)
            digits = {"year": 4}
            parts = (f"{name}={getattr(time, name):0{digits.get(name, 2)}}" for name in PARTITION[: self.depth])
            self.paths[period] = "/".join(parts)
        return self.paths[period]

    def end_chunk(self):
        columns = [pa.array([row.get(field.name) for row in self.rows], field.type) for field in self.schema]
        table = pa.Table.from_arrays(columns, schema=self.schema)
        for path, places in self.places.items():
            self.pieces[path].append(table if len(self.places) == 1 else table.take(pa.array(places)))
        self.rows, self.places, self.bytes = [], collections.defaultdict(list), 0

    def parts(self):
        if self.rows:
            self.end_chunk()
        return {path: pa.concat_tables(pieces) for path, pieces in self.pieces.items()}


def parquet(table):
    sink = io.BytesIO()
    # The Arrow schema is left out of the file: the Parquet types say it all.
    pq.write_table(table, sink, compression="zstd", store_schema=False, row_group_size=1 << 20)
    return sink.getvalue()


def parse_time(text):
    """Nanoseconds since 1970 of a time in a document."""
    return PLAIN_TIMES.text(text)


# ---------------------------------------------------------------- loads: the rules of docs/concepts/exactly-once.md

Decoded = collections.namedtuple("Decoded", "version widened files quarantine rows quarantined")
BATCH = re.compile(r"batches/([^/]+)/([0-9]{12})\.batch\.json")
EVENT_LOAD = re.compile(r"([^-]+)-([0-9]{12})")


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


class Lake:
    """The two stores, and what may be done with a load. Made in each task; it holds no state of its own."""

    def __init__(self, staging, lake):
        self.staging, self.lake = open_store(staging), open_store(lake)

    def read_batch(self, key):
        body = self.staging.get(key)
        if body is None:
            raise Failed(f"{key} is not in staging")
        batch = dict(json_scanner()(body.decode(), 0)[0])
        plain = json.loads(body)
        if plain["version"] > 1:
            raise Beyond(f"{key} was written by a newer tidegate")
        # The values that a stream adds keep their spelling.
        for page, exact in zip(plain["pages"], batch["pages"]):
            page["fields"] = dict(exact).get("fields", Obj())
        del plain["checkpoint"]
        return plain

    # ------------------------------------------------------------ the schema ledger

    def latest_version(self, table):
        found = self.lake.list(f"_tidegate/schema/{table}/")
        return max((int(key.rsplit("/", 1)[1].removesuffix(".json")) for key in found), default=0)

    def schema(self, table, version):
        if version == 0:
            return {"version": 0, "fields": []}
        return read_document(self.lake, f"_tidegate/schema/{table}/{version:06}.json")

    # ------------------------------------------------------------ decode

    def decode(self, load, spec, batches, may_widen):
        """Decodes all batches of a load under the current schema. Writes nothing but new versions of the schema."""
        table = spec["table"]
        before = version = self.latest_version(table)
        while True:
            if version == 0 and not may_widen:
                raise NeedsWider
            fields = self.schema(table, version)["fields"]
            wider = declare(fields, spec.get("columns", {}))
            loader = self.decode_under(load, spec, fields, version == 0, batches)
            while loader.wider and may_widen:
                wider = True
                loader = self.decode_under(load, spec, loader.fields, version == 0, batches)
            if loader.wider or wider and not may_widen:
                raise NeedsWider
            if wider or version == 0 and loader.rows:
                version += 1
                ours = {"version": version, "fields": loader.fields}
                if create_once(self.lake, f"_tidegate/schema/{table}/{version:06}.json", ours) != ours:
                    version = self.latest_version(table)
                    continue
            quarantine = "".join(loader.quarantine).encode()
            files = [(key, rows.num_rows, parquet(rows)) for key, rows in loader.files()]
            return Decoded(version, version > before, files, quarantine, loader.rows, loader.quarantined)

    def decode_under(self, load, spec, fields, new, batches):
        """All batches of a load under these fields; what comes out has none but them, or wants wider ones."""
        loader = Loader(load, spec, fields, new)
        for batch in batches:
            for page in batch["pages"]:
                loader.page(batch, page, self.page_body(page))
        return loader

    def page_body(self, page):
        body = self.staging.get(page["key"])
        if body is None:
            raise PageGone(f"{page['key']} is no longer in staging; its load stays as it is")
        if len(body) != page["bytes"]:
            raise Failed(f"{page['key']} has {len(body)} bytes where its batch says {page['bytes']}")
        return body

    # ------------------------------------------------------------ one load

    def load_batch(self, key, may_widen):
        """Event mode: one batch is one load, and its claim is its plan."""
        if not BATCH.fullmatch(key):
            raise Failed(f"`{key}` is no batch; name an object below batches/ in staging")
        load = event_load(key)
        batch = self.read_batch(key)
        owner, first = self.claim(key, load)
        if owner != load:
            return report(owner, "", "claimed", 0, 0, 0)
        ended = self.latest(load)
        return of_manifest(ended, "already") if ended else self.finish(load, [batch], may_widen, first)

    def claim(self, key, load):
        """The load that has the batch, ours or another that was first, and whether nobody had claimed it before."""
        stream, seq = BATCH.fullmatch(key).groups()
        theirs = self.lake.create(f"_tidegate/claims/{stream}/{seq}.json", document({"load": load}))
        return (load if theirs is None else json.loads(theirs)["load"]), theirs is None

    def carry_out(self, load, may_widen):
        """Windowed mode: claims the candidates of a plan and loads those it won."""
        ended = self.latest(load)
        if ended:
            return of_manifest(ended, "already")
        plan = read_document(self.lake, f"_tidegate/plans/{load}.json")
        claims = {key: self.claim(key, load) for key in plan["batches"]}
        won = [key for key, (owner, _) in claims.items() if owner == load]
        if won:
            first = all(claims[key][1] for key in won)
            return self.finish(load, [self.read_batch(key) for key in won], may_widen, first)
        # All went to other loads; so that nobody looks at it again, it ends without anything.
        spec = self.read_batch(plan["batches"][0])["load"]
        nothing = Decoded(0, False, [], b"", 0, 0)
        return self.end(self.manifest(load, [], [plan["from"], plan["until"]], spec, nothing, 0), False)

    def finish(self, load, batches, may_widen, first):
        """Decodes, writes and ends a load whose batches are claimed; `first` if no run of it can have written anything."""
        spec, strays, widened = batches[0]["load"], set(), False
        while True:
            decoded = self.decode(load, spec, batches, may_widen)
            widened |= decoded.widened
            written = self.write_first(load, spec, decoded)
            if written is not None:
                break
            strays |= {key for key, _, _ in decoded.files}
        if not first:
            strays |= self.parts(load, decoded)
        for key in strays - {key for key, _, _ in decoded.files}:
            self.lake.delete(key)
        polled = sorted((batch["polled_at"] for batch in batches), key=parse_time)
        keys = [f"batches/{batch['stream']}/{batch['seq']:012}.batch.json" for batch in batches]
        decoded = decoded._replace(files=written)
        return self.end(self.manifest(load, keys, [polled[0], polled[-1]], spec, decoded, 0), widened)

    def write_first(self, load, spec, decoded):
        """Writes the files of a load that has not ended; what they are then, or `None` if another run of the load got
        on to a newer schema."""
        files, taken = dict((key, (key, rows, body)) for key, rows, body in decoded.files), []
        for key, body in written_files(load, spec, decoded):
            theirs = self.lake.create(key, body)
            if theirs not in (None, body):
                taken.append((key, body, theirs))
        # Files are never newer than the ledger: if we are as new as it, nothing that is there can be newer than ours.
        if taken and self.latest_version(spec["table"]) > decoded.version:
            return None
        for key, body, theirs in taken:
            if key in files and alike(body, theirs):
                files[key] = (key, files[key][1], theirs)
            else:
                self.lake.overwrite(key, body)
        return list(files.values())

    def parts(self, load, decoded):
        """Files of the load in its partitions: the loader in Rust cuts what is too large for its memory into parts, ours
        are whole."""
        folders = {key.rpartition("/")[0] + "/" for key, _, _ in decoded.files}
        return {key for folder in folders for key in self.lake.list(folder) if key.startswith(f"{folder}{load}-")}

    def manifest(self, load, batches, polled, spec, decoded, revision):
        files = [{"key": key, "rows": rows, "bytes": len(body)} for key, rows, body in decoded.files]
        return {
            "version": 1, "load": load, "revision": revision, "batches": batches, "polled": polled,
            "ended_at": now(), "spec": spec, "schema_version": decoded.version, "rows": decoded.rows,
            "quarantined": decoded.quarantined, "files": files,
        }  # fmt: skip

    def end(self, ours, widened):
        """Ends a load. If another has ended it meanwhile with something else, its word stands, and our files are put
        right."""
        load = ours["load"]
        if create_once(self.lake, f"_tidegate/loads/{load}.json", ours) == ours:
            return of_manifest(ours, "loaded", widened)
        latest = self.latest(load)
        if latest["schema_version"] != ours["schema_version"] or names(latest) != names(ours):
            self.rewrite(load, sorted(names(ours)))
            latest = self.latest(load)
        return of_manifest(latest, "already", widened)

    # ------------------------------------------------------------ rewrites

    def latest(self, load):
        """The latest revision of a load's manifest; `None` if the load has not ended."""
        found, revision = None, 0
        while True:
            body = self.lake.get(f"_tidegate/loads/{load}{f'.r{revision}' if revision else ''}.json")
            if body is None:
                return found
            found, revision = json.loads(body), revision + 1

    def rewrite(self, load, present=()):
        """Makes an ended load anew under the current schema; `present` are files of it that are known to be there."""
        while True:
            before = self.latest(load)
            revision, spec = before["revision"] + 1, before["spec"]
            intent = {"version": 1, "load": load, "revision": revision, "spec": spec, "ledger_decides": True}
            batches = [self.read_batch(key) for key in before["batches"]]
            plain = {name: value for name, value in spec.items() if name != "columns"}
            decoded = self.decode(load, plain, batches, True)
            if create_once(self.lake, f"_tidegate/rewrites/{load}.r{revision}.json", intent) != intent:
                raise Beyond(f"a replay of {load} is under way")
            if self.lake.get(f"_tidegate/loads/{load}.r{revision}.json") is None:
                for key, body in written_files(load, spec, decoded):
                    self.lake.overwrite(key, body)
                ours = self.manifest(load, before["batches"], before["polled"], spec, decoded, revision)
                gone = {*before.get("removed", []), *present, *names(before)}
                if before["quarantined"] and not decoded.quarantined:
                    gone.add(f"quarantine/{spec['table']}/{load}.ndjson")
                gone = sorted(gone - names(ours))
                ours |= {"removed": gone} if gone else {}
                create_once(self.lake, f"_tidegate/loads/{load}.r{revision}.json", ours)
            latest = self.clear(load, revision)
            if latest["revision"] == revision and latest["schema_version"] == decoded.version:
                return of_manifest(latest, "rewritten", decoded.widened)

    def clear(self, load, revision):
        """Removes what an ended revision no longer has, then its intent; the latest manifest."""
        latest = self.latest(load)
        if latest["revision"] == revision:
            for key in latest.get("removed", []):
                self.lake.delete(key)
        self.lake.delete(f"_tidegate/rewrites/{load}.r{revision}.json")
        return latest

    def finish_rewrite(self, name):
        """Finishes a rewrite whose process may be gone; `None` if nothing had to be written for it. A replay that has
        not ended is left to whoever began it, or to the loader in Rust."""
        load, _, revision = name.rpartition(".r")
        intent = self.lake.get(f"_tidegate/rewrites/{name}.json")
        if intent is None:
            return None
        if self.latest(load)["revision"] >= int(revision):
            self.clear(load, int(revision))
            return None
        return self.rewrite(load) if json.loads(intent)["ledger_decides"] else None


def written_files(load, spec, decoded):
    yield from ((key, body) for key, _, body in decoded.files)
    if decoded.quarantine:
        yield f"quarantine/{spec['table']}/{load}.ndjson", decoded.quarantine


def alike(ours, theirs):
    """Whether two files hold the same rows: engines do not write the same bytes."""
    try:
        ours, theirs = (pq.read_table(io.BytesIO(body)) for body in (ours, theirs))
        return ours.equals(theirs)
    except pa.ArrowInvalid:
        return False


def names(manifest):
    return {file["key"] for file in manifest["files"]}


def report(load, table, end, rows, quarantined, version, widened=False):
    return {"load": load, "table": table, "end": end, "rows": rows, "quarantined": quarantined,
            "schema_version": version, "widened": widened}  # fmt: skip


def of_manifest(manifest, end, widened=False):
    return report(manifest["load"], manifest["spec"]["table"], end, manifest["rows"], manifest["quarantined"],
                  manifest["schema_version"], widened)  # fmt: skip


# ---------------------------------------------------------------- the run: which loads, on Spark

# Store calls of the driver at once, and tasks for each core: many, since loads differ in size, but a task costs as much as
# a small load.
AT_ONCE, TASKS_A_CORE = 16, 8


def one_load(staging, lake, item, may_widen):
    """One load; what goes wrong with it stops no other."""
    kind, subject = item
    try:
        world = Lake(staging, lake)
        if kind in ("rewrite", "finish"):
            return (world.rewrite if kind == "rewrite" else world.finish_rewrite)(subject)
        return (world.load_batch if kind == "batch" else world.carry_out)(subject, may_widen)
    except NeedsWider:
        return {"again": item}
    except PageGone as error:
        return {"gone": subject, "error": f"{subject}: {error}"}
    except Exception as error:
        return {"load": subject, "error": f"{subject}: {error if isinstance(error, Failed) else repr(error)}"}


class Run:
    """One run of the job."""

    def __init__(self, spark, staging, lake):
        self.spark, self.addresses, self.world = spark, (staging, lake), Lake(staging, lake)
        self.reports = []

    def each(self, groups, may_widen):
        """All groups side by side; within a group one load after the other."""
        if not groups:
            return []
        staging, lake = self.addresses
        cores = self.spark.sparkContext.defaultParallelism
        work = self.spark.sparkContext.parallelize(groups, min(len(groups), TASKS_A_CORE * cores))
        task = lambda group: [one_load(staging, lake, item, may_widen) for item in group]  # noqa: E731
        return [one for done in work.map(task).collect() for one in done]

    def load(self, items):
        """Only the first loads of a stream may widen its table, in their order; the others wait for none of them unless
        they do not fit. So the ledger grows in the order of the batches, whatever runs first. The first are one, then
        two, then four, so that a table that changes with each load does not have the rest decoded again each time."""
        streams, first = collections.defaultdict(list), 1
        for item in items:
            streams[stream_of(item)].append(item)
        while streams:
            done = self.each([rest[:first] for rest in streams.values()], True)
            done += self.each([[item] for rest in streams.values() for item in rest[first:]], False)
            self.reports += [one for one in done if "again" not in one]
            again = {one["again"] for one in done if "again" in one}
            streams = {name: left for name, rest in streams.items() if (left := [item for item in rest if item in again])}
            first *= 2

    # ------------------------------------------------------------ what there is to do

    def inventory(self):
        """Batches before claims before loads: what ends meanwhile is then seen as ended."""
        self.batches = [key for key in self.world.staging.list("batches/") if BATCH.fullmatch(key)]
        lake = self.world.lake
        claims = [key.removeprefix("_tidegate/claims/").removesuffix(".json") for key in lake.list("_tidegate/claims/")]
        self.plans = [key.removeprefix("_tidegate/plans/").removesuffix(".json") for key in lake.list("_tidegate/plans/")]
        loads = [key.removeprefix("_tidegate/loads/").removesuffix(".json") for key in lake.list("_tidegate/loads/")]
        self.ended = collections.Counter()
        for load in loads:
            load, _, revision = load.partition(".r")
            self.ended[load] = max(self.ended[load], int(revision or 0))
        claimed = {f"batches/{claim}.batch.json" for claim in claims}
        self.unclaimed = [key for key in self.batches if key not in claimed]
        windowed = self.documents([load for load in self.ended if not EVENT_LOAD.fullmatch(load)], self.world.latest)
        inside_windows = {key for manifest in windowed for key in manifest["batches"]}
        self.unended = [
            key for key in sorted(claimed) if event_load(key) not in self.ended and key not in inside_windows
        ]

    def documents(self, keys, read):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(read, keys))

    def owner(self, key):
        stream, seq = BATCH.fullmatch(key).groups()
        return read_document(self.world.lake, f"_tidegate/claims/{stream}/{seq}.json")["load"]

    def finish_rewrites(self):
        """Finishes the rewrites that were begun."""
        keys = self.world.lake.list("_tidegate/rewrites/")
        rewrites = [key.removeprefix("_tidegate/rewrites/").removesuffix(".json") for key in keys]
        self.reports += [one for one in self.each([[("finish", name)] for name in rewrites], True) if one is not None]

    def begun(self):
        """Plans and claims whose end is missing."""
        owners = self.documents(self.unended, self.owner)
        plans = [("plan", load) for load in self.plans if load not in self.ended]
        return plans + [("batch", key) for key, load in zip(self.unended, owners) if load == event_load(key)]

    def windows(self, batches, seconds):
        """Creates the plans of all closed windows: batches of one window and one table that become rows in the same
        way are one load."""
        groups = collections.defaultdict(list)
        for key, batch in batches:
            polled = parse_time(batch["polled_at"]) // BILLION
            start = polled - polled % seconds
            if start + seconds <= time.time():
                groups[start, json.dumps(batch["load"], sort_keys=True)].append((key, batch["load"]["table"]))
        items = []
        for (start, _), found in groups.items():
            keys, table = sorted(key for key, _ in found), found[0][1]
            begin, end = (datetime.datetime.fromtimestamp(at, datetime.timezone.utc) for at in (start, start + seconds))
            digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12]
            load = f"{table}-w{begin:%Y%m%dT%H%M%SZ}-{digest}"
            plan = {"version": 1, "load": load, "table": table, "from": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
                    "until": f"{end:%Y-%m-%dT%H:%M:%SZ}", "batches": keys}  # fmt: skip
            create_once(self.world.lake, f"_tidegate/plans/{load}.json", plan)
            items.append(("plan", load))
        return items

    # ------------------------------------------------------------ after a widening: one physical schema per table

    def retype(self):
        """Brings all ended loads to the latest version of their table. Since a load claims before it reads the ledger,
        whoever lists the claims after a version exists sees every load that may still end with an older one."""
        due = collections.defaultdict(int)
        for key in self.world.lake.list("_tidegate/schema/"):
            table, version = key.split("/")[-2], int(key.rsplit("/", 1)[1].removesuffix(".json"))
            due[table] = max(due[table], version)
        mark = lambda table: f"_tidegate/retyped/{table}/{due[table]:06}.json"  # noqa: E731
        marked = set(self.world.lake.list("_tidegate/retyped/"))
        due = {table: version for table, version in due.items() if version > 1 and mark(table) not in marked}
        if not due:
            return
        self.inventory()
        under_way = {self.table_of(load) for load in set(self.documents(self.unended, self.owner))}
        behind, same = {}, {}
        for manifest in self.documents(self.ended, self.world.latest):
            table, has = manifest["spec"]["table"], manifest["schema_version"]
            if table in due and manifest["files"]:
                if (table, has) not in same:
                    same[table, has] = self.physical(table, has).equals(self.physical(table, due[table]))
                if not same[table, has]:
                    behind[manifest["load"]] = table
        done = self.each([[("rewrite", load)] for load in behind], True)
        self.reports += [one for one in done if "gone" not in one]
        for table in due.keys() - under_way - {behind[one["load"]] for one in done if "error" in one and "gone" not in one}:
            left = sorted(one["gone"] for one in done if "gone" in one and behind[one["gone"]] == table)
            create_once(self.world.lake, mark(table), {"left_behind": left} if left else {})

    def physical(self, table, version):
        """The columns of a version as Parquet knows them."""
        return pa.schema(arrow_fields(self.world.schema(table, version)["fields"]))

    def table_of(self, load):
        match = EVENT_LOAD.fullmatch(load)
        if match:
            return self.world.read_batch(f"batches/{match[1]}/{match[2]}.batch.json")["load"]["table"]
        return read_document(self.world.lake, f"_tidegate/plans/{load}.json")["table"]


def event_load(key):
    return "-".join(BATCH.fullmatch(key).groups())


def stream_of(item):
    kind, subject = item
    return subject.rpartition("/")[0] if kind == "batch" else subject.partition("-")[0]


def seconds_of(span):
    match = re.fullmatch(r"([0-9]+)(s|m|h|d)", span)
    if not match or match[1] == "0":
        raise SystemExit(f"--window takes a span such as 1h, not {span}")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def options(argv):
    """Glue hands its own arguments over with ours; they are passed by."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--staging", required=True)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--batches", default="")
    parser.add_argument("--from", dest="start", default="0001-01-01T00:00:00Z")
    parser.add_argument("--until", default="9999-12-30T00:00:00Z")
    parser.add_argument("--window", default="")
    given, _ = parser.parse_known_args(argv)
    given.start, given.until = parse_time(given.start), parse_time(given.until)
    if given.start is None or given.until is None:
        raise SystemExit("--from and --until take a time such as 2026-11-23T00:00:00Z")
    return given


def run(spark, argv):
    """Does what the arguments say; returns a report for each load, those that failed with an `error`."""
    given = options(argv)
    job = Run(spark, given.staging, given.lake)
    if given.batches:
        job.load([("batch", key) for key in given.batches.split(",")])
    else:
        job.inventory()
        job.finish_rewrites()
        job.load(job.begun())
        unclaimed = job.unclaimed
        if given.window or given.start > FIRST or given.until < 253_402_128_000 * BILLION:
            found = zip(unclaimed, job.documents(unclaimed, job.world.read_batch))
            within = [(k, b) for k, b in found if given.start <= parse_time(b["polled_at"]) < given.until]
            unclaimed = [key for key, _ in within]
        items = job.windows(within, seconds_of(given.window)) if given.window else [("batch", key) for key in unclaimed]
        job.load(items)
    job.retype()
    return job.reports


def main():
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("tidegate").getOrCreate()
    reports = run(spark, sys.argv[1:])
    failed = [one["error"] for one in reports if "error" in one]
    ends = collections.Counter(one["end"] for one in reports if "end" in one)
    rows = sum(one["rows"] for one in reports if one.get("end") in ("loaded", "rewritten"))
    print(f"tidegate: {dict(ends)}, {rows} rows, {len(failed)} loads failed", flush=True)
    for reason in failed:
        print(f"tidegate: {reason}", file=sys.stderr, flush=True)
    if failed:
        raise SystemExit(f"{len(failed)} loads failed; the first: {failed[0]}")


if __name__ == "__main__":
    main()
