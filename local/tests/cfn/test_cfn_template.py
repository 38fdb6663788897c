import json

import pytest

from local.cfn.template import TemplateError, parse

TOPIC = {"Type": "AWS::SNS::Topic"}


def body(**sections: object) -> str:
    return json.dumps({"Resources": {"Topic": TOPIC}, **sections})


def test_short_tags_mean_the_long_functions() -> None:
    template = parse(
        """
        Resources:
          Topic:
            Type: AWS::SNS::Topic
            Properties:
              TopicName: !Sub "${A}-${Other.Name}"
              DisplayName: !If [Yes1, !GetAtt Other.Outputs.Name, !Ref AWS::NoValue]
              Tags: !Split [",", !Join ["", [a, b]]]
        """
    )
    assert template.resources["Topic"]["Properties"] == {
        "TopicName": {"Fn::Sub": "${A}-${Other.Name}"},
        "DisplayName": {
            "Fn::If": [
                "Yes1",
                {"Fn::GetAtt": ["Other", "Outputs.Name"]},
                {"Ref": "AWS::NoValue"},
            ]
        },
        "Tags": {"Fn::Split": [",", {"Fn::Join": ["", ["a", "b"]]}]},
    }


def test_a_policy_version_stays_text() -> None:
    template = parse(
        "Resources: {Topic: {Type: AWS::SNS::Topic, Properties: {Version: 2012-10-17}}}"
    )
    assert template.resources["Topic"]["Properties"] == {"Version": "2012-10-17"}


def test_a_python_object_in_yaml_is_only_data() -> None:
    with pytest.raises(TemplateError, match="not well-formed"):
        parse("Resources: !!python/object/apply:os.getcwd []")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"Resources": ', r"JSON not well-formed. \(line 1, column 15\)"),
        ("Resources:\n  A: [\n", r"YAML not well-formed. \(line 3, column 1\)"),
        ("A: '\ud800'", "YAML not well-formed."),
        ("just text", "unsupported structure"),
        ("", "unsupported structure"),
        ("[" * 500, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 20_000, "nested too deeply"),
        ("Description: nothing", "At least one Resources member must be defined"),
        (body(Surprise={}), r"Invalid template property or properties \[Surprise\]"),
        (body(Outputs=[]), "Outputs must be an object"),
        (
            body(Outputs={"Name": {}}),
            r"\[/Outputs/Name\] Every Outputs object must contain a Value",
        ),
        (body(Transform="AWS::Serverless-2016-10-31"), "Transform is not supported"),
        (body(Resources={"a-b": TOPIC}), "Resource name a-b is non alphanumeric"),
        (body(Resources={"A": {}}), r"\[/Resources/A\] Every Resources object must contain a Type"),
        (body(Resources={"A": {**TOPIC, "Propertys": {}}}), r"/A\].*\[Propertys\]"),
        (body(Resources={"A": {**TOPIC, "DeletionPolicy": "Keep"}}), "DeletionPolicy Keep .* A"),
        (
            body(Resources={"A": {**TOPIC, "Properties": {"TopicName": None}}}),
            r"TopicName\] 'null' values are not allowed in templates",
        ),
        (
            body(Resources={"A": {**TOPIC, "Properties": {"TopicName": {"Fn::Nope": 1}}}}),
            "Fn::Nope in Resources is not supported",
        ),
        (
            body(Outputs={"A": {"Value": {"Fn::ImportValue": "other"}}}),
            "Fn::ImportValue in Outputs is not supported",
        ),
        ("A: &a 1\nB: *a", "YAML aliases are not allowed"),
    ],
)
def test_a_malformed_template_is_refused_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem) as refused:
        parse(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("properties", "needed"),
    [({}, ["CAPABILITY_IAM"]), ({"RoleName": "mine"}, ["CAPABILITY_NAMED_IAM"])],
)
def test_a_named_role_asks_for_the_stronger_capability(
    properties: dict[str, str], needed: list[str]
) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    assert parse(body(Resources={"Role": role})).capabilities() == needed
    assert parse(body()).capabilities() == []
