"""Reads a CloudFormation template, short forms such as `!Sub` included."""

import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = ROOT / "infra/cloudformation.yaml"


class Loader(yaml.SafeLoader):
    """Knows the tags of CloudFormation."""


def _tag(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _tag)


def load(text=None):
    """The template as plain data, its functions in their long form."""
    return yaml.load(text if text is not None else PATH.read_text(encoding="utf-8"), Loader)  # noqa: S506


def of_type(template, kind):
    """The resources of a type, by logical name."""
    return {name: res for name, res in template["Resources"].items() if res["Type"] == kind}


def listed(value):
    """A value that may stand alone or in a list, as a list."""
    return value if isinstance(value, list) else [value]


def statements(document):
    """The statements of a policy, those behind a condition included."""
    for statement in listed(document["Statement"]):
        yield from (s for s in statement["Fn::If"][1:] if "Effect" in s) if "Fn::If" in statement else [statement]


def role_statements(template):
    """Every statement of every role: (role, statement)."""
    for role, res in of_type(template, "AWS::IAM::Role").items():
        for policy in res["Properties"].get("Policies", []):
            for statement in statements(policy["PolicyDocument"]):
                yield role, statement
