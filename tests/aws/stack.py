"""A whole stack on this machine: the emulator, an API on loopback, the template with the real binaries."""

import functools
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile

import boto3
import template as cfn

sys.path.insert(0, str(cfn.ROOT / "tests"))
import loopback  # noqa: E402

CODE, STAGING, LAKE = "tg-code", "tg-staging", "tg-lake"
NINE = {
    "LambdaCodeS3Bucket": CODE,
    "GlueScriptS3Path": f"s3://{CODE}/glue_job.py",
    "LambdaAPICodeS3Key": "lambda_function.zip",
    "LambdaGlueCodeS3Key": "lambda_glue.zip",
    "NonPartitionedS3BucketName": STAGING,
    "PartitionedS3BucketName": LAKE,
    "LambdaAPIName": "weatherAPI",
    "LambdaGlueName": "glueLambda",
    "GlueJobNameP": "glueJob",
}
PIPELINE = """
name = "loopback"
[source]
base_url = "{url}"
[[streams]]
name = "weather"
path = "/now"
event_time = "time"
cadence = "1s"
"""


class Api:
    """Answers every path with whatever its test last said, until the `with` ends."""

    def __enter__(self):
        self.says({})
        self.serving = loopback.serve(lambda *_: self.answer)
        self.url = self.serving.__enter__()
        return self

    def __exit__(self, *raised):
        self.serving.__exit__(*raised)

    def says(self, body, status=200):
        self.answer = loopback.answer(body, status)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(reason, look, seconds=30):
    """Waits for `look` to give something true, and gives it."""
    for _ in range(seconds * 10):
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {reason}")


class Emulator:
    """MiniStack in a process of its own, with a clean environment."""

    def __init__(self, log, key="000000000000", secret="x", **settings):
        self.key, self.secret = key, secret
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(log.parent),
            "TMPDIR": str(log.parent),
            "AWS_ENDPOINT_URL": self.url,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            **settings,
        }
        self.log = log.open("w")
        program = pathlib.Path(sys.executable).with_name("ministack")
        self.process = subprocess.Popen([program], env=environment, stdout=self.log, stderr=self.log, cwd=log.parent)
        until("the emulator answers", self._answers)

    def _answers(self):
        try:
            return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=1).status == 200
        except OSError:
            return False

    def client(self, service, **credentials):
        own = {"aws_access_key_id": self.key, "aws_secret_access_key": self.secret}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **{**own, **credentials})

    def stop(self):
        # It holds nothing worth saving, and at a polite end it waits for every function that is busy.
        self.process.kill()
        self.process.wait(10)
        self.log.close()


@functools.cache
def zipped(binary):
    """The zip of a function. Made once: of a debug build it takes seconds, and every test deploys it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, pathlib.Path(binary).read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Stack:
    """The stack, created from the template with the binaries that the tests built."""

    name = "tidegate"

    def __init__(self, emulator, api, **parameters):
        self.emulator = emulator
        client = emulator.client
        self.s3, self.sqs, self.cloudformation = client("s3"), client("sqs"), client("cloudformation")
        self.functions, self.glue = client("lambda"), client("glue")
        self.s3.create_bucket(Bucket=CODE)
        binaries = pathlib.Path(os.environ.get("TIDEGATE_FUNCTIONS", os.environ["TIDEGATE_BINARIES"]))
        self.s3.put_object(Bucket=CODE, Key="lambda_function.zip", Body=zipped(binaries / "tidegate-poller"))
        self.s3.put_object(Bucket=CODE, Key="lambda_glue.zip", Body=zipped(binaries / "tidegate-starter"))
        self.s3.put_object(Bucket=CODE, Key="glue_job.py", Body=b"")
        self.s3.put_object(
            Bucket=CODE, Key="tidegate.toml", Body=PIPELINE.format(url=api.url).encode()
        )
        self.parameters = {**NINE, "PipelineS3Key": "tidegate.toml", "Cadence": "file", **parameters}
        self.cloudformation.create_stack(StackName=self.name, TemplateBody=cfn.PATH.read_text(), **self._given())
        self.settled("CREATE_COMPLETE")

    def _given(self):
        listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        return {"Parameters": listed, "Capabilities": ["CAPABILITY_NAMED_IAM"]}

    def update(self, **parameters):
        self.parameters.update(parameters)
        self.cloudformation.update_stack(StackName=self.name, TemplateBody=cfn.PATH.read_text(), **self._given())
        self.settled("UPDATE_COMPLETE")

    def delete(self):
        self.cloudformation.delete_stack(StackName=self.name)
        self.settled("DELETE_COMPLETE")

    def status(self):
        try:
            return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]
        except self.cloudformation.exceptions.ClientError:
            return "DELETE_COMPLETE"

    def settled(self, wanted):
        status = until(f"the stack settles, {wanted}", lambda: (s := self.status()).endswith(("COMPLETE", "FAILED")) and s)
        assert status == wanted, f"{status}: {self.reasons()}"

    def reasons(self):
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [(e["LogicalResourceId"], e.get("ResourceStatusReason")) for e in events if "FAILED" in e["ResourceStatus"]]

    def output(self, name):
        outputs = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["Outputs"]
        return next(output["OutputValue"] for output in outputs if output["OutputKey"] == name)

    def keys(self, bucket, prefix=""):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def invoke(self, function, event):
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def depth(self, output):
        got = self.sqs.get_queue_attributes(QueueUrl=self.output(output), AttributeNames=["ApproximateNumberOfMessages"])
        return int(got["Attributes"]["ApproximateNumberOfMessages"])
