import json
import re
from collections.abc import Sequence
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from templates.parts.pipeline import OneOf, StageAction, refuse_lost_artifacts
from tests.templates.reading import of_type

Template = dict[str, Any]


def stages(template: Template, in_china: bool) -> list[dict[str, Any]]:
    (pipeline,) = of_type(template, "AWS::CodePipeline::Pipeline").values()
    chosen = []
    for stage in pipeline["Stages"]:
        if "Fn::If" in stage:
            condition, there, elsewhere = stage["Fn::If"]
            assert condition == "InChina"
            chosen.append(there if in_china else elsewhere)
        else:
            chosen.append(stage)
    return chosen


@pytest.mark.parametrize("in_china", [False, True])
def test_nothing_is_trained_that_was_not_tested_and_built(
    template: Template, in_china: bool
) -> None:
    names = [stage["Name"] for stage in stages(template, in_china)]
    assert names[0] == "Source"
    assert names.index("Test") < names.index("Build") < names.index("Train")
    assert names[-1] == "Train"


@pytest.mark.parametrize("in_china", [False, True])
def test_every_action_takes_what_an_earlier_one_gives(template: Template, in_china: bool) -> None:
    given: set[str] = set()
    for stage in stages(template, in_china):
        for action in stage["Actions"]:
            assert {item["Name"] for item in action.get("InputArtifacts", [])} <= given
            given |= {item["Name"] for item in action.get("OutputArtifacts", [])}


def test_the_last_stage_is_the_workflow_or_in_china_a_build_that_waits_for_it(
    template: Template,
) -> None:
    providers = [
        stages(template, in_china)[-1]["Actions"][0]["ActionTypeId"]["Provider"]
        for in_china in (False, True)
    ]
    assert providers == ["StepFunctions", "CodeBuild"]
    china_only = [n for n, r in template["Resources"].items() if r.get("Condition") == "InChina"]
    assert china_only == ["TrainBuildLogs", "TrainBuildRole", "TrainBuild", "StartAlert"]


# ---- how it is started


def variables(template: Template) -> dict[str, str]:
    (pipeline,) = of_type(template, "AWS::CodePipeline::Pipeline").values()
    return {each["Name"]: each["DefaultValue"] for each in pipeline["Variables"]}


def test_no_text_of_a_person_becomes_part_of_an_actions_configuration(template: Template) -> None:
    """It would be read as JSON there: a quotation mark ends the text, and more variables follow."""
    text = json.dumps([stages(template, in_china) for in_china in (False, True)])
    assert set(re.findall(r"#{([^}]*)}", text)) == {"codepipeline.PipelineExecutionId"}


@pytest.mark.parametrize("pusher", ["arn:aws:iam::123456789012:user/alex", ""])
def test_a_push_starts_its_own_commit_and_says_who_pushed(template: Template, pusher: str) -> None:
    """As a request to CodePipeline, also where the event does not name anybody."""
    (target,) = of_type(template, "AWS::Events::Rule")["PushTrigger"]["Targets"]
    transformer = target["InputTransformer"]
    event = {"$.detail.commitId": "0123abcd", "$.detail.callerUserArn": pusher}
    filled = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        filled = filled.replace(f"<{name}>", event[path])
    request = {"name": "mlops", **json.loads(filled)}
    model = botocore.session.get_session().get_service_model("codepipeline")
    shape = model.shape_for("StartPipelineExecutionInput")
    assert not ParamValidator().validate(request, shape).has_errors()
    (said,) = request["variables"]
    assert said["name"] in variables(template)
    assert said["value"].removeprefix(variables(template)[said["name"]]) == pusher
    (revision,) = request["sourceRevisions"]
    (source,) = stages(template, False)[0]["Actions"]
    assert revision["actionName"] == source["Name"]
    assert revision["revisionValue"] == "0123abcd"


def test_nobody_has_to_say_anything_to_start_it(template: Template) -> None:
    assert variables(template) == {"FORCE": "-", "PUSHER": "-"}


# ---- what add_pipeline refuses


def action(name: str, takes: Sequence[str] = (), gives: Sequence[str] = ()) -> StageAction:
    return StageAction(name, "Build", "CodeBuild", {}, grants=(), takes=takes, gives=gives)


def test_an_artifact_that_no_stage_before_gives_is_refused_by_name() -> None:
    source, build = action("Source", gives=["Code"]), action("Build", ["Code"], ["Image"])
    refuse_lost_artifacts([source, build])
    with pytest.raises(ValueError, match=r"stage Build takes Code, which no stage before it"):
        refuse_lost_artifacts([build, source])


def test_an_artifact_that_only_one_side_of_a_condition_gives_is_not_there() -> None:
    either = OneOf("InChina", action("Source", gives=["Code"]), action("Source"))
    with pytest.raises(ValueError, match="stage Build takes Code"):
        refuse_lost_artifacts([either, action("Build", ["Code"])])
