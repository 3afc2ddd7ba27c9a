"""Each step of docs/guides/aws.md, as its reader does it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import template as cfn
from stack import until
from test_cli import BINARIES, FUNCTIONS, SLOW, Cli
from test_stack import DATA, RECORD, data_files

GUIDE = (cfn.ROOT / "docs/guides/aws.md").read_text(encoding="utf-8")


@pytest.fixture
def reader(emulator, api, tmp_path):
    """The emulator's look-ups, and a shell in an empty directory with the programs beside each other, as installed."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    home.mkdir()
    for directory, names in ((BINARIES, ["tidegate", "tidegate-aws"]), (FUNCTIONS, ["tidegate-poller", "tidegate-starter"])):
        for name in names:
            shutil.copy(pathlib.Path(directory) / name, programs / name)
    (home / "tidegate.toml").write_text(SLOW.format(url=api.url))
    api.says(RECORD)
    return Reader(emulator, home, programs)


class Reader(Cli):
    """Runs the guide's blocks."""

    def __init__(self, emulator, home, programs):
        super().__init__(emulator, home)
        self.path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])

    def block(self, *words):
        """The one block that has these words."""
        (block,) = [b for b in re.findall(r"^```console\n(.*?)^```$", GUIDE, re.M | re.S) if all(w in b for w in words)]
        command = ["bash", "-euo", "pipefail", "-c", block]
        ran = subprocess.run(command, env=self.environment(), cwd=self.home, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, f"{block}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr


def test_the_steps_with_the_command_line(reader):
    assert "PartitionEngine=glue" in reader.block("cost")
    assert "nothing was changed" in reader.block("--dry-run")
    assert "CREATE_COMPLETE: arn:" in reader.block("--yes", "deploy --pipeline")
    account = "000000000000"
    staged = reader.invoke("tidegate-poller", {"tick": "now"})
    assert staged == (None, {"polls": 1, "staged": 1, "failed": 0})
    until("it is loaded", lambda: reader.keys(f"tidegate-lake-{account}", "weather/"))
    assert "weather" in reader.block("status", "logs")
    assert "UPDATE_COMPLETE" in reader.block("PartitionEngine=lambda")
    assert "moved 0, recovered 0, failed 0" in reader.block("redrive")
    assert "is deleted" in reader.block("destroy")
    assert reader.buckets() == {f"tidegate-lake-{account}"}
    assert reader.keys(f"tidegate-lake-{account}", "weather/")


def test_the_steps_in_the_console(reader):
    reader.block("package", "template")
    code = reader.home / "code"
    nine = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|$", GUIDE, re.M))
    bucket = nine["LambdaCodeS3Bucket"]
    reader.s3.create_bucket(Bucket=bucket)
    for path in (code / "lambda_function.zip", code / "lambda_glue.zip", cfn.ROOT / "glue/glue_job.py"):
        reader.s3.upload_file(str(path), bucket, path.name)
    reader.s3.upload_file(str(reader.home / "tidegate.toml"), bucket, "tidegate.toml")

    def given(**more):
        return [{"ParameterKey": key, "ParameterValue": value} for key, value in {**nine, **more}.items()]

    text, allowed = (code / "cloudformation.yaml").read_text(), ["CAPABILITY_NAMED_IAM"]
    reader.cloudformation.create_stack(StackName="tidegate", TemplateBody=text, Parameters=given(), Capabilities=allowed)
    reader.settled("CREATE_COMPLETE")
    # The nine alone poll the example, for which there is no network here; the reader's own file takes its place.
    assert reader.invoke(nine["LambdaAPIName"], {"tick": "now"})[0] is None
    more = given(PipelineS3Key="tidegate.toml", Cadence="file")
    reader.cloudformation.update_stack(StackName="tidegate", TemplateBody=text, Parameters=more, Capabilities=allowed)
    reader.settled("UPDATE_COMPLETE")
    reader.s3.delete_object(Bucket=nine["NonPartitionedS3BucketName"], Key="state/weather.json")
    assert reader.invoke(nine["LambdaAPIName"], {"tick": "now"})[1]["staged"] == 1
    until("it is loaded", lambda: data_files(reader))
    assert data_files(reader) == [DATA]
    assert '"weather"' in reader.output("Query")
    reader.delete()
    assert reader.buckets() == {bucket, nine["PartitionedS3BucketName"]}


def test_every_block_of_the_guide_is_run_by_a_test():
    blocks = re.findall(r"^```console\n(.*?)^```$", GUIDE, re.M | re.S)
    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    calls = [re.findall(r'"([^"]+)"', call) for call in re.findall(r"reader\.block\(([^)]*)\)", text)]
    unrun = [block for block in blocks if not any(all(word in block for word in words) for words in calls)]
    assert not unrun
