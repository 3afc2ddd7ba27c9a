"""Whatever a page holds, both engines make the same of it: rows, types, paths, quarantine to the byte, and what they
refuse. Each input is a stream of its own, so that one run of each engine judges them all."""

import json
import os
import random
import re
import shutil

import pytest
from lakes import differences, documents, manifests, spec, stage

EVENT = {"event_time": {"path": "t"}}
NUMBERS = (
    "0 -0 1 -1 7 9007199254740992 9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808 "
    "-9223372036854775808 -9223372036854775809 99999999999999999999999999999999999999 "
    "999999999999999999999999999999999999999 0.1 0.10 1.50 -0.0 1e3 1E400 1e-400 1e22 1e23 0.10000000000000001 "
    "10.357019999999999 123456789012345678901234567890 0.1234567890123456789 12345678901234567890.123456789012345678 "
    "5e-324 1.7976931348623157e308 100000000000000000000.5 0.000000000000000001 1e-18 1.0 2.000 3e0"
).split()
TEXTS = [
    "2026-11-23", "2026-02-29", "2024-02-29", "0001-01-01", "0000-01-01", "2026-11-23T10:00:00Z",
    "2026-11-23t10:00:00.123456z", "2026-11-23 10:00:00+02:00", "2026-11-23T10:00:00.1234567Z", "2026-11-23T10:00:00",
    "2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "2026-11-23T10:00Z", "", " ", "true", "1.5", "-7", "１２", "é東京",
    "\u0000\u0001\u001f\u007f", "\"quoted\" \\ /", "\U0001f600", "a\nb\r\tc\bd\f", "İstanbul", "ß", "x" * 300,
]  # fmt: skip
TIMES = [
    '"2026-11-23T10:00:00Z"', '"2026-11-23T10:00:00"', '"2026-11-23 10:00"', '"2026-11-23"', '"20261123"',
    '"20261123T101112Z"', '"2026-11-23T10:00:00.123456789+01:00"', '"2026-11-23T10:00:00,5Z"', '"2026-11-23T10+02"',
    '"2026-11-23T10:00:00+0230"', '"2026-11-23T10:00:00Z[Europe/Berlin]"', '"2026-11-23 10:00:00 UTC"',
    '"2026-11-23 10:00:00GMT"', '"Mon, 23 Nov 2026 10:00:00 GMT"', '"Mon, 23 Nov 2026 10:00:00 +0100"',
    '"23 Nov 2026 10:00 EST"', '"Tue, 23 Nov 2026 10:00:00 GMT"', "1795428000", "1795428000.25", "1795428000000",
    "1795428000000000", "1795428000000000000", '"1795428000"', "-1.5", "0", "1e9", "99999999999", "100000000000",
    '"2026-03-29T02:30:00"', '"2026-10-25T02:30:00"', '"2016-12-31T23:59:60Z"', '"0001-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59Z"', '"9999-12-30T21:59:59Z"', '"10000-01-01T00:00:00Z"', "null", "true", "{}", "[]", '""',
    '"soon"', '"24.12.2026 18:30"', '"2026-11-23T25:00:00Z"', '" 2026-11-23T10:00:00Z "', "1e30", '"2026-W48-1"',
    '"4.2.2026 8:05"', '"2026-1-2"', '"23 nov 2026 10:00:00"', '"23 November 2026 10:00:00"', '"24.12.2026  18:30"',
    '"24.12.2026 18:30 "', '"31.02.2026 10:00"', '"24.12.26 18:30"', '"24/Dec/2026:18:30:05 -0700"', '"12/24/2026 06:30 PM"',

]  # fmt: skip


def check(pages, in_rust, on_spark, tmp_path):
    """Stages each `(bodies, load, page)` as a stream of its own, one poll after the other, and compares the lakes."""
    rust, spark, failed = tmp_path / "rust", tmp_path / "spark", []
    for seq in range(max(len(bodies) for bodies, _, _ in pages)):
        for number, (bodies, load, page) in enumerate(pages):
            if seq < len(bodies):
                name = f"t{number:04}"
                stage(rust, seq + 1, [bodies[seq]], {**load, "table": name}, name, **page)
        shutil.copytree(rust / "staging", spark / "staging", dirs_exist_ok=True)
        ran = in_rust(rust)
        assert ran.returncode in (0, 4), ran.stderr
        _, failed = on_spark(spark)
    told = differences(rust / "lake", spark / "lake")
    inputs = {number: pages[int(number)] for one in told[:3] for number in re.findall(r"\bt([0-9]{4})\b", one[:60])}
    assert not told, "\n".join([*(one[:1500] for one in told[:6]), *map(str, inputs.values())])
    return rust / "lake", failed


def test_hostile_pages_by_hand(in_rust, on_spark, tmp_path):
    deep = "[" * 100 + "1" + "]" * 100
    bodies = [
        '[{"year": 1, "Year": 2, "id": 3, "ID": 4, "": 5, "_tidegate_row": 6, "a.b": 7, "a/b": 8, "東京": 9, "%": 10}]',
        '[{"a": 1, "a": "x"}, {"a": "x", "a": 2}, {"a": 3}]',
        '[{"o": {"x": 1, "x": {"y": 2}}}, {"o": {"x": {"y": 3}}}, {"o": []}, {"o": {}}, {"o": null}, {"o": 4}]',
        '[1, "two", null, [3], {"value": 4}]',
        "null", "[]", "{}", '"text"', "17", "[[1,2],[3]]",
        '[{"a": []}, {"a": [null]}, {"a": [[1]]}, {"a": ["x"]}, {"a": [{"b": 1}]}]',
        '[{"l": [1, 2.5, null, "x", 1e400]}, {"l": [9007199254740993]}, {"l": [0.10000000000000001]}]',
        '{"a" : "\\u00e9\\ud83d\\ude00\\n" , "b" : [ 1 , { "c" : "\\/" } ] }',
        f'[{{"a": 1}}, {{"a": "\\u0000 \\u001f"}}, {{"deep": {deep}}}]',
        '[{"a": ' + "[" * 130 + "]" * 130 + "}]",
        '[{"a": 1}', '[{"a": 1},]', "[NaN]", "[Infinity]", "[01]", '["\\ud800"]', "{'a': 1}", "<html>", "", "[1] [2]",
        '["a\tb"]', '[{"a": tru}]', '["\\x"]', "[+1]", "[1.]", "[.5]", "[-]", "[1e]", '[{"a" 1}]', "[1 2]",
        b'[{"a": "\xff"}]', b'\xef\xbb\xbf[{"a": "\xc3\xa9"}]', b"\xff\xfe[\x001\x00]\x00",
        '[{"x": {"a": 1, "A": 2, "year": 3}}, {"x": {"b": {"c": {}}}}]',
        '[{"n": 1}, {"n": 9007199254740993}, {"n": 1.5}]', '[{"n": 9007199254740993}, {"n": 1.5}, {"n": 1e40}]',
        # A double in the middle of two spellings that are as short.
        '[{"n": 1786226096751402.2}, {"n": 1786226096751402.3}]', '[{"n": 1786226096751402.3}, {"n": -1786226096751402.3}]',
        '[{"n": 1786226096751402.4}]',
        '[{"d": "2026-11-23"}, {"d": "2026-11-23T10:00:00Z"}, {"d": "x"}]',
    ]  # fmt: skip
    pages = [([body], spec(), {}) for body in bodies]
    lake, failed = check(pages, in_rust, on_spark, tmp_path)
    unread = len(documents(lake, "_tidegate/claims")) - len(manifests(lake))
    assert len(failed) == unread and 20 <= unread < len(bodies) - 15


def test_times_in_every_spelling(in_rust, on_spark, tmp_path):
    body = "[" + ",".join(f'{{"t": {time}, "n": {n}}}' for n, time in enumerate(TIMES)) + "]"
    rules = [
        {}, {"unit": "s"}, {"unit": "ms"}, {"unit": "us"}, {"unit": "ns"}, {"timezone": "Europe/Berlin"},
        {"timezone": "America/New_York"}, {"timezone": "No/Where"}, {"format": "%d.%m.%Y %H:%M"},
        {"format": "%d.%m.%Y %H:%M", "timezone": "Asia/Tokyo"}, {"format": "%Y-%m-%dT%H:%M:%S%:z"}, {"format": "%Y-%m-%d"},
        {"format": "%d %b %Y %T"},
        {"format": "%d.%m.%y %H:%M"}, {"format": "%d/%b/%Y:%H:%M:%S %z"}, {"format": "%m/%d/%Y %I:%M %p"},
        {"format": "%d %B %Y %T"}, {"timezone": "europe/berlin"},
    ]  # fmt: skip
    pages = [
        ([body], spec(event_time={"path": "t", **rule}, partition_by=grain, **more), {})
        for rule in rules
        for grain, more in (("minute", {}), ("year", {"columns": {"t": "string"}}))
    ]
    pages.append(([body], spec(columns={"t": "timestamp"}), {}))
    _, failed = check(pages, in_rust, on_spark, tmp_path)
    assert failed == []


def test_what_python_has_not_alike_is_left_to_rust(in_rust, on_spark, tmp_path):
    stage(tmp_path, 1, ['{"items": [{"a": 1}, {"a": 5}]}'], spec("query", records="$.items[?@.a > 2]"), "query")
    stage(tmp_path, 1, ['[{"a": 1}]'], spec("charset"), "charset", charset="euc-kr")
    stage(tmp_path, 1, ['[{"t": "Mon"}]'], spec("format", event_time={"path": "t", "format": "%a"}), "format")
    stage(tmp_path, 1, [b"\xff\x00"], spec("later"), "later", format="of a later version")
    stage(tmp_path, 1, ['[{"a": 1}]'], spec("unheard", of_a_later_version=True), "unheard")
    _, failed = on_spark(tmp_path)
    assert len(failed) == 5 and all("tidegate load --missing" in one for one in failed)
    assert manifests(tmp_path / "lake") == {}
    in_rust(tmp_path)
    assert manifests(tmp_path / "lake")["query-000000000001"]["rows"] == 1
    assert manifests(tmp_path / "lake")["charset-000000000001"]["rows"] == 1


def test_csv_as_it_comes(in_rust, on_spark, tmp_path):
    bodies = [
        "a,b\n1,x\n", "a,b\r\n01234,+5\r\n,\r\n", 'a,"b ""q"""\n"1,5","x\ny"\n', "a,a,,A\n1,2,3,4\n", "a\n\n1\n\n\n2",
        "a,b\n1\n", 'a\n"cut', 'a\n"x"y\n', "a,b\ntrue,false\nTrue,1e3\n", "a", "", 'a\nx"y\n', "a,b\n1,2,3\n", "a\rb\r",
        "\ufeffa\n1\n", "a\n1.50\n-0\n9223372036854775808\n", " a , b \n 1 , 2 \n",
    ]  # fmt: skip
    pages = [([body.encode()], spec(), {"format": "csv"}) for body in bodies]
    latin = "Ort;Höhe\nZürich;5\n".replace(";", ",").encode("latin-1")
    pages += [([latin], spec(), {"format": "csv", "charset": label}) for label in ("iso-8859-1", "Windows-1252", "utf-8")]
    pages.append((["a\n1\n"], spec(records="$.x"), {"format": "csv"}))
    lake, failed = check(pages, in_rust, on_spark, tmp_path)
    assert 4 <= len(failed) == len(documents(lake, "_tidegate/claims")) - len(manifests(lake))


def test_records_are_found_by_their_path(in_rust, on_spark, tmp_path):
    body = '{"a": {"b c": [[{"n": 1}], [{"n": 2}, {"n": 3}]], "n": 9}, "l": [{"x": [{"n": 4}]}, {"x": {"n": 5}}, 6], "z": null}'
    paths = [
        "$", "$.a", "$.a['b c']", '$.a["b c"][*]', "$.a['b c'][*][*]", "$.a['b c'][1]", "$.l[*].x", "$.l[*].x[*]", "$.*",
        "$.z", "$.nothing", "$.l[0].x[0].n", "$.l.x", "$[0]", "$.a.*.*",
    ]  # fmt: skip
    pages = [([body], spec(records=path), {}) for path in paths]
    twice = '{"a": [1], "a": [2]}'
    pages += [([twice], spec(records="$.a[*]"), {}), ([twice], spec(records="$.*"), {})]
    lines = '{"a": [{"n": 1}]}\n\n  \r\n{"a": [{"n": 2}, null]}\n[1]\n"x"'
    pages += [([lines], spec(records=path), {"format": "ndjson"}) for path in ("$", "$.a", "$.a[*]")]
    pages += [([lines + "\n{"], spec(), {"format": "ndjson"})]
    check(pages, in_rust, on_spark, tmp_path)


class Anything:
    """Random pages and settings; one seed is one set of them."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def value(self, depth=0):
        pick = self.chance.random()
        if pick < 0.3:
            return self.chance.choice(NUMBERS)
        if pick < 0.55:
            text = self.chance.choice(TEXTS)
            return json.dumps(text, ensure_ascii=self.chance.random() < 0.5)
        if pick < 0.7:
            return self.chance.choice(["null", "true", "false", "[]", "{}", "[ ]", "{\n}"])
        if depth > 3:
            return "1"
        if pick < 0.85:
            return "[" + ", ".join(self.value(depth + 1) for _ in range(self.chance.randrange(4))) + "]"
        return self.record(depth + 1)

    def record(self, depth=0, names=("a", "b", "A", "year", "x y", "é", "t", "_tidegate_batch")):
        entries = [
            f'{json.dumps(self.chance.choice(names))}{self.chance.choice([":", " : "])}{self.value(depth)}'
            for _ in range(self.chance.randrange(6))
        ]
        return "{" + self.chance.choice([",", ", ", ",\n"]).join(entries) + "}"

    def page(self):
        records = [self.value() if self.chance.random() < 0.03 else self.record() for _ in range(self.chance.randrange(9))]
        return "[" + ",".join(records) + "]"

    def settings(self):
        modes = ["evolve", "evolve", "evolve", "discard_row", "discard_value", "freeze"]
        changed = {
            "contract": {part: self.chance.choice(modes) for part in ("columns", "data_type")},
            "partition_by": self.chance.choice(["year", "month", "day", "hour", "minute"]),
            "max_columns": self.chance.choice([2, 5, 2000]),
        }
        types = ["boolean", "int64", "double", "decimal", "string", "date", "timestamp", "json"]
        if self.chance.random() < 0.5:
            names = self.chance.sample(["a", "b", "é", "a.b", "b.a", "x y", "A.a"], 2)
            changed["columns"] = {name: self.chance.choice(types) for name in names}
        if self.chance.random() < 0.3:
            changed["event_time"] = {"path": self.chance.choice(["t", "a.t", "$.b"])}
        return spec(**changed)


def test_random_pages_under_random_settings(in_rust, on_spark, tmp_path):
    seed = int(os.environ.get("TIDEGATE_GLUE_SEED", random.randrange(1 << 32)))
    print(f"the same again with TIDEGATE_GLUE_SEED={seed}")
    anything = Anything(seed)
    pages = []
    for number in range(32):
        page = {}
        if number % 4 == 0:
            page["repeats"] = [[0, 1], [3, 2]]
        if number % 5 == 0:
            page["fields"] = {"a": anything.chance.choice([1, 2.5, "x", None, {"b": 1}]), "city": "Köln"}
        pages.append(([anything.page() for _ in range(3)], anything.settings(), page))
    lake, _ = check(pages, in_rust, on_spark, tmp_path)
    assert len(manifests(lake)) > 40, "most of them load"


@pytest.mark.parametrize("name", ["no", "batches/s/1.batch.json", "../etc/passwd", "pages/s/000000000001/x.json"])
def test_a_key_that_is_no_batch_is_named(on_spark, tmp_path, name):
    stage(tmp_path, 1, ["[1]"])
    _, failed = on_spark(tmp_path, "--batches", name)
    assert len(failed) == 1 and f"`{name}` is no batch" in failed[0]
