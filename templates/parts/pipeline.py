"""The pipeline: Source, Test, Build, Train. A stage that fails ends the run; the endpoint stays as
it was."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from awacs import codebuild, codecommit, kms, s3
from awacs import states as stepfunctions
from awacs.aws import Statement
from troposphere import AWSObject, If, Template
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
    VariableDeclaration,
)
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import read_artifacts, see_key, use_key, write_objects
from templates.kit.iam import allow, arn, objects, policy, service_role
from templates.parameters import Parameters
from templates.parts.build import BUILD, EXECUTION, SOURCE, Builds
from templates.parts.source import CHECK_OUT, PUSHER, UNSAID, Source
from templates.parts.storage import Storage


@dataclass(frozen=True)
class StageAction:
    """A stage of one action: the artifacts that it takes and gives, and what the pipeline needs to
    run it. `tells` says that what it runs tells of its own failures."""

    name: str
    category: str
    provider: str
    configuration: dict[str, object]
    grants: Sequence[Statement]
    takes: Sequence[str] = ()
    gives: Sequence[str] = ()
    tells: bool = False


@dataclass(frozen=True)
class OneOf:
    """A stage that is one action under a condition of the template, and else another."""

    condition: str
    action: StageAction
    otherwise: StageAction


Stage: TypeAlias = StageAction | OneOf


def plan_stages(
    parameters: Parameters,
    source: Source,
    builds: Builds,
    workflow: StateMachine,
    training_build: Project,
) -> list[Stage]:
    """What a push goes through.

    CodePipeline has no Step Functions action in China (Step Functions integration, CodePipeline
    User Guide), so that there a build starts the workflow and waits for it.
    """
    return [
        _check_out(parameters, source),
        _build("Test", builds.test, takes=[SOURCE], category="Test"),
        _build(
            "Build",
            builds.image,
            takes=[SOURCE],
            gives=[BUILD],
            told={EXECUTION: "#{codepipeline.PipelineExecutionId}"},
        ),
        OneOf(
            parameters.in_china,
            _build("Train", training_build, takes=[BUILD], tells=True),
            _train(workflow),
        ),
    ]


def named(stages: Iterable[Stage], *, tells: bool) -> list[str]:
    """The stages that tell of their own failures, or those whose failure somebody else has to
    tell."""
    names = [stage.name for both in stages for stage in _both(both) if stage.tells == tells]
    return list(dict.fromkeys(names))


def add_pipeline(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    stages: Sequence[Stage],
    after: Iterable[AWSObject],
) -> Pipeline:
    """Runs wait for each other (QUEUED): nothing pushed is lost, and no two meet at the endpoint.

    The first run begins as soon as the pipeline exists, and what it leaves in the bucket would fail
    the rollback of a stack that fails later. So the pipeline is created `after` what it does not
    refer to itself; not after the notebook, which is there under a condition only.
    """
    refuse_lost_artifacts(stages)
    always = [stage for stage in stages if isinstance(stage, StageAction)]
    either = [stage for stage in stages if isinstance(stage, OneOf)]
    role = template.add_resource(
        service_role(
            "PipelineRole",
            "What the pipeline may do",
            "codepipeline",
            None,
            [
                *_keep_artifacts(storage),
                *(grant for action in always for grant in action.grants),
            ],
            more=[
                If(
                    stage.condition,
                    policy(stage.action.name, stage.action.grants),
                    policy(stage.otherwise.name, stage.otherwise.grants),
                )
                for stage in either
            ],
        )
    )
    return template.add_resource(
        Pipeline(
            "Pipeline",
            DependsOn=[resource.title for resource in after],
            Name=parameters.project_name.ref(),
            PipelineType="V2",
            ExecutionMode="QUEUED",
            RoleArn=role.get_att("Arn"),
            ArtifactStore=ArtifactStore(
                Type="S3",
                Location=storage.artifacts.ref(),
                EncryptionKey=EncryptionKey(Type="KMS", Id=storage.key.get_att("Arn")),
            ),
            Variables=_variables(),
            Stages=[_stage(stage) for stage in stages],
        )
    )


def _variables() -> list[VariableDeclaration]:
    """What a start may say. A variable without a default would have to be in each start, and a
    value has a character at least (Variables reference, CodePipeline User Guide).

    The build that needs them asks the pipeline: in an action's configuration, which is JSON, a
    person's quotation marks would end the text that they stand in.
    """
    said = {
        "FORCE": "Why the model is to be deployed although it is not good enough",
        PUSHER: "Who pushed the commit: the rule that a push starts the pipeline by says so",
    }
    return [
        VariableDeclaration(Name=name, DefaultValue=UNSAID, Description=description)
        for name, description in said.items()
    ]


# ---- the stages


def _check_out(parameters: Parameters, source: Source) -> StageAction:
    actions = [
        codecommit.GetBranch,
        codecommit.GetCommit,
        codecommit.UploadArchive,
        codecommit.GetUploadArchiveStatus,
        codecommit.CancelUploadArchive,
    ]
    return StageAction(
        CHECK_OUT,
        "Source",
        "CodeCommit",
        {
            "RepositoryName": source.repository.get_att("Name"),
            "BranchName": parameters.branch_name.ref(),
            # An EventBridge rule starts the pipeline, see source.py
            "PollForSourceChanges": "false",
        },
        grants=[allow("CheckOut", actions, [source.repository.get_att("Arn")])],
        gives=[SOURCE],
    )


def _build(
    name: str,
    project: Project,
    *,
    takes: Sequence[str],
    gives: Sequence[str] = (),
    category: str = "Build",
    tells: bool = False,
    told: Mapping[str, str] | None = None,
) -> StageAction:
    """`told` are environment variables that only the execution knows."""
    actions = [codebuild.StartBuild, codebuild.BatchGetBuilds]
    variables = [{"name": name, "value": value} for name, value in (told or {}).items()]
    return StageAction(
        name,
        category,
        "CodeBuild",
        {
            "ProjectName": project.ref(),
            **({"EnvironmentVariables": json.dumps(variables)} if variables else {}),
        },
        grants=[allow(f"Run{project.title}", actions, [project.get_att("Arn")])],
        takes=takes,
        gives=gives,
        tells=tells,
    )


def _train(workflow: StateMachine) -> StageAction:
    """The action waits for the execution, so its verdict is the stage's verdict."""
    start = [stepfunctions.StartExecution, stepfunctions.DescribeStateMachine]
    executions = arn("states", "execution:${Workflow}:*", Workflow=workflow.get_att("Name"))
    return StageAction(
        "Train",
        "Invoke",
        "StepFunctions",
        {
            "StateMachineArn": workflow.ref(),
            "InputType": "FilePath",
            "Input": "workflow.json",
        },
        grants=[
            allow("StartTrainingWorkflow", start, [workflow.ref()]),
            allow("FollowTrainingWorkflow", [stepfunctions.DescribeExecution], [executions]),
        ],
        takes=[BUILD],
        tells=True,
    )


# ---- what any stage becomes


def _keep_artifacts(storage: Storage) -> list[Statement]:
    folder = objects(storage.artifacts, "${ProjectName}/")
    find = [s3.GetBucketAcl, s3.GetBucketLocation, s3.GetBucketVersioning]
    return [
        *read_artifacts(folder),
        *write_objects("WriteArtifacts", folder),
        allow("FindArtifacts", find, [storage.artifacts.get_att("Arn")]),
        *use_key("UseKeyForArtifacts", storage.key, "s3", kms.Decrypt, kms.GenerateDataKey),
        *see_key(storage.key),
    ]


def _both(stage: Stage) -> list[StageAction]:
    return [stage] if isinstance(stage, StageAction) else [stage.action, stage.otherwise]


def refuse_lost_artifacts(stages: Iterable[Stage]) -> None:
    """An action takes what a stage before it gives, under either condition."""
    given: set[str] = set()
    for stage in stages:
        for action in _both(stage):
            if lost := sorted(set(action.takes) - given):
                raise ValueError(
                    f"stage {action.name} takes {lost[0]}, which no stage before it gives: put it "
                    f"below the one that does, or let one of them give it ({sorted(given)} are)"
                )
        given |= set.intersection(*(set(action.gives) for action in _both(stage)))


def _stage(stage: Stage) -> Stages | If:
    if isinstance(stage, OneOf):
        return If(stage.condition, _stage(stage.action), _stage(stage.otherwise))
    action = Actions(
        Name=stage.name,
        ActionTypeId=ActionTypeId(
            Category=stage.category, Owner="AWS", Provider=stage.provider, Version="1"
        ),
        Configuration=stage.configuration,
    )
    if stage.takes:
        action.InputArtifacts = [InputArtifacts(Name=name) for name in stage.takes]
    if stage.gives:
        action.OutputArtifacts = [OutputArtifacts(Name=name) for name in stage.gives]
    return Stages(Name=stage.name, Actions=[action])
