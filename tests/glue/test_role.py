"""The job with the rights of its role alone: it loads, and without any one statement on S3 or Glue it does not.

The emulator takes no role on for Glue, so the test does: the role's trust is widened to the account for that.
"""

import json

import botocore.exceptions
import pytest
import test_loop
import test_roles as roles
from test_loop import ROOT, stacks

RECORD = {"time": "2026-11-23T03:15:42Z", "temp": 7.5}
ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack that enforces roles, with one batch staged and a run of the job asked for."""
    emulator = stacks.Emulator(tmp_path_factory.mktemp("role") / "emulator.log", key="test", secret="test", AUTH="true")
    try:
        with stacks.Api() as api:
            made = roles.over_plain_http(stacks.Stack(emulator, api, Cadence="10 minutes", PartitionEngine="glue"))
            made.api = api
            script = (ROOT / "glue/glue_job.py").read_bytes()
            made.s3.put_object(Bucket=stacks.CODE, Key="glue_job.py", Body=script)
            test_loop.poll(made, RECORD)
            yield made
    finally:
        emulator.stop()


def as_the_job(stack):
    """Credentials of the job's role."""
    name, _, _ = roles.role_of(stack, "JobRole")
    iam, sts = stack.emulator.client("iam"), stack.emulator.client("sts")
    trust = {"Version": "2012-10-17", "Statement": [ACCOUNT]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    given = sts.assume_role(RoleArn=arn, RoleSessionName="run")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def loads(stack, tmp_path):
    """Whether the run ends well, and what it said."""
    (run,) = test_loop.runs(stack)
    try:
        ran = test_loop.submitted(stack, run, tmp_path, **as_the_job(stack))
    except botocore.exceptions.ClientError as error:
        return False, str(error)
    return ran.returncode == 0, ran.stdout + ran.stderr[-3000:]


@pytest.mark.parametrize("sid", [sid for _, sid in roles.statements(("JobRole",))])
def test_without_a_statement_the_job_does_not_load(stack, tmp_path, sid):
    put_back = roles.take_out(stack, "JobRole", sid)
    loaded, said = loads(stack, tmp_path)
    put_back()
    assert not loaded, f"the job does not need {sid}"
    assert "AccessDenied" in said or "Forbidden" in said or "not authorized" in said, said
    assert test_loop.data(stack) == []


def test_with_its_role_the_job_loads_what_the_failed_runs_left(stack, tmp_path):
    loaded, said = loads(stack, tmp_path)
    assert loaded and "{'loaded': 1}, 1 rows, 0 loads failed" in said, said
    assert len(test_loop.data(stack)) == 1
