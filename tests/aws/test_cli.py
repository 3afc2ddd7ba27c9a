"""`tidegate aws` as its user runs it, against the emulator."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess

import pytest
import stack as stacks
from stack import CODE, LAKE, NINE, PIPELINE, STAGING, until
from test_stack import DATA, RECORD, data_files, poll, rows

BINARIES = pathlib.Path(os.environ["TIDEGATE_BINARIES"])
FUNCTIONS = os.environ.get("TIDEGATE_FUNCTIONS", str(BINARIES))
SLOW = PIPELINE.replace('cadence = "1s"', 'cadence = "10m"')


class Cli(stacks.Stack):
    """A stack that the command line deploys; the look-ups are those of every stack."""

    def __init__(self, emulator, home):
        self.emulator, self.home = emulator, home
        client = emulator.client
        self.s3, self.sqs, self.cloudformation = client("s3"), client("sqs"), client("cloudformation")
        self.functions, self.glue = client("lambda"), client("glue")

    path = "/usr/bin:/bin"

    def environment(self, **variables):
        """What the shell of a user has; an empty word takes a variable out."""
        variables = {
            "PATH": self.path,
            "HOME": str(self.home),
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.emulator.key,
            "AWS_SECRET_ACCESS_KEY": self.emulator.secret,
            **variables,
        }
        return {name: value for name, value in variables.items() if value}

    def run(self, *arguments, code=0, **variables):
        ran = subprocess.run(
            [BINARIES / "tidegate", "aws", *arguments],
            env=self.environment(**variables),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == code, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def json(self, *arguments, **named):
        return json.loads(self.run(*arguments, "--json", **named).stdout)

    def deploy(self, *arguments, **named):
        return self.run("deploy", "--yes", "--binaries", FUNCTIONS, *arguments, **named)

    def buckets(self):
        return {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}


@pytest.fixture
def cli(emulator, api, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "tidegate.toml").write_text(SLOW.format(url=api.url))
    return Cli(emulator, home)


def nine():
    return [argument for name, value in NINE.items() for argument in ("--parameter", f"{name}={value}")]


def test_a_deployment_from_first_to_last(cli, api):
    # What would happen is shown, and without a yes nothing does.
    asked = cli.run("deploy", "--binaries", FUNCTIONS, "--pipeline", "tidegate.toml", code=2)
    assert "--yes" in asked.stderr and "Add     StagingBucket" in asked.stderr
    dry = cli.run("deploy", "--binaries", FUNCTIONS, "--dry-run", *nine(), "--pipeline", "tidegate.toml")
    assert "nothing was changed" in dry.stderr and f"upload  s3://{CODE}/lambda_function.zip" in dry.stderr
    assert not cli.buckets()

    # The nine parameters and the pipeline are all that it takes.
    made = cli.deploy(*nine(), "--pipeline", "tidegate.toml", "--json")
    assert json.loads(made.stdout)["outputs"]["Lake"] == f"s3://{LAKE}"
    assert "CREATE_COMPLETE        LakeBucket" in made.stderr
    cli.parameters = {"Cadence": "learn"}
    again = cli.deploy(*nine(), "--parameter", "Cadence=file")
    assert "Modify  Poller" in again.stderr and "UPDATE_COMPLETE" in again.stderr

    poll(cli, api, RECORD)
    until("it is loaded", lambda: data_files(cli))
    assert data_files(cli) == [DATA] and rows(cli, DATA)[0]["temp"] == 7.5
    state = cli.json("status")
    assert (state["status"], state["lag"], state["dead_letters"]) == ("UPDATE_COMPLETE", 0, 0)
    assert state["last_poll"] and state["last_load"] and state["tables"][0]["rows"] == 1
    assert "polled stream=weather staged=true" in until("the log", lambda: cli.run("logs", "--of", "poller").stdout)
    assert "weather" in cli.run("status").stdout

    destroyed = cli.json("destroy", "--yes")
    assert destroyed["removed"] == [STAGING, CODE] and destroyed["kept"] == [LAKE]
    assert cli.buckets() == {LAKE} and data_files(cli) == [DATA]
    assert "there is no stack" in cli.run("status", code=2).stderr


def test_dead_letters_are_shown_said_why_and_redriven(cli, api):
    cli.deploy(*nine(), "--pipeline", "tidegate.toml", "--parameter", "Cadence=file")
    poll(cli, api, RECORD)
    until("it is loaded", lambda: data_files(cli))
    # A batch whose pages are not there yet: the queue gives it up, and what was missing then comes.
    key = cli.keys(STAGING, "batches/")[0]
    batch = json.loads(cli.s3.get_object(Bucket=STAGING, Key=key)["Body"].read())
    page = batch["pages"][0]["key"]
    body = cli.s3.get_object(Bucket=STAGING, Key=page)["Body"].read()
    queue = cli.output("QueueUrl")
    cli.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    later = page.replace("000000000001", "000000000002")
    batch |= {"seq": 2, "pages": [{**batch["pages"][0], "key": later}]}
    cli.s3.put_object(Bucket=STAGING, Key=key.replace("000000000001", "000000000002"), Body=json.dumps(batch))
    until("it is a dead letter", lambda: cli.json("status")["dead_letters"] == 1, seconds=60)
    assert cli.json("status")["lag"] == 1
    why = until("the log", lambda: cli.run("logs", "--of", "starter", "--errors").stdout)
    assert later in why, why
    cli.s3.put_object(Bucket=STAGING, Key=later, Body=body)
    assert cli.json("redrive")["moved"] == 1
    until("it is loaded", lambda: len(data_files(cli)) == 2)
    assert (cli.json("status")["dead_letters"], cli.json("status")["lag"]) == (0, 0)


def test_a_thousand_objects_some_of_them_told_of_twice(cli, api):
    # All here: of so many at once `auto` would make a run of the Glue job, which the emulator does not run.
    engine = ("--parameter", "Cadence=file", "--parameter", "PartitionEngine=lambda")
    cli.deploy(*nine(), "--pipeline", "tidegate.toml", *engine)
    poll(cli, api, RECORD)
    until("it is loaded", lambda: data_files(cli))
    (key,) = cli.keys(STAGING, "batches/")
    batch = json.loads(cli.s3.get_object(Bucket=STAGING, Key=key)["Body"].read())

    def stage(number):
        seq = f"{number:012}"
        copy = batch | {"seq": number}
        for _ in range(1 + (number % 10 == 0)):
            cli.s3.put_object(Bucket=STAGING, Key=key.replace("000000000001", seq), Body=json.dumps(copy))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(stage, range(2, 1001)))
    until("all are loaded", lambda: len(data_files(cli)) == 1000, seconds=300)
    until("the queue is empty", lambda: cli.depth("QueueUrl") == 0, seconds=60)
    assert len(data_files(cli)) == 1000 and cli.depth("DeadLettersUrl") == 0
    state = cli.json("status")
    assert (state["lag"], state["tables"][0]["rows"]) == (0, 1000)


def test_the_lake_goes_only_by_its_name(cli, api):
    cli.deploy(*nine(), "--pipeline", "tidegate.toml", "--parameter", "Cadence=file")
    poll(cli, api, RECORD)
    until("it is loaded", lambda: data_files(cli))
    assert "--confirm" in cli.run("destroy", "--delete-data", "--yes", code=2).stderr
    assert "is not the bucket" in cli.run("destroy", "--delete-data", "--confirm", STAGING, code=2).stderr
    assert cli.buckets() == {CODE, STAGING, LAKE} and data_files(cli) == [DATA]
    cli.run("destroy", "--delete-data", "--confirm", LAKE)
    assert cli.buckets() == set()


def test_a_stack_said_to_delete_all_keeps_its_lake_when_that_is_not_said_again(cli, api):
    cli.deploy(*nine(), "--pipeline", "tidegate.toml", "--parameter", "DeletePolicy=delete-all")
    destroyed = cli.run("destroy", "--yes", "--keep-all")
    assert "setting DeletePolicy to keep-all" in destroyed.stderr
    assert cli.buckets() == {STAGING, LAKE}


def test_what_cannot_work_is_said_before_anything_is_made(cli):
    (cli.home / "local.toml").write_text(
        '#\nname = "a"\n[source]\nbase_url = "http://x"\nauth = { type = "bearer", token = "${TOKEN}" }\n'
        '[[streams]]\nname = "s"\npath = "/"\n'
    )
    assert "${aws-secret:NAME}" in cli.deploy("--pipeline", "local.toml", code=2).stderr
    assert "`tidegate check`" in cli.deploy("--pipeline", "/dev/null", code=2).stderr
    assert "no parameter Cadance" in cli.deploy("--parameter", "Cadance=1m", code=2).stderr
    (cli.home / "tidegate-poller").write_text("#!/bin/sh\n")
    assert "no 64-bit program for Linux" in cli.run("package", "--binaries", ".", code=2).stderr
    arm = cli.run("package", "--binaries", FUNCTIONS, "--architecture", "arm64", code=2)
    assert "built for x86_64" in arm.stderr
    assert "no profile `nobody`" in cli.run("status", AWS_PROFILE="nobody", code=2).stderr
    missing = cli.run("status", AWS_ACCESS_KEY_ID="", code=2).stderr
    assert "no credentials" in missing and "aws sso login" in missing
    assert cli.buckets() == set()


def test_a_profile_names_keys_region_and_endpoint(cli):
    aws = cli.home / ".aws"
    aws.mkdir()
    (aws / "config").write_text(f"[profile work]\nregion = us-east-1\nendpoint_url = {cli.emulator.url}\n")
    (aws / "credentials").write_text("[work]\naws_access_key_id = 111111111111\naws_secret_access_key = x\n")
    bare = {"AWS_ENDPOINT_URL": "", "AWS_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "work"}
    dry = cli.run("deploy", "--binaries", FUNCTIONS, "--dry-run", **bare)
    assert "account 111111111111" in dry.stderr and "tidegate-lake-111111111111" not in cli.buckets()


def test_a_package_is_the_same_bytes_wherever_and_whenever_it_is_made(cli):
    first = cli.json("package", "--binaries", FUNCTIONS, "--out", "a")
    # The same programs elsewhere, under other times and rights.
    copies = cli.home / "deeper/copies"
    copies.mkdir(parents=True)
    for name in ("tidegate-poller", "tidegate-starter"):
        shutil.copyfile(pathlib.Path(FUNCTIONS) / name, copies / name)
        os.utime(copies / name, (0, 0))
    assert first == cli.json("package", "--binaries", copies, "--out", copies / "b")
    for name in ("lambda_function.zip", "lambda_glue.zip"):
        assert (cli.home / "a" / name).read_bytes() == (copies / "b" / name).read_bytes()


def test_a_forecast_needs_no_network(cli):
    offline = {"AWS_ENDPOINT_URL": "", "AWS_REGION": "", "AWS_ACCESS_KEY_ID": ""}
    month = cli.json("cost", **offline)
    assert [design["partitioning"] > 0 for design in month["designs"]] == [True] * 5
    assert month["streams"][0]["every_seconds"] == 600
    free = cli.json("cost", "--price", "glue-dpu-hour=0", **offline)
    daily = [design["partitioning"] for design in free["designs"] if design["name"] == "Glue, daily"]
    assert daily == [0]
    assert "list prices of 2026" in cli.run("cost", "--changed", "0.5", **offline).stdout


def test_without_its_program_the_command_says_what_is_missing(cli, tmp_path):
    alone = tmp_path / "tidegate"
    alone.write_bytes((BINARIES / "tidegate").read_bytes())
    alone.chmod(0o755)
    ran = subprocess.run([alone, "aws", "status"], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert ran.returncode == 2 and "needs the program tidegate-aws" in ran.stderr
