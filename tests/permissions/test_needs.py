"""Nothing is left out of the proof: no policy, no call that can be read off, and no parameter that
names a resource."""

import re

import pytest

from templates.choices import CHOICES
from tests.permissions.deployed import ACCOUNT, Call, Deployed, deploy, registry, suffix
from tests.permissions.needs import all_needs
from tests.templates.reading import of_type, read, walk
from tests.templates.workflows.machines import tasks

READ = {
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
# What an operation of an SDK integration is called in IAM, where that is another word
_SCALING = ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy")
IN_IAM = {
    **{f"applicationautoscaling:{name}": f"application-autoscaling:{name}" for name in _SCALING},
    "sagemakerruntime:InvokeEndpoint": "sagemaker:InvokeEndpoint",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:CopyObject": "s3:PutObject",
    "s3:HeadObject": "s3:GetObject",
    "sfn:DescribeExecution": "states:DescribeExecution",
    "sfn:StopExecution": "states:StopExecution",
}
# The same of a command in a buildspec
COMMANDS = {"ecr get-login-password": "ecr:GetAuthorizationToken"}
# Parameters that name what a role has to reach
REACHED = {"BaseImage", "BootstrapBucket", "ProjectName", "SeedDataPrefix"}
# And those that name nothing of this kind
UNREACHED = {
    "AccuracyTolerance": "a number",
    "Approval": "a choice",
    "ApprovalDays": "a number",
    "BatchInstanceType": "a type",
    "BranchName": "a branch has no ARN: the repository's grants hold for all",
    "CapturePercent": "a number",
    "CodeKey": "CloudFormation reads it, as whoever creates the stack",
    "EndpointInstanceCount": "a number",
    "EndpointInstanceType": "a type",
    "EndpointKind": "a choice",
    "EndpointMaxInstanceCount": "a number",
    "EvaluationInstanceType": "a type",
    "GoldenSeconds": "a number",
    "KeepVersions": "a number",
    "LogRetentionDays": "a number",
    "MinimumAccuracy": "a number",
    "ModelLatencyMicroseconds": "a number",
    "RetrainSchedule": "a time",
    "RetrainOnDrift": "a choice",
    "DriftSchedule": "a time",
    "DriftThreshold": "a number",
    "DriftMinimumRecords": "a number",
    "DriftCooldownDays": "a number",
    "ScheduleTimezone": "a time zone",
    "MonthlyBudget": "a number",
    "NotebookEnabled": "a choice",
    "NotebookIdleMinutes": "a number",
    "NotebookInstanceType": "a type",
    "NotificationEmail": "a person",
    "PermissionsBoundary": "a policy that IAM reads",
    "PipIndexUrl": "an address of the internet, without credentials",
    "Rollout": "a choice",
    "RolloutBakeSeconds": "a number",
    "RolloutPercent": "a number",
    "ScalingTargetInvocations": "a number",
    "ServerlessConcurrency": "a number",
    "ServerlessMemoryMB": "a number",
    "Tracing": "a choice",
    "TrainingInstanceCount": "a number",
    "TrainingInstanceType": "a type",
    "TrainingMaxRuntimeSeconds": "a number",
    "TrainingSpotWaitSeconds": "a number",
    "TrainingUseSpot": "a choice",
    "TrainingVolumeGB": "a number",
    "TuningJobs": "a number",
    "TuningParallelJobs": "a number",
}


def test_every_kind_of_policy_is_read(texts: dict[str, str]) -> None:
    for text in texts.values():
        for name, resource in read(text)["Resources"].items():
            if any(isinstance(item, dict) and "Effect" in item for item in walk(resource)):
                assert resource["Type"] in READ, (
                    f"{name} has a policy: let tests/permissions/deployed.py read it"
                )


def test_every_call_of_a_workflow_is_a_need(texts: dict[str, str]) -> None:
    needed = calls_needed(texts)
    for task in tasks(read(texts["mlops"])):
        service, operation = task.integration.partition(".")[0].split(":")[-2:]
        action = f"{service}:{operation[0].upper()}{operation[1:]}"
        assert (f"{task.machine}Role", IN_IAM.get(action, action)) in needed, (
            f"state {task.name} of {task.machine} calls {action}: name the need with its source in "
            "tests/permissions/needs_of_workflows.py"
        )


def test_a_state_that_a_need_names_exists(texts: dict[str, str]) -> None:
    names = {task.name for task in tasks(read(texts["mlops"]))}
    for need in all_needs(deploy("eu-west-1", texts)):
        named = set(re.findall(r"\bstate (\w+)", need.source))
        assert named <= names, f"there is no state {named - names}: {need}"


def test_every_call_of_a_build_is_a_need(texts: dict[str, str]) -> None:
    needed = calls_needed(texts)
    found = set()
    for build, properties in of_type(read(texts["mlops"]), "AWS::CodeBuild::Project").items():
        commands = re.findall(
            r"\baws (\w+) ([a-z]+(?:-[a-z]+)+)", properties["Source"]["BuildSpec"]
        )
        for service, command in commands:
            words = "".join(word.capitalize() for word in command.split("-"))
            default = f"{service.replace('stepfunctions', 'states')}:{words}"
            action = COMMANDS.get(f"{service} {command}", default)
            found.add(action)
            assert (f"{build}Role", action) in needed, (
                f"the buildspec of {build} calls {action}: name the need with its source in "
                "tests/permissions/needs_of_pipeline.py"
            )
    assert {"ecr:BatchGetImage", "states:StopExecution"} <= found


def calls_needed(texts: dict[str, str]) -> set[tuple[str, str]]:
    """Who needs what; in China, where there is one build more."""
    needs = all_needs(deploy("cn-north-1", texts))
    return {(need.call.who, need.call.action) for need in needs}


def test_every_parameter_is_known_to_name_a_resource_or_not() -> None:
    names = {choice.name for choice in CHOICES}
    assert names == REACHED | UNREACHED.keys(), (
        f"{sorted(names ^ (REACHED | UNREACHED.keys()))}: if it names what a role has to reach, a "
        "grant has to follow it; show that here"
    )


@pytest.mark.parametrize(
    "image",
    [
        "mirror/python:3.11",
        "mirror/python",
        "mirror/python@sha256:" + "0a" * 32,
        "mirror/python:3.11@sha256:" + "0a" * 32,
        "python:3",
        "a/b/c/python:3",
    ],
)
def test_a_base_image_of_the_account_may_be_pulled_and_no_other(
    texts: dict[str, str], region: str, image: str
) -> None:
    at = deploy(region, texts, BaseImage=f"{registry(region)}/{image}")
    repository = re.split("[:@]", image)[0]
    assert may_pull(at, repository)
    assert not may_pull(at, repository + "-of-another")
    assert not may_pull(at, "another")


@pytest.mark.parametrize(
    "image",
    [
        "public.ecr.aws/docker/library/python:3.11-slim-bookworm",
        "python:3.11",
        "444455556666.dkr.ecr.{region}.{suffix}/mirror/python:3.11",
        f"{ACCOUNT}.dkr.ecr.ap-south-1.{{suffix}}/mirror/python:3.11",
    ],
)
def test_a_base_image_from_elsewhere_brings_no_grant(
    texts: dict[str, str], region: str, image: str
) -> None:
    named = image.format(region=region, suffix=suffix(region))
    at = deploy(region, texts, BaseImage=named)
    assert not may_pull(at, "mirror/python")


def may_pull(at: Deployed, repository: str) -> bool:
    """Both calls of a docker pull; one that is allowed alone would be worse than none."""
    verdicts = {
        at.allows(Call("ImageBuildRole", action, at.arn("ecr", f"repository/{repository}")))
        for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
    }
    assert len(verdicts) == 1
    return verdicts.pop()


def test_the_first_data_may_be_read_wherever_it_lies(texts: dict[str, str], region: str) -> None:
    at = deploy(region, texts, BootstrapBucket="company-data", SeedDataPrefix="ml/first/")
    bucket = f"arn:{at.partition}:s3:::company-data"

    def may_read(key: str) -> bool:
        return at.allows(Call("TrainingWorkflowRole", "s3:GetObject", f"{bucket}/{key}"))

    assert may_read("ml/first/train.tfrecords")
    assert not may_read("seed/data/train.tfrecords")


def test_a_project_of_another_name_reaches_its_own(texts: dict[str, str], region: str) -> None:
    at = deploy(region, texts, ProjectName="fraud")
    name = "fraud-1a2b3c4d-0123456789ab-cafe1234"
    for kind, who, action in (
        ("model", "DeploymentWorkflowRole", "sagemaker:CreateModel"),
        ("training-job", "TrainingWorkflowRole", "sagemaker:CreateTrainingJob"),
    ):
        own, other = (at.arn("sagemaker", f"{kind}/{each}") for each in (name, f"x{name}"))
        assert at.allows(Call(who, action, own))
        assert not at.allows(Call(who, action, other))


def test_requests_may_be_kept_only_where_capture_is_on(texts: dict[str, str], region: str) -> None:
    for percent in ("0", "1", "100"):
        at = deploy(region, texts, CapturePercent=percent)
        kept = at.under("ArtifactBucket", "capture/mlops/AllTraffic/2026/11/28/10/x.jsonl")
        assert at.allows(Call("HostingRole", "s3:PutObject", kept)) == (percent != "0")
