"""What runs is found whatever its kind and however long the list, and is stopped once."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import destroy
from scripts.lib.console import Console
from scripts.lib.inventory import JOBS, Inventory, StackRecord
from scripts.lib.session import Clients
from scripts.lib.stacks import Held
from scripts.lib.work import Work, running
from tests.scripts.conftest import Stubs

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/mine/0a1b2c3d-1111-2222"
PREFIX = "mlops-0a1b2c3d"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-training"
HELD = [
    Held("Pipeline", "AWS::CodePipeline::Pipeline", "mlops", "CREATE_COMPLETE"),
    Held("TestBuild", "AWS::CodeBuild::Project", "mlops-test", "CREATE_COMPLETE"),
    Held("TrainingWorkflow", "AWS::StepFunctions::StateMachine", MACHINE, "CREATE_COMPLETE"),
]
RECORD = StackRecord(STACK_ID, "mlops", HELD, True)


def pages(stub: Stubs, service: str, operation: str, items: str, *rows: list[Any]) -> None:
    """A listing in as many pages as there are lists of rows."""
    token = "NextToken" if service == "sagemaker" else "nextToken"
    for number, each in enumerate(rows, 1):
        more = {token: str(number)} if number < len(rows) else {}
        stub[service].add_response(operation, {items: each, **more})


def run(number: int, status: str) -> dict[str, Any]:
    name = f"{number:08}-1111-1111-1111-111111111111"
    return {"pipelineExecutionId": name, "status": status}


def build(number: int, status: str) -> dict[str, Any]:
    return {"id": f"mlops-test:{number}", "buildStatus": status}


def execution(number: int) -> dict[str, Any]:
    arn = f"arn:aws:states:eu-west-1:123456789012:execution:mlops-training:{number}"
    return {
        "executionArn": arn,
        "stateMachineArn": MACHINE,
        "name": str(number),
        "status": "RUNNING",
        "startDate": 1,
    }


def call(kind: str) -> str:
    """How the operations name a kind of job."""
    return "hyper_parameter_tuning" if kind == "HyperParameterTuning" else kind.lower()


def begins(kind: str) -> str:
    """The name of a tuning job is too short for the project's."""
    return "0a1b2c3d" if kind == "HyperParameterTuning" else PREFIX


def job(kind: str, name: str, status: str = "InProgress") -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:{kind.lower()}-job/{name}"
    fields = {"Name": name, "Arn": arn, "Status": status}
    more: dict[str, Any] = {f"{kind}Job{field}": value for field, value in fields.items()}
    if kind == "HyperParameterTuning":
        more |= {"Strategy": "Random", "TrainingJobStatusCounters": {}}
        more |= {"ObjectiveStatusCounters": {}}
    return {"CreationTime": 1, **more}


def nothing_runs(stub: Stubs) -> None:
    pages(stub, "codepipeline", "list_pipeline_executions", "pipelineExecutionSummaries", [])
    stub["codebuild"].add_response("list_builds_for_project", {})
    pages(stub, "stepfunctions", "list_executions", "executions", [])
    no_jobs(stub)


def no_jobs(stub: Stubs) -> None:
    for kind in JOBS:
        for _ in range(2):
            pages(stub, "sagemaker", f"list_{call(kind)}_jobs", f"{kind}JobSummaries", [])


def test_work_of_each_kind_is_found_past_the_first_page(clients: Clients, stub: Stubs) -> None:
    ended = [run(number, "Succeeded") for number in range(3)]
    waiting = [run(number, "InProgress") for number in range(3, 5)]
    operation, items = "list_pipeline_executions", "pipelineExecutionSummaries"
    pages(stub, "codepipeline", operation, items, ended, waiting)
    for number, status in ((1, "SUCCEEDED"), (2, "IN_PROGRESS")):
        more = {"nextToken": "2"} if number == 1 else {}
        stub["codebuild"].add_response(
            "list_builds_for_project", {"ids": [f"mlops-test:{number}"], **more}
        )
        stub["codebuild"].add_response("batch_get_builds", {"builds": [build(number, status)]})
    operation = "list_executions"
    pages(stub, "stepfunctions", operation, "executions", [execution(1)], [execution(2)])
    for kind in JOBS:
        mine = [job(kind, f"{begins(kind)}-0123-{number}") for number in range(2)]
        others = [job(kind, f"other-{begins(kind)}-0123")]
        operation, items = f"list_{call(kind)}_jobs", f"{kind}JobSummaries"
        pages(stub, "sagemaker", operation, items, [*others, mine[0]], [mine[1]])
        pages(stub, "sagemaker", operation, items, [])
    assert [str(one) for one in running(clients, RECORD)] == [
        *(f"pipeline execution {number:08}-1111-1111-1111-111111111111" for number in (3, 4)),
        "build mlops-test:2",
        *(f"workflow execution {number}" for number in (1, 2)),
        *(f"tuning job 0a1b2c3d-0123-{number}" for number in (0, 1)),
        *(f"{kind.lower()} job {PREFIX}-0123-{number}" for kind in JOBS[1:] for number in (0, 1)),
    ]


def test_no_page_is_read_of_what_has_ended_by_now(clients: Clients, stub: Stubs) -> None:
    """Each listing says that there is more, and is not asked for it."""
    long_ago = datetime.now(UTC) - timedelta(days=70)
    first = [run(1, "InProgress"), run(2, "Succeeded") | {"startTime": long_ago}]
    second = [run(3, "Succeeded") | {"startTime": long_ago}]
    for token, runs in (("2", first), ("3", second)):
        stub["codepipeline"].add_response(
            "list_pipeline_executions", {"pipelineExecutionSummaries": runs, "nextToken": token}
        )
    builds = [build(1, "IN_PROGRESS"), build(2, "SUCCEEDED") | {"startTime": long_ago}]
    ids = [one["id"] for one in builds]
    stub["codebuild"].add_response("list_builds_for_project", {"ids": ids, "nextToken": "2"})
    stub["codebuild"].add_response("batch_get_builds", {"builds": builds})
    pages(stub, "stepfunctions", "list_executions", "executions", [])
    no_jobs(stub)
    assert [one.kind for one in running(clients, RECORD)] == ["pipeline execution", "build"]


def test_an_execution_lasts_longer_than_one_of_its_actions(clients: Clients, stub: Stubs) -> None:
    long_ago = {"startTime": datetime.now(UTC) - timedelta(days=70)}
    operation, items = "list_pipeline_executions", "pipelineExecutionSummaries"
    both = [[run(number, "InProgress") | long_ago] for number in (1, 2)]
    pages(stub, "codepipeline", operation, items, *both)
    stub["codebuild"].add_response("list_builds_for_project", {})
    pages(stub, "stepfunctions", "list_executions", "executions", [])
    no_jobs(stub)
    assert len(running(clients, RECORD)) == 2


def test_what_is_stopped_is_waited_for_and_not_stopped_again(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    codebuild = stub["codebuild"]
    for look in range(2):
        pages(stub, "codepipeline", "list_pipeline_executions", "pipelineExecutionSummaries", [])
        codebuild.add_response("list_builds_for_project", {"ids": ["mlops-test:1"]})
        codebuild.add_response("batch_get_builds", {"builds": [build(1, "IN_PROGRESS")]})
        pages(stub, "stepfunctions", "list_executions", "executions", [])
        no_jobs(stub)
        if look == 0:
            codebuild.add_response("stop_build", {}, {"id": "mlops-test:1"})
    nothing_runs(stub)
    destroy.stop_work(clients, Inventory(records=[RECORD]), console)
    assert page.getvalue().count("stopped   build mlops-test:1") == 1
    assert "waiting for the end of build mlops-test:1" in page.getvalue()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("PipelineExecutionNotStoppableException", "the execution has ended"),
        ("DuplicatedStopRequestException", "another has asked for it"),
        ("ExecutionDoesNotExist", "gone"),
        ("ValidationException", "The request was rejected because the job is in status Completed"),
    ],
)
def test_what_ended_by_itself_needs_no_stop(code: str, message: str) -> None:
    Work("work", "x", refusing(code, message)).end()


def test_what_may_not_be_stopped_is_told_and_not_waited_for() -> None:
    with pytest.raises(ClientError):
        Work("work", "x", refusing("AccessDeniedException", "no")).end()


def refusing(code: str, message: str) -> Any:
    def stop(name: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Stop")

    return stop


def test_a_stack_that_goes_while_it_is_looked_at_runs_nothing(
    clients: Clients, stub: Stubs
) -> None:
    stub["codepipeline"].add_client_error("list_pipeline_executions", "PipelineNotFoundException")
    stub["codebuild"].add_client_error("list_builds_for_project", "ResourceNotFoundException")
    stub["stepfunctions"].add_client_error("list_executions", "StateMachineDoesNotExist")
    no_jobs(stub)
    assert running(clients, RECORD) == []
