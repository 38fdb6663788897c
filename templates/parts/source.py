"""Where the model's code lives, and how a push starts the pipeline."""

from dataclasses import dataclass

from awacs import codepipeline
from troposphere import Retain, RetainExceptOnCreate, Sub, Template
from troposphere.codecommit import S3, Code, Repository
from troposphere.events import InputTransformer, Rule, Target

from templates.kit.iam import allow, arn, service_role
from templates.kit.render import pretty
from templates.parameters import Parameters
from templates.parts.undelivered import Undelivered

# The pipeline's action that fetches the commit; its variable for who pushed it, and what a variable
# is where nobody said anything (pipeline.py)
CHECK_OUT, PUSHER, UNSAID = "Source", "PUSHER", "-"
# Quotation marks stay around what is filled in. A variable has no empty value: a push is not lost
# because its event does not name who pushed
_START = {
    "sourceRevisions": [
        {"actionName": CHECK_OUT, "revisionType": "COMMIT_ID", "revisionValue": "<commit>"}
    ],
    "variables": [{"name": PUSHER, "value": f"{UNSAID}<pusher>"}],
}


@dataclass(frozen=True)
class Source:
    repository: Repository


def add_source(template: Template, parameters: Parameters) -> Source:
    """A repository with a first commit: without one the pipeline's first run would fail.

    `Code` is read at creation only (AWS::CodeCommit::Repository, CloudFormation User Guide), so a
    later upload never overwrites what was pushed.
    """
    repository = template.add_resource(
        Repository(
            "CodeRepository",
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
            RepositoryName=parameters.project_name.ref(),
            RepositoryDescription="The container that trains and serves the model",
            Code=Code(
                BranchName=parameters.branch_name.ref(),
                S3=S3(
                    Bucket=parameters.bootstrap_bucket.ref(),
                    Key=parameters.code_key.ref(),
                ),
            ),
        )
    )
    return Source(repository=repository)


def add_push_trigger(
    template: Template, parameters: Parameters, source: Source, undelivered: Undelivered
) -> Rule:
    """Start the pipeline on a push to the branch, and on no other.

    V2 git triggers work for Connections only, so CodeCommit keeps an EventBridge rule (CodeCommit
    source actions and EventBridge, CodePipeline User Guide). The rule has a name, for its role to
    trust.

    What it hands on is the request that starts the pipeline: the commit that was pushed, which the
    branch may have left behind when its turn comes, and who pushed it (Create an EventBridge rule
    for a CodeCommit source, there; events of CodeCommit: Monitoring CodeCommit events in Amazon
    EventBridge, CodeCommit User Guide).
    """
    # By name: the trigger is there before the pipeline is
    pipeline_arn = arn("codepipeline", "${ProjectName}")
    start = allow("StartPipeline", [codepipeline.StartPipelineExecution], [pipeline_arn])
    role = template.add_resource(
        service_role(
            "PushTriggerRole",
            "Lets a push start the pipeline",
            "events",
            arn("events", "rule/${ProjectName}-push"),
            [start],
        )
    )
    return template.add_resource(
        Rule(
            "PushTrigger",
            Name=Sub("${ProjectName}-push"),
            Description="A push to the branch starts the pipeline",
            EventPattern={
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [source.repository.get_att("Arn")],
                "detail": {
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "referenceName": [parameters.branch_name.ref()],
                },
            },
            State="ENABLED",
            Targets=[
                Target(
                    Id="Pipeline",
                    Arn=pipeline_arn,
                    RoleArn=role.get_att("Arn"),
                    DeadLetterConfig=undelivered.of_rule(),
                    InputTransformer=InputTransformer(
                        InputPathsMap={
                            "commit": "$.detail.commitId",
                            "pusher": "$.detail.callerUserArn",
                        },
                        InputTemplate=pretty(_START),
                    ),
                )
            ],
        )
    )
