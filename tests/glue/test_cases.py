"""Every folder of `cases/`: the script makes of the staged pages what the loader in Rust makes of them, row for row,
type for type, path for path; and Spark reads both as DuckDB does."""

import shutil

import duckdb
import pytest
from conftest import ROOT
from lakes import differences, found, manifests

CASES = sorted(path.parent.name for path in (ROOT / "cases").glob("*/pipeline.toml"))
PACKED = {"gtfs_stops": "zip", "parquet_trips": "parquet"}
"""Cases whose pages only the loader in Rust unpacks, and their formats."""


@pytest.fixture(scope="session")
def kept(tidegate, tmp_path_factory):
    """Staging and lake of every case, as the binary leaves them."""
    keep = tmp_path_factory.mktemp("cases")
    ran = tidegate("check", "--case", "cases", "--keep", keep)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return keep


@pytest.mark.parametrize("case", CASES)
def test_a_case_becomes_the_same_lake(case, kept, on_spark, tmp_path):
    shutil.copytree(kept / case / "staging", tmp_path / "staging")
    reports, failed = on_spark(tmp_path)
    if case in PACKED:
        told = f"the format {PACKED[case]}: finish this load with `tidegate load --missing`"
        assert failed and all(told in one for one in failed)
        return
    assert failed == []
    assert sum(report["end"] == "loaded" for report in reports) == len(manifests(kept / case / "lake"))
    assert differences(kept / case / "lake", tmp_path / "lake") == []
    again, failed = on_spark(tmp_path)
    assert (again, failed) == ([], []), "a second run finds nothing to do"


def test_there_are_cases():
    assert len(CASES) >= 25


def spelled(value):
    """A value with its fields by name, so that two readers' rows can be compared."""
    if hasattr(value, "asDict"):
        return spelled(value.asDict())
    if isinstance(value, dict):
        return {name: spelled(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [spelled(one) for one in value]
    return value.timestamp() if hasattr(value, "timestamp") else value


@pytest.mark.parametrize("case", CASES)
def test_spark_reads_the_lake_of_rust_as_duckdb_does(case, kept, spark):
    lake = kept / case / "lake"
    for table in sorted({key.split("/")[0] for key in found(lake, "", ".parquet")}):
        frame = spark.read.parquet(f"file://{lake}/{table}")
        partitions = [name for name in ("year", "month", "day", "hour", "minute") if name in frame.columns]
        names = [name for name in frame.columns if name not in partitions]
        rows = sorted((spelled(row) for row in frame.collect()), key=place)
        query = f"from read_parquet('{lake}/{table}/**/*.parquet', hive_partitioning = true)"
        answer = duckdb.sql(query)
        theirs = [dict(zip(answer.columns, spelled(row))) for row in answer.fetchall()]
        for row in theirs:
            row.update({name: int(row[name]) for name in partitions})
        assert sorted(theirs, key=place) == rows
        types = dict(zip(answer.columns, map(str, answer.types)))
        for name in names:
            assert alike(frame.schema[name].dataType.simpleString(), types[name]), (name, types[name])


def place(row):
    return row["_tidegate_batch"], row["_tidegate_row"]


ALIKE = {
    "BIGINT": "bigint", "VARCHAR": "string", "DOUBLE": "double", "BOOLEAN": "boolean", "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp", "DECIMAL(38,0)": "decimal(38,0)", "DECIMAL(38,18)": "decimal(38,18)",
}  # fmt: skip


def alike(spark, duck):
    """Whether two engines name the same type; of nested ones the outermost."""
    if duck.endswith("[]"):
        return spark.startswith("array<")
    return spark.startswith("struct<") if duck.startswith("STRUCT") else ALIKE[duck] == spark
