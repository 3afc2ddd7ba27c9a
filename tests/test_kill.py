"""`tidegate run` is killed with SIGKILL at random moments, fifty times, against an API whose data keeps growing.

After a last run that may finish, the lake holds every row once with its values. DuckDB, pyarrow and Polars read it as
it lies, by Hive partitioning alone.
"""

import datetime
import os
import random
import subprocess
import time

import duckdb
import polars
import pyarrow.dataset

from loopback import answer, serve

KILLS = 50
EVENTS_A_SECOND = 40
WINDOW = 4000
PAGE = 500
DAY = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)

PIPELINE = """
name = "killed"
staging = "file:./staging"
lake = "file:./lake"

[source]
base_url = "{url}"

[[streams]]
name = "change"
path = "/changes"
params = {{ since = "{{incremental.start_value}}" }}
records = "$.events[*]"
incremental = {{ cursor_path = "id", initial_value = 0 }}
event_time = "at"
cadence = "1s"

[[streams]]
name = "feed"
path = "/feed"
records = "$.events[*]"
paginator = {{ type = "json_link", next_url_path = "$.next" }}
primary_key = ["id"]
event_time = "at"
partition_by = "day"
cadence = "1s"
"""


def event(number):
    """The event of a number: all that is in it follows from the number."""
    at = DAY + datetime.timedelta(minutes=7 * number)
    return {
        "id": number,
        "at": at.isoformat().replace("+00:00", "Z"),
        "value": number * 0.5,
        "name": f"é 東京 {number % 7}",
        "nested": {"big": 9007199254740993 + number, "list": list(range(number % 3))},
    }


class GrowingApi:
    """Events appear with time until it is frozen."""

    def __init__(self):
        self.start = time.monotonic()
        self.frozen = None

    def count(self):
        return self.frozen or 1 + int((time.monotonic() - self.start) * EVENTS_A_SECOND)

    def freeze(self):
        self.frozen = self.count()

    def __call__(self, path, query, headers):
        if path == "/changes":
            since = int(query.get("since", 0))
            return answer({"events": [event(n) for n in range(since + 1, min(self.count(), since + 2000) + 1)]})
        until, offset = int(query.get("until", self.count())), int(query.get("offset", 0))
        numbers = range(until, max(0, until - WINDOW), -1)
        more = offset + PAGE < len(numbers)
        following = f"/feed?until={until}&offset={offset + PAGE}" if more else None
        return answer({"events": [event(n) for n in numbers[offset : offset + PAGE]], "next": following})


def kill_at_random(binary, directory, chance):
    for _ in range(KILLS):
        process = subprocess.Popen(
            [binary, "run", "tidegate.toml"],
            cwd=directory,
            env={"PATH": os.environ["PATH"], "HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(chance.choice([0.02, 0.1, 0.3, 0.8]) * chance.uniform(0.5, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
        assert process.wait() == -9, "`tidegate run` ended by itself"


def check_table(lake, table, count):
    """DuckDB: every row once, with its values, in its partition."""
    query = f"""
        select id, epoch_us("at"), value, name, nested.big as big, len(nested.list) as length, year, month, day
        from read_parquet('{lake}/{table}/**/*.parquet', hive_partitioning = true) order by id
    """
    rows = duckdb.sql(query).fetchall()
    ids = [row[0] for row in rows]
    assert len(ids) == len(set(ids)), f"{table}: {len(ids) - len(set(ids))} rows are there more than once"
    assert ids == list(range(1, count + 1)), f"{table}: {count - len(ids)} of {count} rows are lost"
    for identity, at, value, name, big, length, *partition in rows:
        expected = event(identity)
        stamp = DAY + datetime.timedelta(minutes=7 * identity)
        assert (value, name) == (expected["value"], expected["name"])
        assert (big, length) == (expected["nested"]["big"], len(expected["nested"]["list"]))
        assert at == round(stamp.timestamp()) * 1_000_000
        assert [int(part) for part in partition] == [stamp.year, stamp.month, stamp.day]


def check_other_readers(lake, table, count):
    """pyarrow and Polars, without a schema or an option besides Hive partitioning."""
    dataset = pyarrow.dataset.dataset(lake / table, partitioning="hive")
    assert dataset.count_rows() == count
    assert sorted(dataset.to_table(columns=["id"])["id"].to_pylist()) == list(range(1, count + 1))
    frame = polars.scan_parquet(lake / table / "**/*.parquet", hive_partitioning=True)
    total, distinct = frame.select(polars.len(), polars.col("id").n_unique().alias("ids")).collect().row(0)
    assert (total, distinct) == (count, count)


def test_a_killed_run_loses_and_doubles_nothing(binary, tidegate, tmp_path):
    seed = int(os.environ.get("TIDEGATE_KILL_SEED", time.time_ns() % 1_000_000))
    print(f"replay the moments with TIDEGATE_KILL_SEED={seed}")
    api = GrowingApi()
    with serve(api) as url:
        (tmp_path / "tidegate.toml").write_text(PIPELINE.format(url=url))
        kill_at_random(binary, tmp_path, random.Random(seed))
        api.freeze()
        for _ in range(1 + api.count() // 2000):
            ran = tidegate("run", "tidegate.toml", "--once")
            assert ran.returncode == 0, ran.stderr
    for table in ["change", "feed"]:
        check_table(tmp_path / "lake", table, api.count())
        check_other_readers(tmp_path / "lake", table, api.count())
