"""The pipeline: Source, Test, Build, Train. A stage that fails ends the run; the endpoint stays as
it was."""

from dataclasses import dataclass

from awacs import codebuild, codecommit, s3
from awacs import states as stepfunctions
from awacs.aws import Statement
from troposphere import If, Template
from troposphere.codebuild import Project
from troposphere.codepipeline import (
    Actions,
    ActionTypeId,
    ArtifactStore,
    EncryptionKey,
    InputArtifacts,
    OutputArtifacts,
    Pipeline,
    Stages,
)
from troposphere.stepfunctions import StateMachine

from templates.build import Builds
from templates.grants import read_objects, see_key, use_key, write_objects
from templates.iam import add_role, allow, arn, objects, policy
from templates.parameters import Parameters
from templates.source import Source
from templates.storage import Storage

_SOURCE, _BUILD = "SourceOutput", "BuildOutput"


@dataclass(frozen=True)
class Step:
    """A stage of one action, and what the pipeline needs to run it."""

    stage: Stages
    grant: Statement


def add_pipeline(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    source: Source,
    builds: Builds,
    workflow: StateMachine,
    training_build: Project,
) -> Pipeline:
    """Runs wait for each other (QUEUED): nothing pushed is lost, and no two meet at the endpoint.

    CodePipeline has no Step Functions action in China (Step Functions integration, CodePipeline
    User Guide), so that there a build starts the workflow and waits for it.
    """
    first = [
        _checkout(parameters, source),
        _build("Test", builds.test, _SOURCE),
        _build("Build", builds.image, _SOURCE, _BUILD),
    ]
    in_china = _build("Train", training_build, _BUILD)
    elsewhere = _train(workflow)
    role = add_role(
        template,
        "PipelineRole",
        "What the pipeline may do",
        "codepipeline",
        None,
        [
            *read_objects("ReadArtifacts", objects(storage.artifacts, "${ProjectName}/")),
            *write_objects("WriteArtifacts", storage.artifacts, "${ProjectName}/"),
            allow(
                "FindArtifacts",
                [s3.GetBucketAcl, s3.GetBucketLocation, s3.GetBucketVersioning],
                [storage.artifacts.get_att("Arn")],
            ),
            *use_key("UseKeyForArtifacts", storage.key, "s3"),
            *see_key(storage.key),
            *(step.grant for step in first),
        ],
        more=[
            If(
                parameters.in_china,
                policy("Train", [in_china.grant]),
                policy("Train", [elsewhere.grant]),
            )
        ],
    )
    return template.add_resource(
        Pipeline(
            "Pipeline",
            Name=parameters.project_name.ref(),
            PipelineType="V2",
            ExecutionMode="QUEUED",
            RoleArn=role.get_att("Arn"),
            ArtifactStore=ArtifactStore(
                Type="S3",
                Location=storage.artifacts.ref(),
                EncryptionKey=EncryptionKey(Type="KMS", Id=storage.key.get_att("Arn")),
            ),
            Stages=[
                *(step.stage for step in first),
                If(parameters.in_china, in_china.stage, elsewhere.stage),
            ],
        )
    )


def _checkout(parameters: Parameters, source: Source) -> Step:
    actions = [
        codecommit.GetBranch,
        codecommit.GetCommit,
        codecommit.UploadArchive,
        codecommit.GetUploadArchiveStatus,
        codecommit.CancelUploadArchive,
    ]
    stage = _stage(
        "Source",
        ("Source", "CodeCommit"),
        {
            "RepositoryName": source.repository.get_att("Name"),
            "BranchName": parameters.branch_name.ref(),
            # An EventBridge rule starts the pipeline, see source.py
            "PollForSourceChanges": "false",
        },
        output=_SOURCE,
    )
    return Step(stage, allow("CheckOut", actions, [source.repository.get_att("Arn")]))


def _build(name: str, project: Project, takes: str, gives: str | None = None) -> Step:
    stage = _stage(
        name,
        ("Test" if name == "Test" else "Build", "CodeBuild"),
        {"ProjectName": project.ref()},
        takes,
        gives,
    )
    actions = [codebuild.StartBuild, codebuild.BatchGetBuilds]
    return Step(stage, allow(f"Run{project.title}", actions, [project.get_att("Arn")]))


def _train(workflow: StateMachine) -> Step:
    """The action waits for the execution, so its verdict is the stage's verdict."""
    stage = _stage(
        "Train",
        ("Invoke", "StepFunctions"),
        {
            "StateMachineArn": workflow.ref(),
            "InputType": "FilePath",
            "Input": "workflow.json",
        },
        _BUILD,
    )
    actions = [
        stepfunctions.StartExecution,
        stepfunctions.DescribeStateMachine,
        stepfunctions.DescribeExecution,
    ]
    executions = arn("states", "execution:${Workflow}:*", Workflow=workflow.get_att("Name"))
    return Step(stage, allow("RunTrainingWorkflow", actions, [workflow.ref(), executions]))


def _stage(
    name: str,
    kind: tuple[str, str],
    configuration: dict[str, object],
    takes: str | None = None,
    output: str | None = None,
) -> Stages:
    category, provider = kind
    action = Actions(
        Name=name,
        ActionTypeId=ActionTypeId(Category=category, Owner="AWS", Provider=provider, Version="1"),
        Configuration=configuration,
    )
    if takes:
        action.InputArtifacts = [InputArtifacts(Name=takes)]
    if output:
        action.OutputArtifacts = [OutputArtifacts(Name=output)]
    return Stages(Name=name, Actions=[action])
