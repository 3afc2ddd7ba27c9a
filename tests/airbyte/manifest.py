"""A manifest as its own engine sees it: references resolved, parameters handed down; and a config that fits it."""

import datetime as dt
import itertools
import re

import yaml

from templates import UTC, evaluate, mentions

START = (dt.datetime.now(UTC) - dt.timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)


def load(path):
    """The resolved manifest."""
    root = yaml.load(path.read_text(), Loader=Loader)
    return handed_down(resolved(root, {key: value for key, value in root.items() if key != "definitions"}), {})


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Dates stay texts."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def target(root, reference):
    parts = reference.removeprefix("#/").split("/")
    value = root
    while parts:
        for length in range(len(parts), 0, -1):
            key = "/".join(parts[:length])
            if isinstance(value, dict) and key in value:
                value, parts = value[key], parts[length:]
                break
            if isinstance(value, list) and length == 1:
                value, parts = value[int(key)], parts[1:]
                break
        else:
            raise KeyError(reference)
    return value


def resolved(root, value):
    if isinstance(value, str) and value.startswith("#/"):
        return resolved(root, target(root, value))
    if isinstance(value, list):
        return [resolved(root, item) for item in value]
    if not isinstance(value, dict):
        return value
    own = {key: resolved(root, item) for key, item in value.items() if key != "$ref"}
    if "$ref" in value:
        base = resolved(root, value["$ref"])
        return {**base, **own} if isinstance(base, dict) else base
    return own


def handed_down(value, parameters):
    """Parameters become fields of every component below that has none of its own."""
    if isinstance(value, list):
        return [handed_down(item, parameters) for item in value]
    if not isinstance(value, dict) or value.get("type") in ("object", ["null", "object"], ["object", "null"]):
        return value
    component = "type" in value or "$parameters" in value or "retriever" in value or "requester" in value
    parameters = {**parameters, **value.get("$parameters", {})}
    out = {}
    for key, item in value.items():
        if key not in ("$parameters", "schema"):
            out[key] = handed_down(item, {k: v for k, v in parameters.items() if k != key})
        elif key == "schema":
            out[key] = item
    if component:
        out.update({key: item for key, item in parameters.items() if not out.get(key)})
        out["$parameters"] = parameters
    return out


def ends(name):
    return re.search(r"(^|_)(end|until|to)(_|$)", name.lower()) is not None


def sample(name, schema):
    """A value that fits a schema of a config."""
    choices = schema.get("oneOf") or schema.get("anyOf")
    for key in ("const", "default"):
        if key in schema and not (choices and isinstance(schema[key], dict)) and schema[key] not in ("", [], None):
            return schema[key]
    if isinstance(schema.get("examples"), list) and schema["examples"] and not is_time(name, schema):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if "properties" in schema or choices:
        table = {}
        for shape in [schema, *(choices or [])[:1]]:
            for key, inner in shape.get("properties", {}).items():
                # What is optional is given, but for the end of the time that is asked for.
                if key in shape.get("required", []) or not ends(key):
                    table[key] = sample(key, inner)
        return table
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {}
    if kind == "array":
        return [sample(name, schema["items"]) if isinstance(schema.get("items"), dict) else f"{name}1"]
    if kind in ("integer", "number") and is_time(name, schema) and "minimum" not in schema and "default" not in schema:
        return int(START.timestamp())
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    if kind == "boolean":
        return False
    return text(name, schema)


def is_time(name, schema):
    return schema.get("format") in ("date", "date-time") or "{4}-" in schema.get("pattern", "") or re.search(r"(^|_)(date|start|since|end)", name)


def text(name, schema):
    pattern, told = schema.get("pattern", ""), f"{name} {schema.get('title', '')}".lower()
    at = START + dt.timedelta(days=4) if ends(name) else START
    if "yyyymmdd" in f"{told} {schema.get('description', '')}".lower() or "{8}" in pattern:
        return at.strftime("%Y%m%d")
    if schema.get("format") == "date-time" or ("{4}-" in pattern and "T" in pattern):
        return at.strftime("%Y-%m-%dT%H:%M:%S.000Z" if "\\." in pattern and ")?" not in pattern else "%Y-%m-%dT%H:%M:%SZ")
    if schema.get("format") == "date" or "{4}-" in pattern:
        return at.strftime("%Y-%m-%d")
    if "date" in told:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if any(word in told for word in ("url", "host", "endpoint")) or "http" in pattern:
        return "https://api.example.com"
    return f"{name}-1" if not pattern else "sample"


def config_of(manifest):
    specification = (manifest.get("spec") or {}).get("connection_specification") or {}
    found = sample("config", {"properties": {}, **specification})
    return found if isinstance(found, dict) else {}


def streams(manifest, config):
    """The streams that are asked, those above others included, by name."""
    found = {}

    def add(stream):
        if stream.get("type") == "StateDelegatingStream":
            stream = stream["full_refresh_stream"]
        name = stream.get("name", "")
        if name in found:
            return found[name]
        found[name] = stream
        for router in routers(stream):
            for parent in router.get("parent_stream_configs", []):
                add(parent["stream"])
        return stream

    for stream in manifest.get("streams", []):
        if stream.get("type") == "ConditionalStreams":
            if evaluate(stream.get("condition", ""), config=config):
                for inner in stream["streams"]:
                    add(inner)
        else:
            add(stream)
    return found


def routers(stream):
    found = (stream.get("retriever") or {}).get("partition_router") or []
    return found if isinstance(found, list) else [found]


def shapes(manifest, config):
    """What kinds of streams a manifest has: paginator, authenticator, routers and cursor of each."""
    found = set()
    for stream in streams(manifest, config).values():
        retriever = stream.get("retriever") or {}
        requester = retriever.get("requester") or {}
        paginator = retriever.get("paginator") or {}
        strategy = (paginator.get("pagination_strategy") or {}).get("type", "none")
        if (paginator.get("page_token_option") or {}).get("type") == "RequestPath":
            strategy += " by path"
        auth = (requester.get("authenticator") or {}).get("type", "none")
        kinds = [router.get("type", "SubstreamPartitionRouter") for router in routers(stream)]
        cursor = (stream.get("incremental_sync") or {}).get("type", "none")
        stepped = " in steps" if (stream.get("incremental_sync") or {}).get("step") else ""
        found.add((strategy, auth, "+".join(sorted(kinds)) or "none", cursor + stepped))
    return found


def slices_of(router, config, parameters, records_of):
    """The partitions of one router. `records_of` gives the records of each partition of a parent."""
    if router.get("type") == "ListPartitionRouter":
        values = router.get("values")
        values = evaluate(values, config=config, parameters=parameters) if isinstance(values, str) else values
        if isinstance(values, str):
            values = [part.strip() for part in values.split(",")]
        values = values if isinstance(values, list) else [values]
        field = evaluate(router["cursor_field"], config=config, parameters=parameters)
        values = [evaluate(value, config=config, parameters=parameters) for value in values]
        return [{field: value} for value in values if value not in (None, "")]
    found = []
    for parent in router.get("parent_stream_configs", []):
        field = evaluate(parent["partition_field"], config=config, parameters=parameters)
        key = re.split(r"[./]", evaluate(parent["parent_key"], config=config, parameters=parameters))
        seen = set()
        for above, record in records_of(parent["stream"]["name"] if "name" in parent["stream"] else parent["stream"]["full_refresh_stream"]["name"]):
            value = record
            for step in key:
                value = value.get(step) if isinstance(value, dict) else None
            if value is None or (str(value), str(above)) in seen:
                continue
            seen.add((str(value), str(above)))
            extra = {}
            for path in parent.get("extra_fields") or []:
                inner = record
                for step in path:
                    inner = inner.get(step) if isinstance(inner, dict) else None
                extra[".".join(path)] = inner
            found.append({field: value, "parent_slice": above, "extra_fields": extra})
    return found


def product(lists):
    """All combinations of partitions of several routers."""
    return [{key: value for part in parts for key, value in part.items()} for parts in itertools.product(*lists)]


def mentioned(value, word, path=()):
    """The path of the first text in a table whose expression says a word."""
    if isinstance(value, dict):
        return next((found for key, inner in value.items() if (found := mentioned(inner, word, (*path, key)))), None)
    return list(path) if mentions(value, word) else None
