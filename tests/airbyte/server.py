"""An API made from a manifest: its addresses, its partitions, its pages, its times and its credentials. A request that
none of its streams would make is answered by an error and noted."""

import base64
import contextlib
import itertools
import http.server
import json
import pathlib
import re
import sys
import threading
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import loopback  # noqa: E402
from manifest import mentioned, product, routers, slices_of
from paging import Pager, chains
from records import MARK, Maker, parents, put
from templates import evaluate, mentions, parse_time, read, written

TOKEN = "t0ken"
# What is known in the run alone.
LATE = ("start_time", "end_time", "stream_interval", "next_page_token", "now_utc", "today", "day_delta", "timestamp")
MOST_SLICES = 60


class Request:
    """What was asked, taken apart."""

    def __init__(self, method, path, headers, body):
        split = urllib.parse.urlsplit(path)
        self.method, self.headers = method, headers
        self.address = urllib.parse.unquote(re.sub(r"/+", "/", split.path).strip("/"))
        self.query = urllib.parse.parse_qs(split.query, keep_blank_values=True)
        self.shown = f"{method} {path} {body.decode(errors='replace')[:200]}"
        self.form, self.json = {}, None
        if "form" in headers.get("content-type", ""):
            self.form = urllib.parse.parse_qs(body.decode(), keep_blank_values=True)
        elif body:
            with contextlib.suppress(ValueError):
                self.json = json.loads(body)

    def value(self, place):
        """What stands at a place, `None` where there is nothing."""
        where, path = place
        if where == "request_parameter":
            return self.query.get(path[0], [None])[0]
        if where == "header":
            return self.headers.get(path[0])
        if where == "body_data":
            return self.form.get(path[0], [None])[0]
        value = self.json
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return value


class Stream:
    """One stream of the manifest and what the API holds of it."""

    def __init__(self, world, number, definition):
        self.world, self.number, self.definition = world, number, definition
        self.name = definition["name"]
        self.retriever = definition["retriever"]
        self.requester = self.retriever["requester"]
        self.parameters = self.requester.get("$parameters") or definition.get("$parameters") or {}
        self.sync = definition.get("incremental_sync") or {}
        self.maker = Maker(definition, world.config, world.parent_keys(self.name))
        self.pager = Pager(self)
        # What leads to the next page may stand in the last record.
        time = str(self.maker.value(self.sync.get("cursor_field", ""))).split(".")
        pointers = chains(self.pager.strategy.get("cursor_value"), "last_record")
        self.maker.keys |= {path for path in pointers if list(path) != time}
        steps = [step for step in definition.get("transformations") or [] if step.get("type") == "AddFields"]
        values = [field.get("value") for step in steps for field in step.get("fields", [])]
        self.maker.read = {path for value in values if isinstance(value, str) for path in chains(value, "record")}
        self.data = None
        # Streams that ask the same of the API share what it holds; the first of them makes it.
        self.owner, self.group = self, [self]
        self.requests = {}

    def signature(self):
        """What a stream asks for, and where its records are."""
        asked = {key: value for key, value in self.requester.items() if key.startswith(("url", "path", "http", "request_"))}
        return json.dumps([asked, self.parameters, self.pager.path, routers(self.definition)], sort_keys=True, default=str)

    def value(self, text, **names):
        return evaluate(text, config=self.world.config, parameters=self.parameters, **names)

    def place(self, option):
        path = option.get("field_path") or [option.get("field_name", "")]
        return option.get("inject_into"), [str(self.value(step) or "") for step in path]

    def filled(self):
        """Partitions with their records, made once; parents first."""
        if self.owner is not self:
            return self.owner.filled()
        if self.data is None:
            lists = [
                slices_of(router, self.world.config, router.get("$parameters", {}), self.world.records_of)
                for router in routers(self.definition)
            ]
            self.data = [
                (part, self.maker.make(self.count(place), place)) for place, part in enumerate(product(lists))
            ]
            for part, records in self.data:
                for index, record in enumerate(records):
                    self.group[index % len(self.group)].let_pass(record, part)
        return self.data

    def count(self, place):
        """How many records a partition holds: of the first more than a page, unless it is asked for many things."""
        if self.pager.is_sole:
            return 1
        size, above = self.pager.size, self.name in self.world.keys
        most = 1100 if not above else 50 if not routers(self.definition) else 5
        if place == 0 and self.pager.is_paged and size <= most:
            return 2 * size + 1 if size <= 10 else size + 2
        return 3 if place == 0 else 2 if place < MOST_SLICES else 1

    def names(self, part):
        if self.sync.get("type") != "DatetimeBasedCursor":
            return {"stream_slice": part}
        form = self.maker.value(self.sync.get("datetime_format", "%Y-%m-%dT%H:%M:%SZ"))
        start, end = (written(time, form) for time in self.maker.span())
        return {"stream_slice": {**part, "start_time": start, "end_time": end}}

    def address(self, part):
        """Where a partition is asked for: a text, or a pattern where that is known in the run alone."""
        base = self.requester.get("url_base") or self.requester.get("url") or ""
        path = self.requester.get("path") or ""
        if mentions(base + path, *LATE):
            base, path = (self.open(text, part) for text in (base, path))
        else:
            base, path = str(self.value(base, **self.names(part)) or ""), str(self.value(path, **self.names(part)) or "")
        if path.startswith(("http://", "https://")):
            base, path = path, ""
        url = f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base
        url, _, query = url.partition("?")
        url = re.sub(r"/+", "/", url.split("://", 1)[-1]).strip("/")
        return urllib.parse.unquote(url), urllib.parse.parse_qs(query)

    def open(self, text, part):
        parts = re.split(r"(\{\{.*?\}\}|\{%.*?%\})", text, flags=re.S)
        if any(part_.startswith("{%") for part_ in parts):
            return "\0"
        known = lambda text_: str(self.value(text_, **self.names(part)) or "")
        return "".join("\0" if mentions(one, *LATE) else known(one) if one.startswith("{{") else one for one in parts)

    def wanted(self, part):
        """What a request for a partition must hold: places and values."""
        found = []

        def add(where, path, value):
            if mentions(value, *LATE):
                return
            value = self.value(value, **self.names(part)) if isinstance(value, str) else value
            if isinstance(value, dict) and where == "body_json":
                for key, inner in value.items():
                    add(where, [*path, key], inner)
            elif value not in (None, "", [], {}) and not isinstance(value, (dict, list)):
                found.append(((where, path), str(value)))

        for key, where in (
            ("request_parameters", "request_parameter"),
            ("request_body_json", "body_json"),
            ("request_body_data", "body_data"),
            ("request_headers", "header"),
        ):
            table = self.requester.get(key)
            for name, value in table.items() if isinstance(table, dict) else ():
                add(where, [name], value)
        for router in routers(self.definition):
            for at, key in [(router, "cursor_field"), *((one, "partition_field") for one in router.get("parent_stream_configs", []))]:
                if at.get("request_option") and at.get(key):
                    value = part.get(self.value(at[key]))
                    found.append((self.place(at["request_option"]), str(value)))
        return found

    def window(self, request):
        """The time that a request asks for, as it is written."""
        if self.sync.get("type") != "DatetimeBasedCursor":
            return None, None
        form = self.maker.value(self.sync.get("datetime_format", "%Y-%m-%dT%H:%M:%SZ"))
        bounds = []
        for key, word in (("start_time_option", "start_time"), ("end_time_option", "end_time")):
            option = self.sync.get(key)
            place = self.place(option) if option else self.bound(self.sync.get(f"partition_field_{word[:-5]}", word))
            value = request.value(place) if place else None
            with contextlib.suppress(ValueError, TypeError):
                value = value and (read(str(value), form) or parse_time(value))
            bounds.append(value if hasattr(value, "year") else None)
        return tuple(bounds)

    def bound(self, word):
        """The place where an expression puts a bound of the window, alone."""
        for key, where in (
            ("request_parameters", "request_parameter"),
            ("request_body_json", "body_json"),
            ("request_body_data", "body_data"),
        ):
            found = mentioned(self.requester.get(key), word)
            if found:
                return where, found
        return None

    def records(self, place, window):
        """The records of a partition within a window, by their times as exact as the request writes them."""
        records = self.filled()[place][1]
        start, end = window
        if start is None and end is None:
            return records
        form = self.maker.value(self.sync.get("datetime_format", "%Y-%m-%dT%H:%M:%SZ"))

        def within(record):
            time = self.maker.time(record)
            if time is None:
                return True
            time = read(written(time, form), form) or time
            return (start is None or start <= time) and (end is None or time <= end)

        return [record for record in records if within(record)]

    def passes(self, record, part):
        condition = self.condition
        return not condition or bool(self.value(condition, record=record, **self.names(part)))

    @property
    def condition(self):
        return ((self.retriever.get("record_selector") or {}).get("record_filter") or {}).get("condition")

    def let_pass(self, record, part):
        """Gives a record what its filter looks for, as far as that stands in the filter itself."""
        if self.passes(record, part):
            return
        paths = chains(self.condition, "record")
        values = [text for _, text in re.findall(r"(['\"])([^'\"]*)\1", self.condition)] + [True, False, 1, 0, None]
        for trial in itertools.islice(itertools.product(values, repeat=len(paths)), 2000):
            changed = json.loads(json.dumps(record))
            for path, value in zip(paths, trial):
                put(changed, list(path), value)
            if self.passes(changed, part):
                record.update(changed)
                return

    def kept(self):
        """The marks of all records that are to arrive."""
        return [record[MARK] for part, records in self.filled() for record in records if self.passes(record, part)]

    def for_children(self):
        """Records as the streams below see them: filtered, fields added."""
        found = []
        for part, records in self.filled():
            for record in filter(lambda record: self.passes(record, part), records):
                record = json.loads(json.dumps(record))
                for step in self.definition.get("transformations") or []:
                    for field in step.get("fields", []) if step.get("type") == "AddFields" else []:
                        value = self.value(field["value"], record=record, **self.names(part))
                        put(record, [str(self.value(one)) for one in field["path"]], value)
                found.append((part, record))
        return found

    def is_allowed(self, request, authenticator=None):
        """Whether a request has the credentials that the manifest says."""
        auth = authenticator if authenticator is not None else self.requester.get("authenticator") or {}
        kind, header = auth.get("type", ""), request.headers.get("authorization", "")
        if kind == "SelectiveAuthenticator":
            choice = self.world.config
            for step in auth["authenticator_selection_path"]:
                choice = choice.get(step) if isinstance(choice, dict) else None
            return self.is_allowed(request, auth["authenticators"][str(choice)])
        if kind == "BearerAuthenticator":
            return header == f"Bearer {self.value(auth.get('api_token', '')) or ''}".strip()
        if kind == "BasicHttpAuthenticator":
            pair = f"{self.value(auth.get('username', '')) or ''}:{self.value(auth.get('password', '')) or ''}"
            return header == "Basic " + base64.b64encode(pair.encode()).decode()
        if kind == "ApiKeyAuthenticator":
            place = self.place(auth["inject_into"]) if auth.get("inject_into") else ("header", [self.value(auth["header"])])
            return request.value(place) == str(self.value(auth.get("api_token", "")) or "")
        if kind == "OAuthAuthenticator":
            return header == f"Bearer {TOKEN}" or not auth.get("token_refresh_endpoint")
        if kind == "JwtAuthenticator":
            return header.count(".") == 2
        if kind == "SessionTokenAuthenticator":
            way = auth["request_authentication"]
            if way["type"] == "Bearer":
                return header == f"Bearer {TOKEN}"
            return TOKEN in (request.value(self.place(way["inject_into"])) or "")
        return True


class World:
    """The API of a manifest."""

    def __init__(self, streams, config):
        self.config, self.problems, self.asked, self.definitions = config, [], 0, streams
        self.keys = parents(streams)
        self.streams = {name: Stream(self, number, one) for number, (name, one) in enumerate(streams.items())}
        owners = {}
        for stream in self.streams.values():
            stream.owner = owners.setdefault(stream.signature(), stream)
            if stream.owner is not stream:
                stream.owner.group.append(stream)
                stream.owner.maker.keys |= stream.maker.keys
        self.lock = threading.Lock()
        self.index, self.patterns = {}, []

    def parent_keys(self, name):
        keys = [(evaluate(key, config=self.config, parameters=parameters)) for key, parameters in self.keys.get(name, [])]
        added = {
            field["path"][0]
            for step in self.definitions[name].get("transformations") or []
            for field in step.get("fields", [])
        }
        paths = [re.split(r"[./]", str(key)) for key in keys]
        return [path for path in paths if path[0] not in added]

    def records_of(self, name):
        return self.streams[name].for_children()

    def fill(self):
        for stream in self.streams.values():
            for place, (part, _) in enumerate(stream.filled() if stream.owner is stream else []):
                address, query = stream.address(part)
                # Partitions that are asked for by the same request get the same answer.
                request = json.dumps([address, query, stream.wanted(part)], default=str)
                first = stream.requests.setdefault(request, place)
                if first != place:
                    stream.data[place] = (part, stream.data[first][1])
                    continue
                if "\0" in address:
                    pattern = ".*".join(re.escape(piece) for piece in address.split("\0"))
                    self.patterns.append((re.compile(pattern + r"$"), stream, place, query))
                else:
                    self.index.setdefault(address, []).append((stream, place, query))

    def found(self, request):
        """The streams and partitions that a request fits best."""
        fits = self.index.get(request.address, [])
        fits = fits or [(stream, place, query) for pattern, stream, place, query in self.patterns if pattern.match(request.address)]
        marked = request.query.get("tidegate_page")
        scored = []
        for stream, place, query in fits:
            if stream.requester.get("http_method", "GET").upper() != request.method:
                continue
            if marked and not marked[0].startswith(f"{stream.number}."):
                continue
            wanted = stream.wanted(stream.filled()[place][0])
            wanted += [(("request_parameter", [name]), value[0]) for name, value in query.items()]
            if marked and marked[0].split(".")[1] != str(place):
                continue
            missing = [(at, value) for at, value in wanted if not same(request.value(at), value, request, at)]
            if not missing:
                scored.append((len(wanted), stream, place))
        best = max((score for score, *_ in scored), default=0)
        return [(stream, place) for score, stream, place in scored if score == best]

    def answer(self, request, base):
        self.asked += 1
        if request.address.startswith("_token"):
            return 200, {}, {**self.token_names(), "access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}
        if request.address.startswith("_login/"):
            body = TOKEN
            for step in reversed(request.address.split("/")[1:]):
                body = {step: body}
            return 200, {}, body
        found = self.found(request)
        if not found:
            self.problems.append(f"no stream would ask {request.shown}")
            return 404, {}, {"error": "no stream would ask this"}
        found = [(stream, place) for stream, place in found if stream.is_allowed(request)]
        if not found:
            self.problems.append(f"without its credentials: {request.shown}")
            return 401, {}, {"error": "credentials"}
        headers, body = {}, None
        for stream, place in found:
            more, one = stream.pager.page(request, place, base)
            headers.update(more)
            body = one if body is None else merged(body, one)
        return 200, headers, body

    def token_names(self):
        found = {}
        for stream in self.streams.values():
            for auth in oauth(stream.requester.get("authenticator") or {}):
                found[str(stream.value(auth.get("access_token_name", "access_token")))] = TOKEN
                found[str(stream.value(auth.get("expires_in_name", "expires_in")))] = 3600
        return found


def oauth(auth):
    found = [auth] if auth.get("type") == "OAuthAuthenticator" else []
    return found + [one for inner in (auth.get("authenticators") or {}).values() for one in oauth(inner)]


def same(found, wanted, request, place):
    """Whether a value in a request is the one that is wanted; one of a list is enough."""
    if place[0] == "request_parameter" and wanted in request.query.get(place[1][0], []):
        return True
    return found is not None and (str(found) == wanted or str(found).lower() == wanted.lower())


def merged(a, b):
    """Two answers to one request: of two streams that read different parts of it."""
    if isinstance(a, dict) and isinstance(b, dict):
        return {**a, **{key: merged(a[key], value) if key in a else value for key, value in b.items()}}
    return b if b else a


@contextlib.contextmanager
def serve(world):
    """Serves a world; the first part of each path is the host that it stands for. Yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(self.command, self.path, self.headers, body)
            with world.lock:
                try:
                    status, headers, answer = world.answer(request, f"http://127.0.0.1:{self.server.server_port}")
                except Exception as error:  # noqa: BLE001 - a mistake of this server is a problem of the run
                    world.problems.append(f"{request.shown}: {type(error).__name__}: {error}")
                    status, headers, answer = 500, {}, {"error": str(error)}
            kind = headers.pop("content-type", "application/json")
            body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with loopback.listening(Handler) as url:
        yield url
