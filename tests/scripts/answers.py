"""What AWS answers about a stack and a pipeline, and what a job writes to its log."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.stub import Stubber

from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/mlops/0a1b2c3d-0000"
RUN = "11111111-1111-1111-1111-111111111111"
EARLIER = "00000000-1111-1111-1111-111111111111"
START = datetime(2026, 1, 1, tzinfo=UTC)
MISSING = ("ValidationError", "Stack with id mlops does not exist")


def described(status: str, **more: Any) -> dict[str, Any]:
    """A stack, as DescribeStacks tells of it."""
    stack = {"StackName": "mlops", "StackId": STACK_ID, "CreationTime": START}
    return {"Stacks": [{**stack, "StackStatus": status, **more}]}


def outputs(stub: Mapping[str, Stubber], known: Mapping[str, str]) -> None:
    """A stack that stands, with these outputs."""
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in known.items()]
    answer = described("CREATE_COMPLETE", Outputs=listed)
    stub["cloudformation"].add_response("describe_stacks", answer)


def event(
    number: int, name: str, status: str, reason: str = "", own: bool = False
) -> dict[str, Any]:
    """A resource's event in the stack's life, or one of the stack's own."""
    return {
        "StackId": STACK_ID,
        "StackName": "mlops",
        "EventId": str(number),
        "Timestamp": START,
        "LogicalResourceId": name,
        "PhysicalResourceId": STACK_ID if own else name,
        "ResourceType": "AWS::CloudFormation::Stack" if own else "AWS::KMS::Key",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def action(
    stage: str, status: str, provider: str, external: str = "", minute: int = 0
) -> dict[str, Any]:
    """One action of the pipeline, begun some minutes after START."""
    return {
        "stageName": stage,
        "actionName": stage,
        "status": status,
        "startTime": START + timedelta(minutes=minute),
        "lastUpdateTime": START + timedelta(minutes=minute, seconds=42),
        "input": {
            "actionTypeId": {
                "category": "Build",
                "owner": "AWS",
                "provider": provider,
                "version": "1",
            }
        },
        "output": {"executionResult": {"externalExecutionId": external}},
    }


def look(stub: dict[str, Stubber], status: str, *actions: dict[str, Any]) -> None:
    """One poll: the execution's status, then its actions, newest first."""
    stub["codepipeline"].add_response(
        "get_pipeline_execution", {"pipelineExecution": {"status": status}}
    )
    stub["codepipeline"].add_response(
        "list_action_executions",
        {"actionExecutionDetails": list(reversed(actions))},
        {"pipelineName": "mlops", "filter": {"pipelineExecutionId": RUN}},
    )


def in_turn(stub: dict[str, Stubber], *runs: str) -> None:
    """The pipeline's runs, newest first, none of which has ended."""
    summaries = [
        {
            "pipelineExecutionId": one,
            "status": "InProgress",
            "sourceRevisions": [
                {"actionName": "Source", "revisionId": "c0ffee", "revisionSummary": one[:4]}
            ],
        }
        for one in runs
    ]
    stub["codepipeline"].add_response(
        "list_pipeline_executions", {"pipelineExecutionSummaries": summaries}
    )


def write_log(clients: Clients, group: str, stream: str, *lines: str) -> None:
    """Lines of now: a log refuses what is too old."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    events: list[InputLogEventTypeDef] = [{"timestamp": now, "message": one} for one in lines]
    clients.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
