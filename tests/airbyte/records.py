"""Records as a stream's own schema describes them, each with a mark of its own, its keys and its time."""

import datetime as dt
import re

from manifest import routers
from templates import UTC, evaluate, parse_time, read, written

# The field by which each record is found again.
MARK = "tidegate_mark"


def fill(schema, depth=0):
    """A value of a JSON Schema."""
    schema = schema if isinstance(schema, dict) else {}
    kinds = schema.get("type") or ("object" if "properties" in schema else "string")
    kinds = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    kind = kinds[0] if kinds else "string"
    if kind == "object":
        fields = schema.get("properties") or {}
        return {name: fill(inner, depth + 1) for name, inner in fields.items()} if fields and depth < 4 else {"note": "x"}
    if kind == "array":
        return [fill(schema.get("items"), depth + 1)] if depth < 4 else []
    if kind in ("integer", "number"):
        return 7 if kind == "integer" else 7.5
    if kind == "boolean":
        return True
    return {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02"}.get(schema.get("format"), "text")


def at(schema, path):
    for step in path:
        schema = ((schema or {}).get("properties") or {}).get(step)
    return schema or {}


def kind_at(schema, path):
    kind = at(schema, path).get("type", "string")
    return [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"][:1]


def put(record, path, value):
    for step in path[:-1]:
        if not isinstance(record.get(step), dict):
            record[step] = {}
        record = record[step]
    record[path[-1]] = value


class Maker:
    """Makes the records of one stream."""

    def __init__(self, stream, config, keys):
        self.stream, self.config = stream, config
        self.schema = (stream.get("schema_loader") or {}).get("schema") or {}
        self.keys = {tuple(path) for path in [*keys, *self.primary_key()]}
        self.sync = stream.get("incremental_sync") or {}
        self.number = 0
        # Paths that expressions read; what is not in the schema is a time, which is a text as well.
        self.read = set()

    def value(self, text):
        return evaluate(text, config=self.config, parameters=self.stream.get("$parameters", {}))

    def primary_key(self):
        key = self.stream.get("primary_key") or []
        key = key if isinstance(key, list) else [key]
        paths = [part if isinstance(part, list) else [part] for part in key]
        return [[str(self.value(step)) for step in path] for path in paths if path]

    def make(self, count, place):
        """So many records of the partition at a place."""
        start, end = self.span()
        records = []
        for index in range(count):
            self.number += 1
            record = fill(self.schema) if self.schema else {}
            record = record if isinstance(record, dict) and "note" not in record else {}
            for path in self.keys:
                put(record, path, self.key(path))
            for path in self.read:
                if path[0] not in record:
                    put(record, path, "2026-01-02T03:04:05Z")
            if self.sync:
                at = start + (end - start) * (index + 1) / (count + 1)
                self.date(record, at)
            record[MARK] = f"{self.stream['name']}|{place}|{index}"
            records.append(record)
        return records

    def key(self, path):
        """A value that no other record of the stream has."""
        if kind_at(self.schema, path) in (["integer"], ["number"]):
            return self.number
        day = dt.datetime(2000, 1, 1, tzinfo=UTC) + dt.timedelta(days=self.number)
        dates = {"date": day.strftime("%Y-%m-%d"), "date-time": day.strftime("%Y-%m-%dT%H:%M:%SZ")}
        name = re.sub(r"[^a-z0-9]+", "-", self.stream["name"].lower())
        return dates.get(at(self.schema, path).get("format"), f"{name}-{self.number}")

    def date(self, record, at):
        path = str(self.value(self.sync.get("cursor_field", "at"))).split(".")
        if self.sync.get("type") == "IncrementingCountCursor":
            put(record, path, self.number)
            return
        form = self.form()
        text = written(at, form)
        number = form in ("%s", "%ms", "%s_as_float") and kind_at(self.schema, path) != ["string"]
        put(record, path, (float(text) if "float" in form else int(text)) if number else text)

    def form(self):
        """How times are written in records."""
        forms = self.sync.get("cursor_datetime_formats") or [self.sync.get("datetime_format", "%Y-%m-%dT%H:%M:%SZ")]
        return self.value(forms[0])

    def time(self, record):
        """The time of a record, as exact as it is written."""
        value = record
        for step in str(self.value(self.sync.get("cursor_field", "at"))).split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return read(str(value), self.form())

    def point(self, part, usual):
        if part is None:
            return usual
        part = part if isinstance(part, dict) else {"datetime": part}
        text = evaluate(part.get("datetime", ""), config=self.config, parameters=part.get("$parameters", {}))
        if text in (None, ""):
            return usual
        form = part.get("datetime_format")
        found = (read(str(text), form) if form else None) or parse_time(text)
        for key, choose in (("min_datetime", max), ("max_datetime", min)):
            if part.get(key):
                bound = evaluate(part[key], config=self.config, parameters=part.get("$parameters", {}))
                found = choose(found, (read(str(bound), form) if form else None) or parse_time(bound))
        return found

    def span(self):
        """The time that records are of."""
        now = dt.datetime.now(UTC) - dt.timedelta(minutes=5)
        if not self.sync or self.sync.get("type") == "IncrementingCountCursor":
            return now, now
        start = self.point(self.sync.get("start_datetime"), now - dt.timedelta(days=3))
        end = min(self.point(self.sync.get("end_datetime"), now), now)
        # What is written by the day must not seem older than the start.
        if end - start > dt.timedelta(days=2):
            start += dt.timedelta(days=1)
        return start, max(start, end)


def parents(streams):
    """The keys that streams below ask records of these streams by."""
    found = {}
    for stream in streams.values():
        for router in routers(stream):
            for parent in router.get("parent_stream_configs", []):
                above = parent["stream"]
                above = above.get("full_refresh_stream", above)
                found.setdefault(above["name"], []).append((parent["parent_key"], parent.get("$parameters", {})))
    return found
