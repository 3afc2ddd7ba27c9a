"""What the template promises: least privilege, logs that end, private buckets, data that no update removes."""

import re

import pytest
import template as cfn

TEMPLATE = cfn.load()
RESOURCES = TEMPLATE["Resources"]
GIVEN = {
    "LambdaCodeS3Bucket",
    "GlueScriptS3Path",
    "LambdaAPICodeS3Key",
    "LambdaGlueCodeS3Key",
    "NonPartitionedS3BucketName",
    "PartitionedS3BucketName",
    "LambdaAPIName",
    "LambdaGlueName",
    "GlueJobNameP",
}
# Actions on one kind of resource that a role may have, and nothing else.
ALLOWED = {
    "PollerRole": {
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "logs:CreateLogStream", "logs:PutLogEvents",
        "secretsmanager:GetSecretValue", "ssm:GetParameter",
    },
    "ScheduleRole": {"lambda:InvokeFunction"},
    "StarterRole": {
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "glue:StartJobRun", "glue:GetJobRuns", "glue:GetTable",
        "glue:CreateTable", "glue:UpdateTable", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility", "logs:CreateLogStream", "logs:PutLogEvents",
    },
    "JobRole": {
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    "EmptierRole": {
        "cloudformation:DescribeStacks", "s3:ListBucketVersions", "s3:DeleteBucket", "s3:DeleteObject",
        "s3:DeleteObjectVersion", "logs:CreateLogStream", "logs:PutLogEvents",
    },
}  # fmt: skip


def text_of(value):
    """A resource of a statement as one text, its functions spelled out."""
    if isinstance(value, dict):
        return " ".join(text_of(v) for v in value.values())
    if isinstance(value, list):
        return ".".join(text_of(v) for v in value)
    return str(value)


def test_the_nine_parameters_are_all_that_is_required():
    required = {name for name, parameter in TEMPLATE["Parameters"].items() if "Default" not in parameter}
    assert required == GIVEN


def test_every_parameter_is_described_and_shown_in_a_group():
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(TEMPLATE["Parameters"])
    assert all(parameter.get("Description") for parameter in TEMPLATE["Parameters"].values())


def test_cloudformation_takes_the_text():
    text = cfn.PATH.read_text(encoding="utf-8")
    assert len(text.encode()) < 51_200, "the body of a template given directly ends at 51,200 bytes"
    anchors = [line for line in text.splitlines() if re.search(r"(?:^|[\s\[{:,-])[&*][A-Za-z]", line.split("#")[0])]
    assert not anchors, "CloudFormation refuses YAML aliases"


@pytest.mark.parametrize(("role", "statement"), list(cfn.role_statements(TEMPLATE)), ids=lambda v: v if isinstance(v, str) else v["Sid"])
def test_a_statement_names_its_actions_and_its_resources(role, statement):
    assert statement["Effect"] == "Allow" and "NotAction" not in statement and "NotResource" not in statement
    actions = set(cfn.listed(statement["Action"]))
    assert not [action for action in actions if "*" in action]
    assert actions <= ALLOWED[role]
    for resource in cfn.listed(statement["Resource"]):
        text = text_of(resource)
        # A star may stand only behind the name of one bucket or one database.
        assert "*" not in text or re.search(r"(BucketName}/|/\$\{DatabaseName\}/)([a-z]+/)?\*$", text), text


def test_the_poller_never_touches_the_lake_and_no_loader_writes_staging():
    for role, statement in cfn.role_statements(TEMPLATE):
        where = text_of(statement["Resource"])
        if role == "PollerRole":
            assert "${PartitionedS3BucketName}" not in where
            assert "s3:DeleteObject" not in cfn.listed(statement["Action"]) or where.endswith("/tokens/*")
        if role in ("StarterRole", "JobRole") and "${NonPartitionedS3BucketName}" in where:
            assert not set(cfn.listed(statement["Action"])) & {"s3:PutObject", "s3:DeleteObject"}


def test_every_role_trusts_one_service():
    for role in cfn.of_type(TEMPLATE, "AWS::IAM::Role").values():
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert list(trust["Principal"]) == ["Service"] and isinstance(trust["Principal"]["Service"], str)


def test_every_function_has_a_log_that_ends():
    logs = cfn.of_type(TEMPLATE, "AWS::Logs::LogGroup")
    assert all("RetentionInDays" in log["Properties"] for log in logs.values())
    for name, function in cfn.of_type(TEMPLATE, "AWS::Lambda::Function").items():
        properties = function["Properties"]
        group = properties["LoggingConfig"]["LogGroup"]["Ref"]
        named = text_of(logs[group]["Properties"]["LogGroupName"])
        assert named.replace("${", "").replace("}", "") == "/aws/lambda/" + text_of(properties["FunctionName"]).replace(
            "${", ""
        ).replace("}", ""), name
        assert properties["Runtime"] == "provided.al2023"


def test_who_may_send_to_the_queue_is_named_by_bucket_and_account():
    for policy in cfn.of_type(TEMPLATE, "AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            keys = {key for test in statement["Condition"].values() for key in test}
            assert keys == {"aws:SourceArn", "aws:SourceAccount"}


@pytest.mark.parametrize("name", sorted(cfn.of_type(TEMPLATE, "AWS::S3::Bucket")))
def test_a_bucket_is_private_encrypted_and_kept(name):
    bucket = RESOURCES[name]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["Properties"]["PublicAccessBlockConfiguration"]) == 4
    assert "BucketEncryption" in bucket["Properties"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    policies = [p["Properties"] for p in cfn.of_type(TEMPLATE, "AWS::S3::BucketPolicy").values()]
    (policy,) = [p["PolicyDocument"] for p in policies if p["Bucket"] == {"Ref": name}]
    (deny,) = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and len(deny["Resource"]) == 2


def test_the_emptier_is_part_of_every_stack_and_runs_before_anything_it_needs_is_gone():
    emptiers = cfn.of_type(TEMPLATE, "Custom::EmptyBucket")
    assert len(emptiers) == 2
    # Behind a condition, an update that turns it false would delete the resource, and that would empty the bucket.
    assert not [name for name, emptier in emptiers.items() if "Condition" in emptier]
    writers = [*cfn.of_type(TEMPLATE, "AWS::Scheduler::Schedule"), *cfn.of_type(TEMPLATE, "AWS::Lambda::EventSourceMapping")]
    for writer in writers:
        assert "StagingEmptier" in cfn.listed(RESOURCES[writer]["DependsOn"]), f"{writer} must stop before staging is emptied"


def test_the_watched_bucket_is_not_the_one_that_is_written():
    notified = [
        name for name, b in cfn.of_type(TEMPLATE, "AWS::S3::Bucket").items() if "NotificationConfiguration" in b["Properties"]
    ]
    assert notified == ["StagingBucket"]
    (rule,) = RESOURCES["StagingBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert {r["Name"]: r["Value"] for r in rule["Filter"]["S3Key"]["Rules"]} == {"prefix": "batches/", "suffix": ".batch.json"}


def test_a_message_is_hidden_for_longer_than_the_starter_may_run():
    timeout = RESOURCES["Starter"]["Properties"]["Timeout"]
    assert RESOURCES["ObjectQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_every_skipped_check_has_its_reason():
    for name, res in RESOURCES.items():
        for skip in res.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(skip["comment"]) > 20, f"{name} {skip['id']}"


@pytest.mark.parametrize(
    "broken",
    [
        ("Action: [\"glue:StartJobRun\", \"glue:GetJobRuns\"]", "Action: \"glue:*\""),
        ("Resource: !GetAtt PollerLog.Arn", 'Resource: "*"'),
    ],
)
def test_these_checks_would_notice(broken):
    text = cfn.PATH.read_text(encoding="utf-8")
    assert broken[0] in text
    spoilt = cfn.load(text.replace(*broken))
    with pytest.raises(AssertionError):
        for role, statement in cfn.role_statements(spoilt):
            test_a_statement_names_its_actions_and_its_resources(role, statement)
