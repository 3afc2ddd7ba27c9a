"""The whole way in the emulator with the job as the partitioner: poll, event, starter, run of the job, Spark, lake.

The emulator records runs of a Glue job and does not run them, so the test does what Glue would: it takes script and
arguments of each recorded run and submits them.
"""

import io
import os
import pathlib
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/aws"))
import stack as stacks  # noqa: E402
from stack import CODE, LAKE, STAGING, until  # noqa: E402

RECORD = {"time": "2026-11-23T03:15:42Z", "temp": 7.5, "city": "Köln"}
PLACE = "weather/year=2026/month=11/day=23/hour=03/minute=15"


@pytest.fixture
def stack(tmp_path):
    emulator = stacks.Emulator(tmp_path / "emulator.log")
    try:
        with stacks.Api() as api:
            made = stacks.Stack(emulator, api, Cadence="10 minutes", PartitionEngine="glue")
            made.api = api
            made.s3.put_object(Bucket=CODE, Key="glue_job.py", Body=(ROOT / "glue/glue_job.py").read_bytes())
            yield made
    finally:
        emulator.stop()


def poll(stack, record):
    """One batch through the poller, and the run of the job that its event starts."""
    known = len(runs(stack))
    stack.api.says(record)
    error, answer = stack.invoke("weatherAPI", {"tick": "now"})
    assert error is None and answer["staged"] == 1, answer
    until("the job is started", lambda: len(runs(stack)) == known + 1, seconds=90)


def runs(stack):
    return stack.glue.get_job_runs(JobName="glueJob")["JobRuns"]


def submitted(stack, run, tmp_path, **credentials):
    """What Glue does with a run: the script from its bucket, the job's arguments under those of the run."""
    job = stack.glue.get_job(JobName="glueJob")["Job"]
    bucket, _, key = job["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    script = tmp_path / pathlib.PurePath(key).name
    s3 = stack.emulator.client("s3", **credentials)
    script.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    given = {**job["DefaultArguments"], **run["Arguments"], "--JOB_NAME": "glueJob", "--JOB_RUN_ID": run["Id"]}
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "AWS_ENDPOINT_URL": stack.emulator.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": stack.emulator.key,
        "AWS_SECRET_ACCESS_KEY": stack.emulator.secret,
        **{name.upper(): value for name, value in credentials.items()},
        **({"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}),
    }
    command = ["spark-submit", "--master", "local[2]", "--conf", "spark.ui.enabled=false", script]
    command += [word for pair in given.items() for word in pair]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180)


def submit(stack, run, tmp_path):
    """What the job says of a run that it ends well."""
    ran = submitted(stack, run, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    return ran.stdout


def rows(stack, key):
    return pq.read_table(io.BytesIO(stack.s3.get_object(Bucket=LAKE, Key=key)["Body"].read())).to_pylist()


def data(stack):
    return [key for key in stack.keys(LAKE, "weather/") if key.endswith(".parquet")]


def test_an_event_becomes_a_run_and_the_run_a_file_at_its_exact_key(stack, tmp_path):
    poll(stack, RECORD)
    assert data(stack) == [], "the starter itself loads nothing"
    (run,) = runs(stack)
    assert run["Arguments"]["--batches"] == "batches/weather/000000000001.batch.json"
    said = submit(stack, run, tmp_path)
    assert "{'loaded': 1}, 1 rows, 0 loads failed" in said
    assert data(stack) == [f"{PLACE}/weather-000000000001-0.parquet"]
    (row,) = rows(stack, data(stack)[0])
    assert (row["temp"], row["city"], row["_tidegate_batch"]) == (7.5, "Köln", "weather/000000000001")

    # The same run again, as after an event that came twice, and then what the function in Rust makes of the same lake.
    assert "{'already': 1}" in submit(stack, run, tmp_path)
    error, answer = stack.invoke("glueLambda", {"recover": True})
    assert (error, answer) == (None, {"recovered": 0, "failed": 0})
    assert data(stack) == [f"{PLACE}/weather-000000000001-0.parquet"]
    table = stack.glue.get_table(DatabaseName="tidegate", Name="weather")["Table"]
    assert {"Name": "temp", "Type": "double"} in table["StorageDescriptor"]["Columns"]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "day", "hour", "minute"]


def test_a_burst_of_events_is_one_run_that_finds_its_batches_itself(stack):
    keys = [f"batches/weather/{number:012}.batch.json" for number in range(1, 151)]
    created = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": STAGING}}}
    event = {"Records": [{**created, "s3": {**created["s3"], "object": {"key": key}}} for key in keys]}
    error, answer = stack.invoke("glueLambda", event)
    assert (error, answer) == (None, {"batchItemFailures": []})
    (run,) = runs(stack)
    assert "--batches" not in run["Arguments"] and run["Arguments"]["--lake"] == f"s3://{LAKE}"
