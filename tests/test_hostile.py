"""Hostile input, end to end: what the binary says, how it ends, and that nothing of it lands by mistake.

Exit codes: 0 success, 2 config, 3 source, 4 data, 5 transient.
"""

import dataclasses
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
from decimal import Decimal

import duckdb
import pytest

from loopback import answer, serve

PIPELINE = """
name = "hostile"
staging = "file:./staging"
lake = "file:./lake"

[source]
base_url = "{url}"
[source.limits]
attempts = 1

[[streams]]
name = "items"
path = "/items"
records = "{records}"
{more}
cadence = "1m"
"""


@dataclasses.dataclass
class Case:
    """What the API answers, how the program must end, and the words that must be in what it says."""

    name: str
    answer: tuple
    exit: int
    says: tuple = ()
    rows: int | None = None
    records: str = "$.items[*]"
    more: str = ""
    select: str = ""
    lands: tuple = ()


def items(text):
    return answer(b'{"items": [' + text.encode() + b"]}")


DEEP = b'{"items": [{"id": 1, "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}]}"
HUGE = '{"id": 1, "y": 123456789012345678901234567890}, {"id": 2}'
WIDE = ",".join(f'"column_{n}": {n}' for n in range(100_000))
LATIN_1 = '{"items": [{"id": 1, "name": "Zürich"}]}'.encode("latin-1")

CASES = [
    Case("truncated JSON", answer(b'{"items": [{"id": 1}, {"id"'), 3, ("byte",)),
    Case("an empty body", answer(b""), 3, ("empty",)),
    Case("HTML", answer(b"<!doctype html><p>login", content_type="text/html"), 3, ("html",)),
    Case("a wrong charset", answer(LATIN_1), 3, ("UTF-8",)),
    Case("a declared charset", answer(LATIN_1, content_type="application/json; charset=iso-8859-1"), 0, rows=1),
    Case("a byte-order mark", answer(b'\xef\xbb\xbf{"items": [{"id": 1}]}'), 0, rows=1),
    Case("10,000 levels", answer(DEEP), 3, ("deep",)),
    Case("duplicate keys", items('{"id": 1, "id": 2}'), 0, select="id", lands=((2,),)),
    Case("NaN", items('{"id": 1, "x": NaN}'), 3, ("byte",)),
    Case("huge numbers", items(HUGE), 0, select="id, y", lands=((1, Decimal("123456789012345678901234567890")), (2, None))),
    Case("a number that no double holds", items('{"id": 1, "x": 1.5}, {"id": 2, "x": 1e400}'), 0, ("quarantine",), rows=1),
    Case("100,000 columns", items("{" + WIDE + "}"), 0, ("quarantine",), rows=0),
    Case("names equal when folded", items('{"Name": "a", "name": "b", "NAME": "c"}'), 0, select="* exclude (_tidegate_batch, _tidegate_row, _tidegate_polled_at)", lands=(("a", "b", "c"),)),
    Case("an error with status 200", answer({"error": "quota"}), 0, ("warning", "$.items[*]", "quota"), rows=0),
    Case("no records", answer({"items": []}), 0, rows=0),
    Case("a record that is no object", items('1, "x"'), 0, ("quarantine",), rows=1),
    Case("bare numbers", items("1, 2"), 0, rows=2),
    Case("a path for a time", items('{"id": 1, "at": "../.."}'), 0, ("quarantine",), rows=0, more='event_time = "at"'),
    Case("404", answer({"error": "no"}, status=404), 3, ("404", "/items")),
    Case("401", answer({"error": "no"}, status=401), 3, ("401",)),
    Case("500", answer({"error": "no"}, status=500), 5, ("500",)),
]


def run_once(tidegate, directory, respond, records="$.items[*]", more=""):
    with serve(respond) as url:
        (directory / "tidegate.toml").write_text(PIPELINE.format(url=url, records=records, more=more))
        return tidegate("run", "tidegate.toml", "--once")


def landed(directory, select):
    source = f"read_parquet('{directory}/lake/items/**/*.parquet', hive_partitioning = false)"
    return tuple(duckdb.sql(f"select {select} from {source} order by all").fetchall())


def rows(directory):
    files = list((directory / "lake").glob("items/**/*.parquet"))
    return sum(duckdb.sql(f"select count(*) from read_parquet('{file}')").fetchall()[0][0] for file in files)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer(case, tidegate, tmp_path):
    ran = run_once(tidegate, tmp_path, lambda *_: case.answer, case.records, case.more)
    said = ran.stdout + ran.stderr
    assert ran.returncode == case.exit, said
    assert [word for word in case.says if word.lower() not in said.lower()] == [], said
    assert "panic" not in said
    if case.exit:
        assert "help" in said, "an error says what to do next"
        assert rows(tmp_path) == 0
    if case.rows is not None:
        assert rows(tmp_path) == case.rows
    if case.select:
        assert landed(tmp_path, case.select) == case.lands
    if case.name == "no records":
        assert "warning" not in said
    outside = [path for path in tmp_path.iterdir() if path.name not in ("staging", "lake", "tidegate.toml")]
    assert outside == [], "something was written outside staging and lake"


def test_a_body_of_200_mb(tidegate, tmp_path):
    body = b'{"items": [' + b'{"id": 1},' * 20_000_000 + b'{"id": 2}]}'
    ran = run_once(tidegate, tmp_path, lambda *_: answer(body))
    assert ran.returncode == 3, ran.stderr
    assert "max_body" in ran.stderr


def test_a_body_that_ends_early(tidegate, tmp_path):
    ran = run_once(tidegate, tmp_path, lambda *_: answer(b'{"items": [', content_length="4000"))
    assert ran.returncode == 5, ran.stderr
    assert rows(tmp_path) == 0


def test_staging_and_lake_the_same(tidegate, tmp_path):
    text = PIPELINE.format(url="http://127.0.0.1:1", records="$", more="").replace("file:./lake", "file:./staging")
    (tmp_path / "tidegate.toml").write_text(text)
    ran = tidegate("run", "tidegate.toml", "--once")
    assert ran.returncode == 2, ran.stderr
    assert "staging" in ran.stderr and "lake" in ran.stderr


def test_nobody_listens(tidegate, tmp_path):
    (tmp_path / "tidegate.toml").write_text(PIPELINE.format(url="http://127.0.0.1:1", records="$", more=""))
    ran = tidegate("run", "tidegate.toml", "--once")
    assert ran.returncode == 5, ran.stderr
    assert "127.0.0.1" in ran.stderr


def mounted(*arguments):
    """Mounts what needs root; the reason to skip where it cannot be."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root to mount")
    ran = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"cannot mount here: {ran.stderr.strip()}")


def test_the_disk_is_full(tidegate, tmp_path):
    staging = tmp_path / "staging"
    staging.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", staging)
    try:
        big = answer({"items": [{"id": n, "text": "x" * 1000} for n in range(1000)]})
        ran = run_once(tidegate, tmp_path, lambda *_: big)
        assert ran.returncode == 5, ran.stderr
        assert "space" in ran.stderr
        assert not list(staging.glob("batches/**/*.batch.json")), "a batch was committed without its pages"
    finally:
        subprocess.run(["umount", staging], check=True)
    ran = run_once(tidegate, tmp_path, lambda *_: big)
    assert ran.returncode == 0, ran.stderr
    assert rows(tmp_path) == 1000


def test_the_disk_of_the_lake_is_full(tidegate, tmp_path):
    lake = tmp_path / "lake"
    lake.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", lake)
    noise = [{"id": n, "text": secrets.token_hex(500)} for n in range(1000)]
    try:
        ran = run_once(tidegate, tmp_path, lambda *_: answer({"items": noise}))
        assert ran.returncode == 5, ran.stderr
        assert "disk is full" in ran.stderr and "nothing is lost" in ran.stderr
        assert not list(lake.glob("_tidegate/loads/*.json")), "a load ended without its files"
    finally:
        subprocess.run(["umount", lake], check=True)
    ran = tidegate("load", "tidegate.toml", "--missing")
    assert ran.returncode == 0, ran.stderr
    assert rows(tmp_path) == 1000


def test_a_file_may_not_grow(tidegate, binary, tmp_path):
    """Where nothing can be mounted: a limit on the size of files meets a writer as a full disk does."""
    big = answer({"items": [{"id": n, "text": "x" * 1000} for n in range(1000)]})
    with serve(lambda *_: big) as url:
        (tmp_path / "tidegate.toml").write_text(PIPELINE.format(url=url, records="$.items[*]", more=""))
        limited = ["sh", "-c", 'ulimit -f 64; trap "" XFSZ; exec "$0" run tidegate.toml --once', binary]
        ran = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 5, ran.stderr
        assert "disk is full" in ran.stderr
        assert not list(tmp_path.glob("staging/batches/**/*.batch.json")), "a batch was committed without its pages"
        assert tidegate("run", "tidegate.toml", "--once").returncode == 0
    assert rows(tmp_path) == 1000


def test_no_permission(tidegate, tmp_path):
    lake = tmp_path / "lake"
    lake.mkdir()
    mounted("--bind", lake, lake)
    try:
        mounted("-o", "remount,bind,ro", lake)
        ran = run_once(tidegate, tmp_path, lambda *_: items('{"id": 1}'))
        assert ran.returncode == 2, ran.stderr
        assert "lake" in ran.stderr
    finally:
        subprocess.run(["umount", lake], check=True)
    ran = tidegate("load", "tidegate.toml", "--missing")
    assert ran.returncode == 0, ran.stderr
    assert rows(tmp_path) == 1


def test_a_directory_that_belongs_to_another(binary):
    """Run as nobody where we are root, to whom nothing is forbidden."""
    with tempfile.TemporaryDirectory() as name, serve(lambda *_: items('{"id": 1}')) as url:
        directory = pathlib.Path(name)
        program = shutil.copy(binary, directory / "tidegate")
        (directory / "tidegate.toml").write_text(PIPELINE.format(url=url, records="$.items[*]", more=""))
        directory.chmod(0o555)
        as_user = {"user": 65534} if os.geteuid() == 0 else {}
        command = [program, "run", "tidegate.toml", "--once"]
        ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, **as_user)
        directory.chmod(0o755)
        assert ran.returncode == 2, ran.stderr
        assert "Permission denied" in ran.stderr and "make it writable" in ran.stderr
        assert sorted(path.name for path in directory.iterdir()) == ["tidegate", "tidegate.toml"]


def test_secrets_stay_secret(tidegate, tmp_path):
    more = 'headers = { "x-key" = "${API_KEY}" }'
    with serve(lambda *_: answer({"error": "no"}, status=403)) as url:
        (tmp_path / "tidegate.toml").write_text(PIPELINE.format(url=url, records="$", more=more))
        ran = tidegate("run", "tidegate.toml", "--once", "-vv", env={"API_KEY": "s3cr3t-v4lue"})
    assert ran.returncode == 3, ran.stderr
    assert "s3cr3t" not in ran.stdout + ran.stderr
    written = [path for path in pathlib.Path(tmp_path).rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cr3t" in path.read_bytes()]


@pytest.mark.parametrize("names", ['name = "../.."', 'name = "items"\ntable = "../.."'])
def test_a_name_that_leads_out_of_the_lake(names, tidegate, tmp_path):
    text = PIPELINE.format(url="http://127.0.0.1:1", records="$", more="")
    (tmp_path / "tidegate.toml").write_text(text.replace('name = "items"', names))
    ran = tidegate("run", "tidegate.toml", "--once")
    assert ran.returncode == 2, ran.stderr
    assert "../.." in ran.stderr and "lower-case" in ran.stderr
