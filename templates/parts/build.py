"""What runs on CodeBuild: the tests, the images, and where it must, the training workflow.

The build specifications come from buildspec/ into the template, so that a push to the model's
repository cannot change what the privileged build runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awacs import codebuild, codepipeline, kms, s3, states
from awacs.aws import Action, Statement
from troposphere import If, NoValue, Select, Split, Sub, Template
from troposphere.codebuild import (
    Artifacts,
    CloudWatchLogs,
    Environment,
    EnvironmentVariable,
    LogsConfig,
    Project,
    ReportExportConfig,
    ReportGroup,
)
from troposphere.codebuild import Source as BuildSource
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import (
    pull_images,
    push_images,
    read_artifacts,
    see_key,
    use_key,
    write_log_group,
    write_objects,
)
from templates.kit.iam import allow, arn, objects, policy, service_role
from templates.kit.logs import add_log_group
from templates.parameters import Parameters
from templates.parts.registry import Registry
from templates.parts.storage import Storage

# What the pipeline hands from stage to stage
SOURCE, BUILD = "SourceOutput", "BuildOutput"
# The environment variable by which a build knows the execution of the pipeline that it is of
EXECUTION = "PIPELINE_EXECUTION"

# Amazon Linux 2023, in every region (Docker images provided by CodeBuild)
_BUILD_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"


@dataclass(frozen=True)
class Builds:
    test: Project
    image: Project


def add_builds(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    specifications: Mapping[str, str],
) -> Builds:
    """The two builds of every pipeline run; `specifications` maps a name to its buildspec."""
    reports = template.add_resource(
        ReportGroup(
            "TestReports",
            Name=Sub("${ProjectName}-test-unit"),
            Type="TEST",
            DeleteReports=True,
            ExportConfig=ReportExportConfig(ExportConfigType="NO_EXPORT"),
        )
    )
    test = _add_project(
        template,
        "Test",
        "Runs the unit tests of the model's code",
        specifications["test"],
        parameters,
        storage,
        variables={"PIP_INDEX_URL": parameters.pip_index_url.ref()},
        takes=SOURCE,
        grants=_write_reports(reports),
        minutes=30,
    )
    image = _add_project(
        template,
        "Image",
        "Builds the images of a commit and pushes them",
        specifications["image"],
        parameters,
        storage,
        variables={
            "REPOSITORY_NAME": registry.repository.ref(),
            "REPOSITORY_URI": registry.repository.get_att("RepositoryUri"),
            "BASE_IMAGE": parameters.base_image.ref(),
            "PIP_INDEX_URL": parameters.pip_index_url.ref(),
            "PIPELINE": parameters.project_name.ref(),
        },
        takes=SOURCE,
        gives=BUILD,
        grants=[*push_images(registry.repository), *_see_executions()],
        more=[
            If(
                parameters.base_image_here,
                policy("BaseImage", _pull_base_image(parameters)),
                NoValue,
            )
        ],
        minutes=60,
        privileged=True,  # docker build needs it; this role can push images and little else
    )
    return Builds(test=test, image=image)


def add_training_build(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    workflow: StateMachine,
    specification: str,
) -> Project:
    """The build that starts the workflow and waits for it, in China only."""
    executions = arn("states", "execution:${Workflow}:*", Workflow=workflow.get_att("Name"))
    follow = [states.DescribeExecution, states.GetExecutionHistory, states.StopExecution]
    return _add_project(
        template,
        "Train",
        "Runs the training workflow and takes its verdict",
        specification,
        parameters,
        storage,
        variables={"TRAINING_WORKFLOW": workflow.ref()},
        takes=BUILD,
        grants=[
            allow("StartWorkflow", [states.StartExecution], [workflow.ref()]),
            allow("FollowWorkflow", follow, [executions]),
        ],
        minutes=36 * 60,  # the longest that CodeBuild allows
        condition=parameters.in_china,
    )


def _add_project(
    template: Template,
    title: str,
    description: str,
    specification: str,
    parameters: Parameters,
    storage: Storage,
    variables: Mapping[str, Any],
    takes: str,
    grants: list[Statement],
    minutes: int,
    gives: str = "",
    more: Sequence[If] = (),
    privileged: bool = False,
    condition: str | None = None,
) -> Project:
    """A build of the pipeline, which `takes` an artifact, and `gives` one or none. `grants` and
    `more` are what its commands need."""
    actions: list[Action] = [kms.Decrypt]
    if gives:
        grants = [*write_objects("WriteArtifacts", _artifact(storage, gives)), *grants]
        actions.append(kms.GenerateDataKey)
    name = f"${{ProjectName}}-{title.lower()}"
    logs = add_log_group(
        template, f"{title}BuildLogs", f"/aws/codebuild/{name}", parameters, storage.key, condition
    )
    role = template.add_resource(
        service_role(
            f"{title}BuildRole",
            description,
            "codebuild",
            arn("codebuild", f"project/{name}"),
            [
                *write_log_group(logs),
                *read_artifacts(_artifact(storage, takes)),
                # CodeBuild looks at whose the bucket is (Allow CodeBuild to interact with other AWS
                # services, CodeBuild User Guide)
                allow(
                    "FindArtifacts",
                    [s3.GetBucketAcl, s3.GetBucketLocation],
                    [storage.artifacts.get_att("Arn")],
                ),
                *use_key("UseKeyForArtifacts", storage.key, "s3", *actions),
                *see_key(storage.key),
                *grants,
            ],
            condition,
            more,
        )
    )
    project = Project(
        f"{title}Build",
        Name=Sub(name),
        Description=description,
        ServiceRole=role.get_att("Arn"),
        EncryptionKey=storage.key.get_att("Arn"),
        Source=BuildSource(Type="CODEPIPELINE", BuildSpec=specification),
        Artifacts=Artifacts(Type="CODEPIPELINE"),
        Environment=Environment(
            Type="LINUX_CONTAINER",
            ComputeType="BUILD_GENERAL1_MEDIUM",
            Image=_BUILD_IMAGE,
            PrivilegedMode=privileged,
            EnvironmentVariables=[
                EnvironmentVariable(Name=key, Value=value) for key, value in variables.items()
            ],
        ),
        LogsConfig=LogsConfig(
            CloudWatchLogs=CloudWatchLogs(Status="ENABLED", GroupName=logs.ref())
        ),
        TimeoutInMinutes=minutes,
        QueuedTimeoutInMinutes=60,
    )
    if condition:
        project.Condition = condition
    return template.add_resource(project)


def _artifact(storage: Storage, name: str) -> Sub:
    """Where the pipeline keeps an artifact. CodePipeline cuts its name to ten characters, as in the
    key `myPipeline/SourceArti/…` of its events (Monitoring CodePipeline events)."""
    return objects(storage.artifacts, f"${{ProjectName}}/{name[:10]}")


def _see_executions() -> list[Statement]:
    """Who started the pipeline, and what was said then. A build that begins with the pipeline
    cannot refer to it."""
    return [
        allow(
            "SeePipelineExecutions",
            [codepipeline.GetPipelineExecution],
            [arn("codepipeline", "${ProjectName}")],
        )
    ]


def _write_reports(reports: ReportGroup) -> list[Statement]:
    """Working with test report permissions (CodeBuild User Guide)."""
    actions = [
        codebuild.BatchPutTestCases,
        codebuild.CreateReport,
        codebuild.CreateReportGroup,
        codebuild.UpdateReport,
    ]
    return [allow("WriteReports", actions, [reports.get_att("Arn")])]


def _pull_base_image(parameters: Parameters) -> list[Statement]:
    """Pull the base image that lies in the account's own registry
    (ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG or NAME@DIGEST)."""
    image = parameters.base_image.ref()
    # A delimiter is plain text, and the registry's name ends otherwise in China
    parts = If(
        parameters.in_china, Split(".amazonaws.com.cn/", image), Split(".amazonaws.com/", image)
    )
    untagged = Select(0, Split(":", Select(1, parts)))
    name = Select(0, Split("@", untagged))
    return pull_images("PullBaseImage", arn("ecr", "repository/${Name}", Name=name))
