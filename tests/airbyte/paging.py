"""The pages of a stream as its own paginator asks for them, and answers that have it go on and stop."""

import itertools
import json
import re
from xml.sax.saxutils import escape

from manifest import mentioned

ABSENT = object()


def chains(text, root):
    """The paths below a name that an expression reads: `response.get('a', {}).b` is `('a', 'b')`."""
    accessor = re.compile(
        r"""\.get\(\s*(['"])(?P<got>[^'"]+)\1\s*(?:,[^()]*)?\)|\[\s*(['"])(?P<item>[^'"]+)\3\s*\]|\.(?P<name>[A-Za-z_]\w*)(?!\s*\(|\w)"""
    )
    found = []
    for start in re.finditer(rf"\b{root}\b", text or ""):
        at, path = start.end(), []
        while step := accessor.match(text, at):
            path.append(step["got"] or step["item"] or step["name"])
            at = step.end()
        if path and tuple(path) not in found:
            found.append(tuple(path))
    return found


def nested(path, value):
    """A value at a path; a `*` in it is a list of one."""
    for step in reversed(path):
        value = [value] if step == "*" else {step: value}
    return value


def put(table, path, value):
    """Sets a value at a path; false where the path leads through something that is no table."""
    for step in path[:-1]:
        table = table.setdefault(step, {})
        if not isinstance(table, dict):
            return False
    if value is ABSENT:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value
    return True


class Pager:
    """Cuts the records of a stream into pages."""

    def __init__(self, stream):
        self.stream = stream
        self.paginator = stream.retriever.get("paginator") or {}
        self.strategy = self.paginator.get("pagination_strategy") or {}
        self.kind = self.strategy.get("type", "") if self.paginator.get("type", "NoPagination") != "NoPagination" else ""
        reads = chains(self.strategy.get("cursor_value"), "response") + chains(self.strategy.get("stop_condition"), "response")
        extractor = (stream.retriever.get("record_selector") or {}).get("extractor") or {}
        path = extractor.get("field_path") or []
        self.path = [str(stream.value(step) or "") for step in (path if isinstance(path, list) else [path])]
        # Where the whole answer is the record and holds what leads on, there is one record and no further page.
        self.is_sole = bool(self.kind == "CursorPagination" and not self.path and reads)
        # Without a place for the number of a page there is one page.
        counts = self.kind in ("PageIncrement", "OffsetIncrement")
        self.is_paged = bool(self.kind) and not self.is_sole and not (counts and not self.paginator.get("page_token_option"))
        size = stream.value(self.strategy.get("page_size", ""))
        self.size = int(size) if size not in (None, "") else 2
        # By partition and window: what the next page is asked for by.
        self.tokens = {}

    def page(self, request, place, base):
        """Headers and body of the page that a request asks for."""
        window = self.stream.window(request)
        records = self.stream.records(place, window)
        first, size = self.begin(request, (place, window)), self.size if self.is_paged else len(records) or 1
        items = records[first : first + size]
        headers, body = {}, items[0] if self.is_sole and items else self.wrapped(items)
        if self.kind == "CursorPagination" and self.is_paged:
            link = f"{base}/{request.address}?tidegate_page={self.stream.number}.{place}.{first + size}"
            headers, body = self.pointed(body, items, first, len(records), link, (place, window))
        return self.written(headers, body, items)

    def begin(self, request, key):
        """The number of the first record of a page."""
        if not self.is_paged:
            return 0
        marked = request.query.get("tidegate_page")
        if marked:
            return int(marked[0].split(".")[2])
        option = self.paginator.get("page_token_option") or {}
        value = request.value(self.place(option)) if option or self.kind == "CursorPagination" else None
        if self.kind == "PageIncrement":
            start = int(self.stream.value(self.strategy.get("start_from_page", 0)) or 0)
            return 0 if value is None else (int(value) - start) * self.size
        if self.kind == "OffsetIncrement":
            return int(value or 0)
        known = self.tokens.get(key, {})
        if value in (None, "") or (not known and str(value) not in known):
            return 0
        if str(value) not in known:
            raise ValueError(f"no page is called {value!r}; known are {list(known)[:5]}")
        return known[str(value)]

    def place(self, option):
        if option.get("type") != "RequestPath" and option:
            return self.stream.place(option)
        # The request names the next page itself.
        for key, where in (("request_parameters", "request_parameter"), ("request_body_json", "body_json"), ("request_body_data", "body_data")):
            path = mentioned(self.stream.requester.get(key), "next_page_token")
            if path:
                return where, path
        return "request_parameter", [""]

    def wrapped(self, items):
        if "*" not in self.path:
            return nested(self.path, items)
        star = self.path.index("*")
        return nested(self.path[:star], [nested(self.path[star + 1 :], item) for item in items])

    def goes_on(self, body, headers, items):
        """Whether the paginator would go on after an answer, and by what."""
        links = {}
        for link in re.findall(r'<([^>]*)>;\s*rel="?(\w+)"?', headers.get("Link", "")):
            links[link[1]] = {"url": link[0], "rel": link[1]}
        names = {
            "response": body,
            "headers": {**headers, "link": links},
            "last_record": items[-1] if items else None,
            "last_page_size": len(items),
        }
        cursor = self.stream.value(self.strategy.get("cursor_value", ""), **names)
        stop = self.strategy.get("stop_condition")
        stops = bool(stop) and bool(self.stream.value(stop, **names))
        return (cursor if cursor and not stops else None), bool(cursor)

    def pointed(self, body, items, first, total, link, key):
        """The answer with what the paginator reads set so that it goes on, or stops."""
        more = first + self.size < total
        number, of = first // self.size + 1, -(-total // self.size)
        cursor, stop = self.strategy.get("cursor_value", ""), self.strategy.get("stop_condition") or ""
        by_path = (self.paginator.get("page_token_option") or {}).get("type") == "RequestPath"
        named = [path for path in chains(cursor, "response") + chains(stop, "response")]
        named = [path for path in dict.fromkeys(named) if not self.path or list(path[: len(self.path)]) != self.path]
        named = [path for path in named if isinstance(body, dict) and not any(path == other[: len(path)] and path != other for other in named)]
        in_headers = list(dict.fromkeys(chains(cursor, "headers") + chains(stop, "headers")))
        token = f"c{first + self.size}"
        tries = [link, f"/{link.split('/', 4)[-1]}"] if by_path else [token, first + self.size, number, number + 1, link + f"&page={number + 1}&cursor={token}&next={token}", [token]]
        others = [True, False, number, of, total, 0, None, ABSENT, "x", link]
        ending = [ABSENT, None, "", False, 0, number, of, {}, True, "x"]
        known = self.tokens.setdefault(key, {})
        for values in self.choices(named, in_headers, tries if more else ending, others if more else ending):
            trial, headers = json.loads(json.dumps(body)), {}
            if not all(put(trial, path, value) for path, value in zip(named, values)):
                continue
            for path, value in zip(in_headers, values[len(named) :]):
                if path[0].lower() == "link":
                    if value in tries and more:
                        headers["Link"] = f'<{link}>; rel="next"'
                elif value not in (ABSENT, None):
                    headers[path[0]] = str(value)
            found, _ = self.goes_on(trial, headers, items)
            if more == (found is not None):
                if more:
                    if not by_path and known.get(str(found), first + self.size) != first + self.size:
                        continue
                    known[str(found)] = first + self.size
                elif found is not None:
                    continue
                return headers, trial
        if more:
            raise ValueError(f"no answer has the paginator go on by {cursor!r}, {stop!r}")
        # What goes on for ever but for an empty page.
        found, _ = self.goes_on(body, {}, items)
        if found is not None:
            known.setdefault(str(found), total)
        return {}, body

    @staticmethod
    def choices(named, in_headers, first, others):
        """What the paths may hold: the first of them a pointer, the others flags and numbers."""
        count = len(named) + len(in_headers)
        if count == 0:
            return [()]
        return itertools.islice(itertools.product(first, *([others] * (count - 1))), 5000)

    def written(self, headers, body, items):
        decoder = (self.stream.retriever.get("decoder") or {}).get("type", "JsonDecoder")
        if decoder == "JsonlDecoder":
            return {**headers, "content-type": "application/x-ndjson"}, "\n".join(json.dumps(nested(self.path, item)) for item in items)
        if decoder == "CsvDecoder":
            return {**headers, "content-type": "text/csv"}, separated(items, (self.stream.retriever["decoder"].get("delimiter") or ","))
        if decoder == "XmlDecoder":
            return {**headers, "content-type": "application/xml"}, "".join(xml(name, value) for name, value in (body if isinstance(body, dict) else {"all": body}).items())
        return headers, body


def separated(items, delimiter):
    delimiter = "\t" if delimiter in ("\\t", "\t") else delimiter
    names = [name for name, value in items[0].items() if not isinstance(value, (dict, list))] if items else ["id"]
    lines = [delimiter.join(names)] + [delimiter.join(str(item.get(name, "")) for name in names) for item in items]
    return "\n".join(lines) + "\n"


def xml(name, value):
    """An element, several of one name for a list."""
    if isinstance(value, list):
        return "".join(xml(name, item) for item in value)
    inner = "".join(xml(key, item) for key, item in value.items()) if isinstance(value, dict) else "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>"
