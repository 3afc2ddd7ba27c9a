"""The functions' release binaries under Lambda's runtime API: how fast they start, what they take, and that no timeout, panic,
nonsense or kill loses or doubles anything."""

import io
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tomllib

import pyarrow.parquet as pq
import pytest
import runtime
import stack as stacks
import template as cfn
from runtime import CODE, LAKE, STAGING, Function

PROGRAMS, BINARIES = (pathlib.Path(os.environ[name]) for name in ("TIDEGATE_FUNCTIONS", "TIDEGATE_BINARIES"))
POLLER, STARTER = PROGRAMS / "tidegate-poller", PROGRAMS / "tidegate-starter"
PIPELINE = """
name = "loopback"
[source]
base_url = "{url}"
limits = { timeout = "1s", attempts = 1 }
[[streams]]
name = "weather"
path = "/now"
event_time = "time"
partition_by = "minute"
cadence = "10m"
"""
RECORD = {"time": "2026-11-23T03:15:42Z", "temp": 7.5, "city": "Köln"}
DATA = "weather/year=2026/month=11/day=23/hour=03/minute=15/weather-000000000001-0.parquet"
TICK = {"tick": "now"}


@pytest.fixture
def s3():
    s3 = runtime.S3()
    yield s3
    s3.shutdown()


@pytest.fixture
def api():
    with stacks.Api() as api:
        api.says(RECORD)
        yield api


def poller(s3, api, **settings):
    s3.put(CODE, "tidegate.toml", pipeline(api.url))
    return Function(POLLER, s3, TIDEGATE_PIPELINE=f"s3://{CODE}/tidegate.toml", **settings)


def pipeline(url):
    return PIPELINE.replace("{url}", url)


def staged(s3, api):
    """One batch, as the poller stages it; the event of its object."""
    with poller(s3, api) as function:
        assert function.invoke(TICK)[:2] == ("response", {"polls": 1, "staged": 1, "failed": 0}), function.log
    (key,) = s3.keys(STAGING, "batches/")
    return {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": STAGING}, "object": {"key": key}}}


def message(record, name="m"):
    return {"messageId": name, "body": json.dumps({"Records": [record]})}


def landed(s3):
    """Rows of every data file in the lake."""
    files = [key for key in s3.keys(LAKE, "weather/") if key.endswith(".parquet")]
    return {key: pq.read_table(io.BytesIO(s3.objects[LAKE, key])).num_rows for key in files}


def forecast(name):
    """A pair of constants of the forecast."""
    text = (cfn.ROOT / "crates/aws/src/cli/cost/forecast.rs").read_text()
    return tuple(int(float(n)) for n in re.search(rf"{name}: \(f64, f64\) = \(([\d.]+), ([\d.]+)\)", text).groups())


def report(what, seconds, warm, peak):
    line = f"{what:<34} start to answer {min(seconds) * 1e3:6.1f} ms (median {statistics.median(seconds) * 1e3:6.1f}), "
    print(line + f"warm {warm * 1e3:5.1f} ms, peak {peak:4.1f} MB")


def measure(what, make, event, prepare=lambda: None):
    seconds, peaks = [], []
    for _ in range(7):
        prepare()
        with make() as function:
            kind, answer, took = function.invoke(event)
            assert kind == "response", (answer, function.log)
            seconds.append(took)
            warm = function.invoke(event)[2]
            peaks.append(function.peak_mb())
    report(what, seconds, warm, max(peaks))
    return max(peaks)


def test_start_and_memory(s3, api, tmp_path, capsys):
    record = staged(s3, api)
    loads = {"Records": [message(record)]}

    def fresh():
        for key in s3.keys(LAKE):
            del s3.objects[LAKE, key]

    with capsys.disabled():
        print()
        polling = measure("poller, nothing due", lambda: poller(s3, api), TICK)
        empty = measure("starter, an empty event", lambda: Function(STARTER, s3), {"Records": []})
        loading = measure("starter, loads a batch", lambda: Function(STARTER, s3), loads, fresh)
        package = [BINARIES / "tidegate-aws", "package", "--binaries", PROGRAMS, "--out", tmp_path]
        subprocess.run(package, check=True, stdout=subprocess.DEVNULL, timeout=120)
        zips = {"lambda_function.zip": POLLER, "lambda_glue.zip": STARTER}
        sizes = {name: (tmp_path / name).stat().st_size for name in zips}
        for name, program in zips.items():
            unpacked = program.stat().st_size / 1e6
            print(f"{name:<34} {sizes[name] / 1e6:.2f} MB (goal 6), unpacked {unpacked:.1f} MB")
    assert polling < 20 and max(empty, loading) < 30, "memory that a start takes"
    assert max(sizes.values()) < 6_000_000, "a start reads the whole program"


def test_the_forecast_counts_the_calls_that_are_made(s3, api):
    with poller(s3, api) as function:
        function.invoke(TICK)
        first = s3.count()
        function.invoke(TICK)
        tick = s3.count()
    (key,) = s3.keys(STAGING, "batches/")
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": STAGING}, "object": {"key": key}}}
    with Function(STARTER, s3) as function:
        function.invoke({"Records": [message(record)]})
        load = s3.count()
    print("tick", tick, "tick with a poll", first, "load", load)
    assert near(tick, forecast("TICK_CALLS"))
    assert near(first, tuple(a + b for a, b in zip(forecast("TICK_CALLS"), forecast("POLL_CALLS"), strict=True)))
    assert near(load, forecast("LOAD_CALLS"))


def near(counted, stated):
    """Within two calls, or within a quarter: a forecast is no more exact."""
    return all(abs(a - b) <= max(2, b / 4) for a, b in zip(counted, stated, strict=True))


def test_what_is_not_due_is_not_asked_for(s3, api):
    with poller(s3, api) as function:
        assert function.invoke(TICK)[1]["polls"] == 1
        assert function.invoke(TICK)[1]["polls"] == 0


def test_an_api_that_never_answers_is_a_failed_poll(s3, api):
    # A listener that accepts and says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent, poller(s3, api) as function:
        s3.put(CODE, "tidegate.toml", pipeline(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        kind, answer, _ = function.invoke(TICK)
        assert (kind, answer) == ("response", {"polls": 0, "staged": 0, "failed": 1}), function.log
        assert s3.keys(STAGING, "batches/") == []


def test_near_its_deadline_a_load_is_left_to_the_next(s3, api):
    record = staged(s3, api)
    with Function(STARTER, s3) as function:
        kind, answer, _ = function.invoke({"Records": [message(record)]}, deadline=5)
        assert (kind, answer) == ("response", {"batchItemFailures": [{"itemIdentifier": "m"}]})
        assert landed(s3) == {}
        assert function.invoke({"Records": [message(record)]})[1] == {"batchItemFailures": []}
    assert landed(s3) == {DATA: 1}


def test_nonsense_is_answered_and_the_next_event_served(s3, api):
    record = staged(s3, api)
    with Function(STARTER, s3) as function:
        for nonsense in [b"no json", b"", b"null", b"[]", b'"text"', b'{"Records": 5}', b'{"Records": [{"a": 1}]}', b"\xff"]:
            kind, answer, _ = function.invoke(nonsense)
            assert kind in ("error", "response"), nonsense
            assert kind == "response" or answer["errorMessage"], nonsense
        bad = {"messageId": "bad", "body": "no json"}
        kind, answer, _ = function.invoke({"Records": [bad, message(record, "good")]})
        assert (kind, answer) == ("response", {"batchItemFailures": [{"itemIdentifier": "bad"}]})
    assert landed(s3) == {DATA: 1}


def test_a_setting_that_is_missing_is_said_in_the_answer(s3, api):
    with poller(s3, api, TIDEGATE_LAKE="") as function:
        kind, answer, _ = function.invoke(TICK)
        assert kind == "error" and "TIDEGATE_LAKE is not set" in answer["errorMessage"], answer


def test_a_panic_is_answered_and_the_next_event_served(s3):
    with Function(BINARIES / "examples/panics", s3) as function:
        for _ in range(2):
            kind, answer, _ = function.invoke({"say": "boom"})
            assert kind == "error" and "boom" in answer["errorMessage"], answer
        assert function.invoke({})[:2] == ("response", {})
    profile = tomllib.loads((cfn.ROOT / "Cargo.toml").read_text())["profile"]["lambda"]
    assert profile["panic"] == "unwind", "an abort leaves the invocation without an answer"


def test_killed_at_any_write_a_redelivered_event_lands_every_row_once(s3, api):
    record = staged(s3, api)
    event = {"Records": [message(record)]}
    raw = dict(s3.objects)
    for number in range(1, 100):
        s3.objects, writes = dict(raw), []
        with Function(STARTER, s3) as function:

            def dies(bucket, key, function=function, number=number, writes=writes):
                writes.append(key)
                if len(writes) == number:
                    function.process.kill()
                return len(writes) != number

            s3.on_put = dies
            function.runtime.events.put((json.dumps(event).encode(), 60))
            function.process = function.start()
            function.log = []
            stacks.until("it ends or answers", lambda f=function: f.process.poll() is not None or not f.runtime.answers.empty())
            s3.on_put = lambda *_: True
        if len(writes) < number:
            assert number > 4, "a load has several writes"
            break
        with Function(STARTER, s3) as again:
            assert again.invoke(event)[1] == {"batchItemFailures": []}, again.log
        assert landed(s3) == {DATA: 1}, f"killed at write {number}, {writes[-1]}"
