"""Staging areas made by hand, and lakes compared."""

import datetime
import hashlib
import json
import shutil

import pyarrow.parquet as pq

START = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.timezone.utc)


def spec(table="t", **changed):
    """How pages become rows, with nothing special."""
    modes = {part: "evolve" for part in ("tables", "columns", "data_type")}
    return {
        "table": table, "records": "$", "partition_by": "hour", "max_columns": 2000,
        **changed, "contract": {**modes, **changed.get("contract", {})},
    }  # fmt: skip


def stage(place, seq, pages, load=None, stream="s", format="json", **page):
    """One batch as a poll stages it: its pages, then the batch. A page is bytes or text."""
    listed = []
    for number, body in enumerate(pages):
        body = body if isinstance(body, bytes) else body.encode()
        digest = hashlib.sha256(body).hexdigest()
        key = f"pages/{stream}/{seq:012}/{digest}.{format}"
        write(place / "staging" / key, body)
        listed.append({
            "key": key, "number": number, "request": "GET http://api.example/", "status": 200,
            "fetched_at": "2026-11-20T12:00:00Z", "bytes": len(body), "sha256": digest, "format": format,
            "records": 0, **page,
        })  # fmt: skip
    polled_at = (START + datetime.timedelta(minutes=15 * (seq - 1))).strftime("%Y-%m-%dT%H:%M:%SZ")
    batch = {
        "version": 1, "pipeline": "tests", "stream": stream, "seq": seq, "polled_at": polled_at, "config_hash": "",
        "load": load or spec(), "pages": listed, "checkpoint": {"elements": {}},
    }  # fmt: skip
    write(place / f"staging/batches/{stream}/{seq:012}.batch.json", json.dumps(batch).encode())


def write(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def copy(place, to):
    """The same staging and lake elsewhere."""
    shutil.copytree(place, to)
    (to / "lake").mkdir(exist_ok=True)
    return to


def found(lake, folder="", suffix=""):
    """Objects below a folder of the lake, by key."""
    paths = sorted((lake / folder).rglob(f"*{suffix}"))
    return {str(path.relative_to(lake)): path for path in paths if path.is_file()}


def documents(lake, folder):
    return {key: json.loads(path.read_text()) for key, path in found(lake, folder, ".json").items()}


def manifests(lake):
    """The latest manifest of each load, but for when it ended and how many bytes an engine needed."""
    latest = {}
    for manifest in sorted(documents(lake, "_tidegate/loads").values(), key=lambda one: one["revision"]):
        latest[manifest["load"]] = manifest
    return latest


def plain(manifest):
    files = [(file["key"], file["rows"]) for file in manifest["files"]]
    # Two versions may mean the same files, so the version is not compared, but the files are.
    names = ("load", "batches", "polled", "spec", "rows", "quarantined")
    return {**{name: manifest[name] for name in names}, "files": files}


def physical(path):
    """The schema as Parquet itself has it, without the name of its root."""
    return str(pq.ParquetFile(path).schema).split("\n", 2)[2]


def differences(rust, spark):
    """What two lakes differ in: paths, types, rows, quarantine, documents."""
    told = []

    def compare(one, other):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                told.append(f"{key}: rust {one.get(key)}, spark {other.get(key)}")

    compare(*({key: physical(path) for key, path in found(lake, "", ".parquet").items()} for lake in (rust, spark)))
    # Through each file alone: the partition columns of a path are compared by its name.
    compare(*({f"{key} rows": rows_of(path) for key, path in found(lake, "", ".parquet").items()} for lake in (rust, spark)))
    compare(*(quarantined(lake) for lake in (rust, spark)))
    for folder in ("schema", "claims", "retyped", "plans", "rewrites"):
        compare(*(documents(lake, f"_tidegate/{folder}") for lake in (rust, spark)))
    compare(*({f"{load} {name}": value for load, m in manifests(lake).items() for name, value in plain(m).items()} for lake in (rust, spark)))
    return told


def rows_of(path):
    return [repr(row) for row in pq.ParquetFile(path).read().to_pylist()]


def quarantined(lake):
    lines = {key: path.read_text().splitlines() for key, path in found(lake, "quarantine").items()}
    return {f"{key} line {number}": line for key, all in lines.items() for number, line in enumerate(all)}


def sound(lake):
    """A lake in which every load has ended and the files are those of the latest manifests; its rows, sorted."""
    assert documents(lake, "_tidegate/rewrites") == {}
    claimed = {claim["load"] for claim in documents(lake, "_tidegate/claims").values()}
    latest = manifests(lake)
    assert claimed <= set(latest), "a claimed load has not ended"
    listed = {file["key"]: file for manifest in latest.values() for file in manifest["files"]}
    on_disk = found(lake, "", ".parquet")
    assert set(listed) == set(on_disk)
    rows = []
    for key, path in on_disk.items():
        table = pq.ParquetFile(path).read().to_pylist()
        assert len(table) == listed[key]["rows"], key
        rows += table
    told_apart = [(row["_tidegate_batch"], row["_tidegate_row"]) for row in rows]
    assert len(told_apart) == len(set(told_apart)), "a row is there twice"
    return sorted(rows, key=lambda row: (row["_tidegate_batch"], row["_tidegate_row"]))
