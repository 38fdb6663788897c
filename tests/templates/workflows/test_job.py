"""A job brings all that a job needs, whatever its kind. Held against the services' own models."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.model import StructureShape
from troposphere.ecr import Repository
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.parts.registry import Registry
from templates.workflows.failure import failure
from templates.workflows.job import PROCESSING, TRAINING, TRANSFORM, TUNING, Kind, job, job_role
from templates.workflows.joining import Workflow, join
from templates.workflows.language import Step, end, present

MODEL = botocore.session.get_session().get_service_model("sagemaker")
KINDS = (TRAINING, PROCESSING, TRANSFORM, TUNING)
AT = "$.work"


def story_of(kind: Kind, what: str = "Work", **more: Any) -> Workflow:
    key = Key("Key")
    role = job_role("WorkRole", "x", kind, Registry(Repository("Images")), key, [])
    steps = job(
        what,
        kind,
        {},
        noun=what,
        result=AT,
        instance_type="$.type",
        machines={"InstanceCount": 1},
        role=role if kind.role else None,
        key=key,
        seconds=600,
        **more,
    )
    return join("test", [*steps, end("Done"), *failure("x ${ProjectName}", Topic("Topic"), key)])


def states_of(workflow: Workflow) -> dict[str, Any]:
    states: dict[str, Any] = json.loads(workflow.definition)["States"]
    return states


def shape_at(shape: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        assert isinstance(shape, StructureShape)
        shape = shape.members[name]
    return shape


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.operations)
def test_the_table_of_kinds_names_what_sagemaker_has(kind: Kind) -> None:
    request: Any = MODEL.operation_model(f"Create{kind.field('')}").input_shape
    described: Any = MODEL.operation_model(f"Describe{kind.field('')}").output_shape
    assert shape_at(request, kind.machines).members.keys() >= {"InstanceType", "VolumeKmsKeyId"}
    if kind.role:
        assert shape_at(request, kind.role).name == "RoleArn"
    else:
        assert "RoleArn" not in request.members
    if kind.isolation is not None:
        network = shape_at(request, kind.isolation).members
        assert {"EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"} <= network.keys()
    else:
        assert "EnableNetworkIsolation" not in request.members
    told = {kind.field("Name"), kind.field("Status"), *kind.reasons, *filter(None, [kind.detail])}
    assert told <= described.members.keys()
    listed: Any = MODEL.operation_model(f"List{kind.field('s')}")
    assert {"NameContains", "StatusEquals", "MaxResults"} <= listed.input_shape.members.keys()
    assert listed.output_shape.members.keys() >= {kind.field("Summaries")}
    stopped: Any = MODEL.operation_model(f"Stop{kind.field('')}").input_shape
    assert list(stopped.members) == [kind.field("Name")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.operations)
def test_every_kind_brings_key_network_role_and_tags(kind: Kind) -> None:
    states = states_of(story_of(kind))
    request: Any = states["Work"]["Parameters"]
    assert states["UseWorkKey"]["Parameters"]["VolumeKmsKeyId"] == "${Key}"
    assert "VolumeKmsKeyId" not in states["UseWorkLocalDisk"]["Parameters"]

    def at(place: tuple[str, ...]) -> Any:
        value = request
        for name in place:
            value = value[name]
        return value

    *outer, last = kind.machines
    assert at((*outer, f"{last}.$")) == "$.resources"
    if kind.role:
        assert at(kind.role) == "${WorkRole}"
    if kind.isolation is not None:
        assert at((*kind.isolation, "EnableNetworkIsolation")) is True
        assert at((*kind.isolation, "EnableInterContainerTrafficEncryption")) is True
    assert {tag["Key"] for tag in request["Tags"]} == {"project", "commit"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.operations)
def test_every_kind_is_told_in_words_when_it_fails(kind: Kind) -> None:
    states = states_of(story_of(kind))
    assert states["Work"]["Catch"][-1]["Next"] == "IsWorkJobDescription"
    assert kind.field("Name") in str(states["IsWorkJobDescription"])
    assert states["TakeWorkJob"] == {
        "Type": "Pass",
        "InputPath": "$.job.description",
        "ResultPath": AT,
        "Next": "HasWorkReason",
    }
    ways = states["HasWorkReason"]["Choices"]
    assert [way["Variable"] for way in ways] == [f"{AT}.{reason}" for reason in kind.reasons]
    for way, reason in zip(ways, kind.reasons, strict=True):
        error = states[way["Next"]]["Parameters"]
        assert error["Error"] == "WorkFailed"
        assert error["Cause.$"].endswith(f"{AT}.{reason})")
    assert states["HasWorkVerdict"]["Default"] == "HasWorkReason"
    incomplete = states[states["HasWorkReason"]["Default"]]["Parameters"]["Cause.$"]
    assert f"{AT}.{kind.field('Status')}" in incomplete
    # As many holes as values
    text, _, values = incomplete.partition("', ")
    assert text.count("{}") == values.count("$.")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.operations)
def test_every_kind_is_stopped_when_nobody_waits_any_more(kind: Kind) -> None:
    workflow = story_of(kind)
    states = states_of(workflow)
    for name in ("Work", "WorkAgain"):
        (timeout,) = [e for e in states[name]["Catch"] if e["ErrorEquals"] == ["States.Timeout"]]
        assert timeout["Next"] == "ListWorkJobs"
    assert states["ListWorkJobs"]["Next"] == "StopWorkJobs"
    assert states["StopWorkJobs"]["Next"] == "WorkTookTooLong"
    stop = states["StopWorkJobs"]["ItemProcessor"]["States"]["StopWorkJob"]
    assert stop["Parameters"] == {f"{kind.field('Name')}.$": "$.name"}
    granted = {
        str(action.JSONrepr()): grant.Resource
        for grant in workflow.grants
        for action in grant.Action
    }
    assert granted[f"sagemaker:List{kind.field('s')}"] == ["*"]
    assert kind.resource in str(granted[f"sagemaker:Stop{kind.field('')}"][0].to_dict())


def test_a_job_brings_its_role_and_the_permission_to_hand_it_over() -> None:
    workflow = story_of(PROCESSING)
    (role,) = workflow.roles
    assert role.title == "WorkRole"
    (passing,) = [grant for grant in workflow.grants if grant.Sid == "PassWorkRole"]
    assert [resource.to_dict() for resource in passing.Resource] == [
        {"Fn::GetAtt": ["WorkRole", "Arn"]}
    ]
    statements = role.to_dict()["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    sids = {statement["Sid"]: statement for statement in statements}
    assert sids.keys() >= {"PullImages", "UseKeyForData", "LendKeyToInstances", "PutMetrics"}
    assert "/aws/sagemaker/ProcessingJobs" in str(sids["WriteLogs"])


def two_jobs(first: Kind, second: Kind, **more: Any) -> Workflow:
    key, topic = Key("Key"), Topic("Topic")

    def one(noun: str, kind: Kind, **more: Any) -> list[Step]:
        role = job_role(f"{noun}Role", "x", kind, Registry(Repository("Images")), key, [])
        return job(
            noun,
            kind,
            {},
            noun=noun,
            result=f"$.{noun}",
            instance_type="$.type",
            machines={},
            role=role,
            key=key,
            seconds=600,
            **more,
        )

    steps = [*one("First", first), *one("Second", second, **more), end("Done")]
    return join("test", [*steps, *failure("x ${ProjectName}", topic, key)])


def test_two_jobs_may_have_one_role() -> None:
    key = Key("Key")
    role = job_role("WorkRole", "x", TRAINING, Registry(Repository("Images")), key, [])
    kinds = {"First": TRAINING, "Second": TUNING}
    steps = [
        step
        for noun, kind in kinds.items()
        for step in job(
            noun,
            kind,
            {},
            noun=noun,
            result=AT,
            instance_type="$.type",
            machines={},
            role=role,
            key=key,
            seconds=600,
        )
    ]
    story = [*steps, end("Done"), *failure("x ${ProjectName}", Topic("Topic"), key)]
    assert join("test", story).roles == [role]


def test_a_job_with_a_short_name_is_found_by_it() -> None:
    states = states_of(story_of(TUNING, job_name="$.short"))
    assert states["ListWorkJobs"]["Parameters"]["NameContains.$"] == "$.short"
    grants = [g for g in story_of(TUNING).grants if g.Sid == "StopHyperParameterTuningJobs"]
    assert {str(grant.Resource[0].to_dict()).count("/${Digits}-*") for grant in grants} == {1}


def test_two_jobs_stand_in_one_story_one_after_the_other() -> None:
    states = states_of(two_jobs(TRAINING, PROCESSING))
    assert states["HasFirstVerdict"]["Choices"][0]["Next"] == "ChooseSecondEncryption"


def test_two_jobs_of_a_kind_need_two_names() -> None:
    with pytest.raises(ValueError, match="Second calls its job as First calls its own"):
        two_jobs(TRAINING, TRAINING)
    two_jobs(TRAINING, TRAINING, job_name="$.second")


def test_a_job_without_its_results_goes_the_way_for_that() -> None:
    workflow = story_of(TRAINING, needed=(present(f"{AT}.x"), "Notify"))
    verdict = states_of(workflow)["HasWorkVerdict"]
    completed = {"Variable": f"{AT}.TrainingJobStatus", "StringEquals": "Completed"}
    measured, bare = verdict["Choices"]
    assert measured == {"And": [completed, present(f"{AT}.x")], "Next": "Done"}
    assert bare == {**completed, "Next": "Notify"}
