"""With roles enforced the stack works, and no statement on S3 or Glue can be left out of a function's role."""

import json
import urllib.request

import pytest
import stack as stacks
import template as cfn
from stack import CODE, LAKE, STAGING, until
from test_cli import SLOW, Cli, nine
from test_stack import RECORD, batch_event, data_files

# The Glue job's role is that of tests/glue/test_role.py.
AT_WORK, AT_THE_END = ("PollerRole", "StarterRole"), ("EmptierRole",)
DELETE_ALL = ("--parameter", "DeletePolicy=delete-all")
# All that a poller keeps in staging: a budget of calls, and a refresh token that changes with each use.
KEEPS = """base_url = "{url}"
limits = {{ calls_per_day = 100000 }}
auth = {{ type = "oauth2_refresh_token", access_token_url = "{url}/token", client_id = "c", refresh_token = "first" }}"""
PIPELINE = SLOW.replace('base_url = "{url}"', KEEPS)
ANSWER = {**RECORD, "access_token": "a", "refresh_token": "next", "expires_in": 3600}


def statements(roles):
    """(role, Sid) of every statement of these roles on S3 or Glue."""
    for role, statement in cfn.role_statements(cfn.load()):
        if role in roles and any(action.startswith(("s3:", "glue:")) for action in cfn.listed(statement["Action"])):
            yield role, statement["Sid"]


@pytest.fixture(scope="module")
def api():
    with stacks.Api() as api:
        yield api


@pytest.fixture(scope="module")
def deploy(tmp_path_factory, api):
    """Deploys in an emulator that enforces roles, emptied first."""
    home = tmp_path_factory.mktemp("roles")
    emulator = stacks.Emulator(home / "emulator.log", key="test", secret="test", AUTH="true")
    (home / "tidegate.toml").write_text(PIPELINE.format(url=api.url))
    cli = Cli(emulator, home)

    def deploy(*arguments):
        request = urllib.request.Request(f"{emulator.url}/_ministack/reset", method="POST")
        urllib.request.urlopen(request, timeout=30)
        cli.deploy(*nine(), "--pipeline", "tidegate.toml", "--parameter", "Cadence=file", *arguments)
        # The starter is called by the test alone, so that what it answers is seen.
        (mapping,) = cli.functions.list_event_source_mappings(FunctionName="glueLambda")["EventSourceMappings"]
        cli.functions.delete_event_source_mapping(UUID=mapping["UUID"])
        return cli

    yield deploy
    emulator.stop()


def over_plain_http(cli):
    """The buckets refuse what comes without TLS, which the emulator does not speak."""
    for bucket in (CODE, STAGING, LAKE):
        cli.s3.delete_bucket_policy(Bucket=bucket)
    return cli


@pytest.fixture(scope="module")
def deployed(deploy):
    return over_plain_http(deploy())


def role_of(cli, logical):
    """(name, name of its policy, statements) of a role."""
    iam = cli.emulator.client("iam")
    resource = cli.cloudformation.describe_stack_resource(StackName="tidegate", LogicalResourceId=logical)
    name = resource["StackResourceDetail"]["PhysicalResourceId"]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return name, policy, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]


def write(cli, name, policy, statements):
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    cli.emulator.client("iam").put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)


def take_out(cli, role, sid):
    """Takes a statement out of a role; how to put it back."""
    name, policy, has = role_of(cli, role)
    kept = [statement for statement in has if statement["Sid"] != sid]
    assert len(kept) == len(has) - 1, f"{role} has no {sid}"
    write(cli, name, policy, kept)
    return lambda: write(cli, name, policy, has)


def forget(cli):
    """Everything that was polled and loaded."""
    for bucket in (STAGING, LAKE):
        for listed in cli.s3.list_object_versions(Bucket=bucket).get("Versions", []):
            cli.s3.delete_object(Bucket=bucket, Key=listed["Key"], VersionId=listed["VersionId"])
    for table in cli.glue.get_tables(DatabaseName="tidegate")["TableList"]:
        cli.glue.delete_table(DatabaseName="tidegate", Name=table["Name"])
    engine(cli, "auto")


def engine(cli, word):
    settings = cli.functions.get_function_configuration(FunctionName="glueLambda")["Environment"]["Variables"]
    settings = {"Variables": {**settings, "TIDEGATE_ENGINE": word}}
    cli.functions.update_function_configuration(FunctionName="glueLambda", Environment=settings)


def fails_at(cli, api):
    """Polls, loads, describes the table and starts the job: the first of these that does not work, and why."""
    api.says(ANSWER)
    error, answer = cli.invoke("weatherAPI", {"tick": "now"})
    if error or (answer["staged"], answer["failed"]) != (1, 0):
        return f"poll: {answer}"
    (key,) = cli.keys(STAGING, "batches/")
    event = {"Records": [{"messageId": "m", "body": json.dumps(batch_event(key))}]}
    error, answer = cli.invoke("glueLambda", event)
    if error or answer["batchItemFailures"] or not data_files(cli):
        return f"load: {answer}"
    if not cli.glue.get_tables(DatabaseName="tidegate")["TableList"]:
        return "catalog: no table"
    engine(cli, "glue")
    error, answer = cli.invoke("glueLambda", event)
    return f"job: {answer}" if error or answer["batchItemFailures"] else None


def left_by_delete(cli, api):
    """Buckets that a delete with everything leaves behind."""
    api.says(ANSWER)
    assert cli.invoke("weatherAPI", {"tick": "now"})[1]["staged"] == 1
    cli.s3.put_object(Bucket=LAKE, Key="weather/a", Body=b"")
    cli.cloudformation.delete_stack(StackName="tidegate")
    until("the stack settles", lambda: not cli.status().endswith("IN_PROGRESS"), seconds=60)
    return cli.buckets() & {STAGING, LAKE}


def test_nothing_is_read_without_tls(deploy, api):
    error, answer = deploy().invoke("weatherAPI", {"tick": "now"})
    assert error and "explicit deny in a resource-based policy" in answer["errorMessage"]


def test_with_its_roles_the_stack_polls_loads_and_starts_the_job(deployed, api):
    assert fails_at(deployed, api) is None
    forget(deployed)


@pytest.mark.parametrize(("role", "sid"), list(statements(AT_WORK)))
def test_without_a_statement_it_does_not(deployed, api, role, sid):
    put_back = take_out(deployed, role, sid)
    failed = fails_at(deployed, api)
    put_back()
    forget(deployed)
    assert failed, f"{role} does not need {sid}"


def test_with_its_role_the_emptier_removes_both_buckets(deploy, api):
    assert left_by_delete(over_plain_http(deploy(*DELETE_ALL)), api) == set()


@pytest.mark.parametrize(("role", "sid"), list(statements(AT_THE_END)))
def test_without_a_statement_the_emptier_leaves_a_bucket(deploy, api, role, sid):
    cli = over_plain_http(deploy(*DELETE_ALL))
    take_out(cli, role, sid)
    assert left_by_delete(cli, api) == {STAGING if sid.startswith("Staging") else LAKE}
