from typing import Any

import pytest

from local.codepipeline.definition import check
from local.service import AwsError


def action(category: str, provider: str, configuration: dict[str, str], **more: Any) -> Any:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": provider, "actionTypeId": kind, "configuration": configuration, **more}


def source(**more: Any) -> Any:
    configuration = {"RepositoryName": "r", "BranchName": "main", "PollForSourceChanges": "false"}
    return action(
        "Source",
        "CodeCommit",
        {**configuration, **more.pop("configuration", {})},
        outputArtifacts=[{"name": "Code"}],
        **more,
    )


def build(**more: Any) -> Any:
    return action(
        "Build",
        "CodeBuild",
        {"ProjectName": "p", **more.pop("configuration", {})},
        **{"inputArtifacts": [{"name": "Code"}], **more},
    )


def workflow(**more: Any) -> Any:
    return action(
        "Invoke",
        "StepFunctions",
        {"StateMachineArn": "arn", **more.pop("configuration", {})},
        **more,
    )


def pipeline(*stages: Any, **more: Any) -> Any:
    return {
        "name": "line",
        "roleArn": "arn",
        "pipelineType": "V2",
        "executionMode": "QUEUED",
        "artifactStore": {"type": "S3", "location": "bucket"},
        "stages": [
            {"name": f"S{number}", "actions": actions} for number, actions in enumerate(stages)
        ],
        **more,
    }


def test_what_is_left_out_gets_the_defaults_of_aws() -> None:
    checked = check(pipeline([source()], [build()]), "eu-west-1")
    assert checked["stages"][1]["actions"][0]["runOrder"] == 1
    assert checked["stages"][1]["actions"][0]["outputArtifacts"] == []


def test_an_action_may_use_what_an_earlier_run_order_of_its_stage_made() -> None:
    first = build(outputArtifacts=[{"name": "Out"}])
    second = {**build(inputArtifacts=[{"name": "Out"}], runOrder=2), "name": "Second"}
    check(pipeline([source()], [first, second]), "eu-west-1")
    with pytest.raises(AwsError, match="'Out' is not an output of an action that runs before"):
        check(pipeline([source()], [first, {**second, "runOrder": 1}]), "eu-west-1")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (pipeline([source()]), "at least two stages"),
        (
            pipeline([source()], [build()], pipelineType="V1"),
            r"Type V1 is not .*\(supported: V2\)",
        ),
        (pipeline([source()], [build()], executionMode="PARALLEL"), "PARALLEL is not supported"),
        (pipeline([source()], [build()], triggers=[{"providerType": "x"}]), "triggers"),
        (pipeline([build()], [source()]), "first stage holds Source actions"),
        (pipeline([source()], [source()]), "first stage holds Source actions"),
        (pipeline([source()], [build(), build()]), "'CodeBuild' is there twice"),
        (pipeline([source()], []), "'S1' is empty"),
        (
            pipeline([source()], [build(inputArtifacts=[{"name": "None"}])]),
            "'None' is not an output",
        ),
        (pipeline([source(namespace="N")], [build(namespace="N")]), "namespaces must be unique"),
        (
            pipeline([source(configuration={"PollForSourceChanges": "true"})], [build()]),
            "PollForSourceChanges=true is not supported",
        ),
        (
            pipeline(
                [source(configuration={"OutputArtifactFormat": "CODEBUILD_CLONE_REF"})], [build()]
            ),
            "CODE_ZIP",
        ),
        (
            pipeline([source()], [build(configuration={"Project": "p"})]),
            "contains unknown configuration 'Project'",
        ),
        (pipeline([source()], [build(configuration={"PrimarySource": "X"})]), "PrimarySource"),
        (
            pipeline([source(configuration={"BranchName": "#{variables.B}"})], [build()]),
            "source action, whose configuration can have no variables",
        ),
        (pipeline([source()], [build(namespace="variables")]), "reserved namespace 'variables'"),
        (pipeline([source()], [build(inputArtifacts=[])]), "has 0 inputArtifacts"),
        (
            pipeline([source()], [workflow(configuration={"InputType": "FilePath", "Input": "a"})]),
            "FilePath needs Input and an input artifact",
        ),
        (
            pipeline([source()], [action("Invoke", "Lambda", {"FunctionName": "f"})]),
            "in action 'Lambda' is not available in region EU_WEST_1",
        ),
        (
            pipeline([source()], [build(region="us-east-1")]),
            r"\(supported: eu-west-1\)",
        ),
        (pipeline([source()], [build(roleArn="arn")]), "roleArn is not supported"),
    ],
)
def test_a_pipeline_that_aws_or_this_endpoint_cannot_run_is_refused_by_name(
    declared: Any, words: str
) -> None:
    with pytest.raises(AwsError, match=words):
        check(declared, "eu-west-1")


def test_the_workflow_action_is_refused_in_china_as_in_aws() -> None:
    declared = pipeline([source()], [workflow()])
    check(declared, "eu-west-1")
    with pytest.raises(AwsError, match="not available in region CN_NORTH_1"):
        check(declared, "cn-north-1")
