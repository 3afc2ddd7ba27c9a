"""The templates of a manifest as its own engine evaluates them: Jinja2 itself, so that ours is held against another."""

import ast
import functools
import base64
import datetime as dt
import hashlib
import json
import re
import time

import jinja2

UTC = dt.timezone.utc


def now_utc():
    return dt.datetime.now(UTC)


def parse_time(text):
    """A point in time as manifests and APIs write it."""
    if isinstance(text, dt.datetime):
        return text if text.tzinfo else text.replace(tzinfo=UTC)
    text = str(text).strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", text) and len(text) != 8:
        number = float(text)
        while abs(number) > 1e11:
            number /= 1000
        return dt.datetime.fromtimestamp(number, UTC)
    found = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def duration(text):
    """A duration in ISO 8601; months of 30 days."""
    found = re.fullmatch(r"P(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?", text)
    if not found or text in ("P", "PT"):
        raise ValueError(f"{text} is no duration")
    years, months, weeks, days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return dt.timedelta(days=years * 365 + months * 30 + weeks * 7 + days, hours=hours, minutes=minutes, seconds=seconds)


def written(time_, form):
    """A point in time in a form of the CDK."""
    if form == "%s":
        return str(int(time_.timestamp()))
    if form == "%ms":
        return str(int(time_.timestamp() * 1000))
    if form == "%s_as_float":
        return str(time_.timestamp())
    if form == "%epoch_microseconds":
        return str(int(time_.timestamp() * 1_000_000))
    return time_.strftime(form.replace("%_ms", f"{time_.microsecond // 1000:03}"))


def read(text, form):
    """What was written in a form; `None` where it is not in it."""
    try:
        if form in ("%s", "%ms", "%s_as_float", "%epoch_microseconds"):
            return parse_time(text)
        found = dt.datetime.strptime(str(text), form.replace("%_ms", "%f"))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def format_datetime(time_, form, input_format=None):
    found = read(time_, input_format) if input_format else parse_time(time_)
    return written(found, form)


def day_delta(days, format="%Y-%m-%dT%H:%M:%S.%f%z"):
    return written(now_utc() + dt.timedelta(days=days), format)


def regex_search(text, pattern):
    found = re.search(pattern, text)
    return found.group(1) if found and found.groups() else ""


def string(value):
    return value if isinstance(value, str) else f'"""{json.dumps(value)}"""'


def hashed(value, hash_type="md5", salt=None):
    return hashlib.new(hash_type, (str(value) + (salt or "")).encode()).hexdigest()


ENVIRONMENT = jinja2.Environment()
ENVIRONMENT.globals.update(
    now_utc=now_utc,
    today_utc=lambda: now_utc().date(),
    today_with_timezone=lambda timezone: now_utc().date(),
    timestamp=lambda value: int(parse_time(value).timestamp()) if isinstance(value, str) else int(value),
    str_to_datetime=parse_time,
    timestamp_to_datetime=lambda value: dt.datetime.fromtimestamp(value, UTC),
    day_delta=day_delta,
    duration=duration,
    format_datetime=format_datetime,
    max=max,
    min=min,
    time=time.time,
)
ENVIRONMENT.filters.update(
    hash=hashed,
    base64encode=lambda text: base64.b64encode(text.encode()).decode(),
    base64decode=lambda text: base64.b64decode(text.encode()).decode(),
    base64binascii_decode=lambda text: base64.b64encode(text.encode()).decode(),
    regex_search=regex_search,
    string=string,
)


@functools.cache
def template(text):
    return ENVIRONMENT.from_string(text)


def evaluate(text, **names):
    """The value of a text: rendered, and read as a literal of Python's where it is one. `None` where nothing comes out."""
    if not isinstance(text, str):
        return text
    if "stream_slice" in names:
        names.setdefault("stream_partition", names["stream_slice"])
        names.setdefault("stream_interval", names["stream_slice"])
    try:
        rendered = template(text).render(names) if "{" in text else text
    except jinja2.UndefinedError:
        return None
    if rendered == "":
        return None
    try:
        value = ast.literal_eval(rendered)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return rendered
    return rendered if isinstance(value, complex) else value


@functools.cache
def said(text):
    return " ".join(re.findall(r"\{[{%].*?[%}]\}", text, re.S))


def mentions(text, *names):
    """Whether a text holds an expression that says one of these words."""
    return isinstance(text, str) and any(name in said(text) for name in names)
