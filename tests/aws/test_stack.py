"""The template and the functions as AWS would run them."""

import io
import json

import pyarrow.parquet as pq
from stack import LAKE, STAGING, until

RECORD = {"time": "2026-11-23T03:15:42Z", "temp": 7.5, "city": "Köln"}
DATA = "weather/year=2026/month=11/day=23/hour=03/minute=15/weather-000000000001-0.parquet"


def batch_event(key, bucket=STAGING):
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
    return {"Records": [record]}


def data_files(stack):
    return [key for key in stack.keys(LAKE, "weather/") if key.endswith(".parquet")]


def rows(stack, key):
    return pq.read_table(io.BytesIO(stack.s3.get_object(Bucket=LAKE, Key=key)["Body"].read())).to_pylist()


def staged(stack, number=1):
    """Stages one batch as the poller does, its schedule aside."""
    until("a batch is staged", lambda: len(stack.keys(STAGING, "batches/weather/")) >= number)


def test_what_the_schedule_polls_lands_at_its_exact_key_and_in_the_catalog(deployed, api):
    api.says(RECORD)
    stack = deployed()
    # The schedule's first tick comes after a minute, and a tick looks a minute ahead.
    until("the schedule fires", lambda: data_files(stack), seconds=150)
    assert data_files(stack) == [DATA]
    (row,) = rows(stack, DATA)
    assert (row["temp"], row["city"]) == (7.5, "Köln")
    assert row["_tidegate_batch"].startswith("weather/")
    table = until("the table", lambda: stack.glue.get_tables(DatabaseName="tidegate")["TableList"])[0]
    assert {"Name": "temp", "Type": "double"} in table["StorageDescriptor"]["Columns"]
    assert table["Parameters"]["projection.year.range"] == "2026,2027"


def poll(stack, api, record):
    """One batch through the poller, whose minute is cut short by an answer that never changes again."""
    before = len(stack.keys(STAGING, "batches/weather/"))
    api.says(record)
    error, answer = stack.invoke("weatherAPI", {"tick": "now"})
    assert error is None, answer
    assert answer["staged"] == 1, answer
    staged(stack, before + 1)


def test_events_that_come_twice_or_broken_double_and_hold_up_nothing(deployed, api):
    stack = deployed(Cadence="10 minutes")
    poll(stack, api, RECORD)
    until("it is loaded", lambda: data_files(stack))
    key = stack.keys(STAGING, "batches/")[0]
    queue = stack.output("QueueUrl")
    for body in [json.dumps(batch_event(key))] * 3 + [json.dumps({"Event": "s3:TestEvent"})]:
        stack.sqs.send_message(QueueUrl=queue, MessageBody=body)
    message = {"messageId": "good", "body": json.dumps(batch_event(key))}
    gone = {"messageId": "gone", "body": json.dumps(batch_event("batches/weather/000000000009.batch.json"))}
    event = {"Records": [message, {"messageId": "poison", "body": "no json"}, gone]}
    error, answer = stack.invoke("glueLambda", event)
    assert error is None, answer
    assert sorted(item["itemIdentifier"] for item in answer["batchItemFailures"]) == ["gone", "poison"]
    until("the queue is empty", lambda: stack.depth("QueueUrl") == 0)
    assert data_files(stack) == [DATA] and len(rows(stack, DATA)) == 1


def test_what_cannot_be_read_ends_among_the_dead_letters(deployed, api):
    stack = deployed(Cadence="10 minutes")
    queue = stack.output("QueueUrl")
    stack.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    stack.sqs.send_message(QueueUrl=queue, MessageBody="no json")
    until("it is a dead letter", lambda: stack.depth("DeadLettersUrl") == 1, seconds=60)
    poll(stack, api, RECORD)
    until("others are loaded all the same", lambda: data_files(stack) == [DATA])


def test_a_lost_event_is_made_good_by_recovery(deployed, api):
    stack = deployed(Cadence="10 minutes")
    mapping = stack.functions.list_event_source_mappings(FunctionName="glueLambda")["EventSourceMappings"][0]
    stack.functions.delete_event_source_mapping(UUID=mapping["UUID"])
    poll(stack, api, RECORD)
    stack.sqs.purge_queue(QueueUrl=stack.output("QueueUrl"))
    assert data_files(stack) == []
    assert stack.invoke("glueLambda", {"recover": True}) == (None, {"recovered": 1, "failed": 0})
    assert data_files(stack) == [DATA]


def test_with_glue_one_run_of_the_job_is_started_for_the_batches(deployed, api):
    stack = deployed(Cadence="10 minutes", PartitionEngine="glue")
    poll(stack, api, RECORD)
    run = until("the job is started", lambda: stack.glue.get_job_runs(JobName="glueJob")["JobRuns"])[0]
    assert run["Arguments"]["--batches"] == "batches/weather/000000000001.batch.json"
    assert run["Arguments"]["--lake"] == f"s3://{LAKE}"
    assert data_files(stack) == []


def test_a_stack_with_data_is_deleted_and_keeps_its_lake(deployed, api):
    stack = deployed(Cadence="10 minutes")
    poll(stack, api, RECORD)
    until("it is loaded", lambda: data_files(stack))
    stack.update(StarterMemoryMiB="1024")
    assert stack.keys(STAGING, "batches/") and data_files(stack), "an update removes nothing"
    stack.delete()
    buckets = [bucket["Name"] for bucket in stack.s3.list_buckets()["Buckets"]]
    assert STAGING not in buckets and LAKE in buckets
    assert data_files(stack) == [DATA]


def test_delete_all_removes_both_buckets_and_keep_all_none(deployed, api):
    stack = deployed(Cadence="10 minutes", DeletePolicy="delete-all")
    poll(stack, api, RECORD)
    until("it is loaded", lambda: data_files(stack))
    # Turned around by an update, the policy counts as it is when the stack goes, and the update itself takes nothing.
    stack.update(DeletePolicy="keep-all")
    stack.update(DeletePolicy="delete-all")
    assert data_files(stack) == [DATA]
    stack.delete()
    buckets = [bucket["Name"] for bucket in stack.s3.list_buckets()["Buckets"]]
    assert STAGING not in buckets and LAKE not in buckets
