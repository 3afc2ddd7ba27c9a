"""What one engine has begun, the other finishes; both at once double nothing."""

import json
import os
import signal
import subprocess
import time

import glue_job
import pyarrow.parquet as pq
import pytest
from lakes import copy, differences, documents, found, physical, sound, spec, stage

# One load with all kinds of objects: two partitions, a table that widens from the load before, a row in quarantine.
FIRST = [{"at": "2026-11-20T10:00:00Z", "n": 1}, {"at": "2026-11-20T11:30:00Z", "n": 2}]
SECOND = [
    {"at": "2026-11-20T10:10:00Z", "n": 1.5, "more": {"a": ["x"]}},
    {"at": "2026-11-20T12:10:00Z", "n": "no number"},
    {"at": "2026-11-20T12:11:00Z", "n": 3, "more": None},
]
SPEC = spec(event_time={"path": "at"})


@pytest.fixture(scope="module")
def begun(tmp_path_factory, in_rust):
    """One load ended, another staged."""
    place = tmp_path_factory.mktemp("begun")
    stage(place, 1, [json.dumps(FIRST)], SPEC)
    assert in_rust(place).returncode == 0
    stage(place, 2, [json.dumps(SECOND)], SPEC)
    return place


@pytest.fixture(scope="module")
def whole(begun, in_rust, tmp_path_factory):
    """What must be there in the end."""
    place = copy(begun, tmp_path_factory.mktemp("whole") / "place")
    assert in_rust(place).returncode == 0
    rows = sound(place / "lake")
    assert len(rows) == 4
    return place / "lake"


class Killed(BaseException):
    """The process is gone."""


class Dying:
    """A store that lets some writes pass, and dies before or after the next."""

    def __init__(self, store, left, after):
        self.store, self.left, self.after = store, left, after

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if name not in ("create", "overwrite", "delete"):
            return method

        def counted(*args):
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = method(*args)
            if self.left == 0:
                raise Killed
            return result

        return counted


def dies(place, writes, after):
    """Loads the staged batch until the process dies; whether it did."""
    world = glue_job.Lake(f"{place}/staging", f"{place}/lake")
    world.lake = Dying(world.lake, writes, after)
    try:
        world.load_batch("batches/s/000000000002.batch.json", True)
        return False
    except Killed:
        return True


def values(lake):
    return json.dumps(sound(lake), default=str)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_the_script_dies_rust_finishes_the_load(begun, whole, in_rust, tmp_path, after):
    for writes in range(1, 50):
        place = copy(begun, tmp_path / str(writes))
        died = dies(place, writes, after)
        ran = in_rust(place)
        assert ran.returncode == 0, f"{writes}: {ran.stderr}"
        assert values(place / "lake") == values(whole), f"died at write {writes}"
        assert documents(place / "lake", "_tidegate/schema") == documents(whole, "_tidegate/schema")
        if not died:
            break
    # Claim, schema, two files, quarantine, manifest.
    assert writes == 7


def test_wherever_rust_died_the_script_finishes_the_load(begun, whole, on_spark, tmp_path):
    line = ["_tidegate/loads/s-000000000002.json", "quarantine/t/s-000000000002.ndjson"]
    line += [key for key in found(whole, "t", "s-000000000002-0.parquet")]
    line += ["_tidegate/schema/t/000002.json", "_tidegate/claims/s/000000000002.json"]
    for missing in range(1, len(line) + 1):
        place = copy(begun, tmp_path / str(missing))
        for key in line[missing:]:
            (place / "lake" / key).parent.mkdir(parents=True, exist_ok=True)
            (place / "lake" / key).write_bytes((whole / key).read_bytes())
        reports, failed = on_spark(place)
        assert failed == []
        assert [one["end"] for one in reports][:1] == ["loaded"]
        assert values(place / "lake") == values(whole), f"without {line[:missing]}"
        assert documents(place / "lake", "_tidegate/retyped") == documents(whole, "_tidegate/retyped")


@pytest.fixture(scope="module")
def one_file(tmp_path_factory, in_rust):
    """One load of six rows, all in one file."""
    place = tmp_path_factory.mktemp("one_file")
    stage(place, 1, [json.dumps([{"at": "2026-11-20T10:00:00Z", "n": n} for n in range(6)])], SPEC)
    assert in_rust(place).returncode == 0
    return place


def cut(lake):
    """Cuts the one data file into three, as a loader does that has too little memory for it; their paths."""
    (path,) = found(lake, "t", ".parquet").values()
    rows = pq.ParquetFile(path).read()
    parts = [path.with_name(path.name.replace("-0.parquet", f"-{part}.parquet")) for part in range(3)]
    for number, part in enumerate(parts):
        part.write_bytes(glue_job.parquet(rows.slice(2 * number, 2)))
    return parts


def finish(engine, place, in_rust, on_spark):
    if engine == "spark":
        assert on_spark(place)[1] == []
    else:
        ran = in_rust(place)
        assert ran.returncode == 0, ran.stderr


# Of a hole before its first part the loader in Rust knows nothing: it writes the same parts whenever it repeats a load.
LEFT = [("rust", [0, 1, 2]), ("rust", [0, 2]), ("spark", [0, 1, 2]), ("spark", [0, 2]), ("spark", [1, 2])]


@pytest.mark.parametrize(("engine", "left"), LEFT)
def test_parts_that_a_dead_run_has_left_are_gone_when_the_load_ends(engine, left, one_file, in_rust, on_spark, tmp_path):
    place = copy(one_file, tmp_path / "place")
    for number, part in enumerate(cut(place / "lake")):
        if number not in left:
            part.unlink()
    (place / "lake/_tidegate/loads/s-000000000001.json").unlink()
    finish(engine, place, in_rust, on_spark)
    assert values(place / "lake") == values(one_file / "lake")
    assert [key.rsplit("-", 1)[1] for key in found(place / "lake", "t", ".parquet")] == ["0.parquet"]


@pytest.mark.parametrize("engine", ["rust", "spark"])
def test_an_ended_load_of_several_parts_is_left_alone_and_re_typed_whole(engine, one_file, in_rust, on_spark, tmp_path):
    place = copy(one_file, tmp_path / "place")
    lake, path = place / "lake", place / "lake/_tidegate/loads/s-000000000001.json"
    manifest = json.loads(path.read_text())
    parts = [{"key": str(part.relative_to(lake)), "rows": 2, "bytes": part.stat().st_size} for part in cut(lake)]
    path.write_text(json.dumps({**manifest, "files": parts}))
    before = {key: path.read_bytes() for key, path in found(lake).items()}
    finish(engine, place, in_rust, on_spark)
    assert {key: path.read_bytes() for key, path in found(lake).items()} == before
    assert values(lake) == values(one_file / "lake")
    stage(place, 2, ['[{"at": "2026-11-20T10:30:00Z", "n": 0.5}]'], SPEC)
    finish(engine, place, in_rust, on_spark)
    assert [row["n"] for row in sound(lake)] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.5]
    files = found(lake, "t", ".parquet")
    assert sorted(key.rsplit("-", 1)[1] for key in files) == ["0.parquet", "0.parquet"]
    assert len({physical(path) for path in files.values()}) == 1


@pytest.fixture(scope="module")
def re_typed(one_file, in_rust, tmp_path_factory):
    """A load of three parts before it is re-typed into one, and after."""
    before = copy(one_file, tmp_path_factory.mktemp("re_typed") / "before")
    parts, path = cut(before / "lake"), before / "lake/_tidegate/loads/s-000000000001.json"
    manifest = json.loads(path.read_text())
    files = [{"key": str(part.relative_to(before / "lake")), "rows": 2, "bytes": part.stat().st_size} for part in parts]
    path.write_text(json.dumps({**manifest, "files": files}))
    stage(before, 2, ['[{"at": "2026-11-20T10:30:00Z", "n": 0.5}]'], SPEC)
    after = copy(before, before.with_name("after"))
    assert in_rust(after).returncode == 0
    ended = json.loads((after / "lake/_tidegate/loads/s-000000000001.r1.json").read_text())
    assert len(ended["files"]) == 1 and len(ended["removed"]) == 2
    return before, after, ended


@pytest.mark.parametrize("engine", ["rust", "spark"])
@pytest.mark.parametrize("died", ["before the files", "before the manifest", "before the removal", "before the intent"])
def test_a_rewrite_that_was_begun_is_finished(engine, died, re_typed, in_rust, on_spark, tmp_path):
    before, after, ended = re_typed
    place = copy(after, tmp_path / "place")
    lake, load = place / "lake", "s-000000000001"
    intent = {"version": 1, "load": load, "revision": 1, "spec": ended["spec"], "ledger_decides": True}
    (lake / "_tidegate/rewrites").mkdir(exist_ok=True)
    (lake / f"_tidegate/rewrites/{load}.r1.json").write_text(json.dumps(intent))
    if died != "before the intent":
        for key in ended["removed"]:
            (lake / key).write_bytes((before / "lake" / key).read_bytes())
    if died in ("before the files", "before the manifest"):
        (lake / f"_tidegate/loads/{load}.r1.json").unlink()
    if died == "before the files":
        key = ended["files"][0]["key"]
        (lake / key).write_bytes((before / "lake" / key).read_bytes())
    finish(engine, place, in_rust, on_spark)
    assert values(lake) == values(after / "lake")


def test_a_replay_that_was_begun_is_left_to_the_loader_in_rust(re_typed, in_rust, on_spark, tmp_path):
    place = copy(re_typed[1], tmp_path / "place")
    path = place / "lake/_tidegate/rewrites/s-000000000002.r1.json"
    intent = {"version": 1, "load": "s-000000000002", "revision": 1, "spec": re_typed[2]["spec"], "ledger_decides": False}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(intent))
    before = documents(place / "lake", "")
    assert on_spark(place)[1] == []
    assert documents(place / "lake", "") == before
    finish("rust", place, in_rust, on_spark)
    assert values(place / "lake") == values(re_typed[1] / "lake")


def backlog(place, batches=36):
    """Batches of two streams; some widen their table."""
    for stream in ("one", "two"):
        for seq in range(1, batches + 1):
            rows = [{"id": f"{stream}-{seq}-{n}", "n": seq * 1000 + n, "x": 0.5 * n} for n in range(40)]
            if seq % 17 == 0:
                rows[0][f"new{seq}"] = {"deep": [seq]}
            stage(place, seq, [json.dumps(rows)], spec(stream), stream)
    (place / "lake").mkdir(exist_ok=True)
    return {(f"{s}-{seq}-{n}", seq * 1000 + n) for s in ("one", "two") for seq in range(1, batches + 1) for n in range(40)}


def landed(lake):
    return [(row["id"], row["n"]) for row in sound(lake)]


def test_both_at_once_land_each_row_once(binary, in_rust, on_spark, tmp_path):
    expected = backlog(tmp_path)
    assert in_rust(tmp_path, "--table", "none").returncode == 2, "only the pipeline file is written"
    command = [binary, "load", "tidegate.toml"]
    rust = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    _, failed = on_spark(tmp_path)
    for process in rust:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    assert failed == []
    # Either may have begun a re-typing that the other's loads have outrun.
    assert in_rust(tmp_path).returncode == 0
    found_rows = landed(tmp_path / "lake")
    assert len(found_rows) == len(expected) and set(found_rows) == expected
    for table in ("one", "two"):
        assert len({physical(path) for path in found(tmp_path / "lake", table, ".parquet").values()}) == 1


@pytest.mark.parametrize("seconds", [0.03, 0.1])
def test_rust_killed_in_a_backlog_leaves_work_that_the_script_finishes(binary, in_rust, on_spark, tmp_path, seconds):
    expected = backlog(tmp_path, 18)
    assert in_rust(tmp_path, "--table", "none").returncode == 2, "only the pipeline file is written"
    process = subprocess.Popen(
        [binary, "load", "tidegate.toml"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, failed = on_spark(tmp_path)
    assert failed == []
    found_rows = landed(tmp_path / "lake")
    assert len(found_rows) == len(expected) and set(found_rows) == expected


def test_windows_are_the_same_loads_in_both_engines(in_rust, on_spark, tmp_path):
    rust = tmp_path / "rust"
    backlog(rust, 12)
    spark = copy(rust, tmp_path / "spark")
    assert in_rust(rust, "--window", "1h").returncode == 0
    reports, failed = on_spark(spark, "--window", "1h")
    assert failed == []
    # Three hours of four batches each, for each of two tables.
    assert sum(report["end"] == "loaded" for report in reports) == 6
    assert differences(rust / "lake", spark / "lake") == []


def test_a_window_that_either_engine_has_begun_is_finished_by_the_other(in_rust, on_spark, tmp_path):
    rust = tmp_path / "rust"
    expected = backlog(rust, 8)
    assert in_rust(rust, "--window", "1h").returncode == 0
    for ended in ("rust", "spark"):
        place = copy(rust, tmp_path / f"by {ended}")
        for folder in ("_tidegate/loads", "_tidegate/retyped", "one", "two"):
            for path in found(place / "lake", folder).values():
                path.unlink()
        (place / "lake/_tidegate/claims/one/000000000003.json").unlink()
        if ended == "rust":
            assert in_rust(place).returncode == 0
        else:
            assert on_spark(place)[1] == []
        rows = landed(place / "lake")
        assert len(rows) == len(expected) and set(rows) == expected


def test_a_time_range_loads_what_was_polled_in_it(on_spark, tmp_path):
    backlog(tmp_path, 8)
    on_spark(tmp_path, "--from", "2026-11-20T12:30:00Z", "--until", "2026-11-20T13:00:00Z")
    loads = sorted(documents(tmp_path / "lake", "_tidegate/claims"))
    assert loads == [f"_tidegate/claims/{s}/00000000000{n}.json" for s in ("one", "two") for n in (3, 4)]


def test_an_unreadable_batch_holds_up_no_other(in_rust, on_spark, tmp_path):
    rust = tmp_path / "rust"
    stage(rust, 1, ['[{"a": 1}]'])
    stage(rust, 2, ['[{"a": 1}'])
    stage(rust, 3, ['[{"a": 3}]'])
    spark = copy(rust, tmp_path / "spark")
    assert in_rust(rust).returncode == 4
    reports, failed = on_spark(spark)
    assert len(failed) == 1 and "000000000002" in failed[0] and "not JSON" in failed[0]
    assert differences(rust / "lake", spark / "lake") == []
