"""A stack is changed by a change set that was shown, never at the price of data."""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from scripts import create_stack, launch
from scripts.clients import Clients
from scripts.console import Console
from scripts.session import Problem

TEMPLATE = """
Parameters:
  ProjectName: {Type: String, Default: mlops}
  BootstrapBucket: {Type: String}
  CodeKey: {Type: String}
  SeedDataPrefix: {Type: String}
"""
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/mlops/0a1b2c3d-0000"
CHANGE = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/change-1/x"
SERVICES = ("cloudformation", "s3", "codecommit", "ecr")
MISSING = ("ValidationError", "Stack with id mlops does not exist")


@pytest.fixture
def stub(clients: Clients) -> Iterator[dict[str, Stubber]]:
    with ExitStack() as stack:
        stubs = {name: stack.enter_context(Stubber(getattr(clients, name))) for name in SERVICES}
        yield stubs
        for one in stubs.values():
            one.assert_no_pending_responses()


def described(status: str, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "Stacks": [
            {
                "StackName": "mlops",
                "StackId": STACK_ID,
                "CreationTime": now,
                "StackStatus": status,
                **more,
            }
        ]
    }


def uploaded(stub: dict[str, Stubber]) -> None:
    stub["cloudformation"].add_response(
        "describe_stacks",
        described("CREATE_COMPLETE", Outputs=[{"OutputKey": "Bucket", "OutputValue": "bucket"}]),
        {"StackName": "mlops-bootstrap"},
    )
    for _ in range(2):
        stub["s3"].add_response("head_object", {})


def absent(stub: dict[str, Stubber]) -> None:
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    stub["codecommit"].add_client_error("get_repository", "RepositoryDoesNotExistException")
    stub["ecr"].add_client_error("describe_repositories", "RepositoryNotFoundException")


def change_set(stub: dict[str, Stubber], kind: str, *changes: dict[str, Any]) -> None:
    stub["cloudformation"].add_response(
        "get_template_summary", {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    )
    stub["cloudformation"].add_response(
        "create_change_set",
        {"Id": CHANGE, "StackId": STACK_ID},
        {
            "StackName": "mlops",
            "ChangeSetName": ANY,
            "ChangeSetType": kind,
            "Parameters": ANY,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "TemplateURL": ANY,
        },
    )
    answer = {
        "Status": "CREATE_COMPLETE",
        "StackId": STACK_ID,
        "Changes": [{"Type": "Resource", "ResourceChange": one} for one in changes],
    }
    for _ in range(2):
        stub["cloudformation"].add_response("describe_change_set", answer)


def change(action: str, name: str, kind: str, **more: str) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more}


def event(
    number: int, name: str, status: str, reason: str = "", own: bool = False
) -> dict[str, Any]:
    return {
        "StackId": STACK_ID,
        "StackName": "mlops",
        "EventId": str(number),
        "Timestamp": datetime.now(UTC),
        "LogicalResourceId": name,
        "PhysicalResourceId": STACK_ID if own else name,
        "ResourceType": "AWS::CloudFormation::Stack" if own else "AWS::KMS::Key",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def executed(stub: dict[str, Stubber], *events: dict[str, Any]) -> None:
    """The operation runs: no events before, then all of them, newest first."""
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response(
        "execute_change_set", {}, {"ChangeSetName": CHANGE, "RetainExceptOnCreate": True}
    )
    cloudformation.add_response("describe_stack_events", {"StackEvents": list(reversed(events))})


def deploy(clients: Clients, console: Console, given: dict[str, str] | None = None) -> int:
    return create_stack.deploy(clients, "mlops", given or {}, console, template=TEMPLATE)


def test_a_first_deployment_creates_and_prints_the_outputs(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    absent(stub)
    change_set(stub, "CREATE", change("Add", "Key", "AWS::KMS::Key"))
    executed(
        stub,
        event(1, "Key", "CREATE_IN_PROGRESS"),
        event(2, "Key", "CREATE_COMPLETE"),
        event(3, "mlops", "CREATE_COMPLETE", own=True),
    )
    outputs = [{"OutputKey": "EndpointName", "OutputValue": "mlops"}]
    stub["cloudformation"].add_response(
        "describe_stacks", described("CREATE_COMPLETE", Outputs=outputs)
    )
    assert deploy(clients, console) == 0
    assert "EndpointName  mlops" in page.getvalue()
    assert "`make logs STACK=mlops` follows it" in page.getvalue()


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4599"])
def test_the_consoles_pages_are_shown_where_they_lead_somewhere(
    console: Console, page: io.StringIO, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    known = {"KeyArn": "arn", "DataUri": "s3://data/", "PipelineUrl": "https://console"}
    create_stack.show_outputs(known, console)
    assert "DataUri" in page.getvalue() and "KeyArn" not in page.getvalue()
    assert ("PipelineUrl" in page.getvalue()) is not endpoint.startswith("http")


def test_an_update_says_when_it_takes_effect(console: Console, page: io.StringIO) -> None:
    create_stack.show_next({}, "mine", console, new=False)
    assert page.getvalue().endswith("from now on: push, or `make train STACK=mine`.\n")


def test_no_changes_is_success(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    cloudformation.add_response("get_template_summary", {})
    cloudformation.add_response("create_change_set", {"Id": CHANGE, "StackId": STACK_ID})
    reason = "The submitted information didn't contain changes. Submit different information."
    cloudformation.add_response(
        "describe_change_set", {"Status": "FAILED", "StatusReason": reason, "StackId": STACK_ID}
    )
    cloudformation.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE})
    assert deploy(clients, console) == 0
    assert "up to date: no changes" in page.getvalue()


def test_the_first_failure_is_told_and_not_its_bystanders(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    absent(stub)
    change_set(stub, "CREATE", change("Add", "Key", "AWS::KMS::Key"))
    executed(
        stub,
        event(1, "Topic", "CREATE_FAILED", "Resource creation cancelled"),
        event(2, "Role", "CREATE_FAILED", "not authorized to perform: iam:CreateRole"),
        event(3, "Key", "CREATE_FAILED", "second"),
        event(4, "mlops", "ROLLBACK_IN_PROGRESS", own=True),
        event(5, "mlops", "ROLLBACK_COMPLETE", own=True),
    )
    assert deploy(clients, console) == 1
    told = page.getvalue().split("The first failure:")[1]
    assert told.strip() == "Role: not authorized to perform: iam:CreateRole"


def test_replacing_a_resource_that_holds_data_is_refused(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    change_set(
        stub, "UPDATE", change("Modify", "DataBucket", "AWS::S3::Bucket", Replacement="True")
    )
    stub["cloudformation"].add_response("delete_change_set", {}, {"ChangeSetName": CHANGE})
    with pytest.raises(Problem, match="DataBucket would lose data"):
        deploy(clients, console)
    assert "DATA: DataBucket (AWS::S3::Bucket) would be replaced" in page.getvalue()


@pytest.mark.parametrize(
    "harmless",
    [
        change("Modify", "Data", "AWS::S3::Bucket", Replacement="Conditional"),
        change("Remove", "Data", "AWS::S3::Bucket", PolicyAction="Retain"),
        change("Modify", "Role", "AWS::IAM::Role", Replacement="True"),
    ],
)
def test_a_change_that_loses_no_data_is_carried_out(
    clients: Clients, stub: dict[str, Stubber], console: Console, harmless: dict[str, Any]
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    change_set(stub, "UPDATE", harmless)
    executed(stub, event(1, "mlops", "UPDATE_COMPLETE", own=True))
    outputs = [{"OutputKey": "EndpointName", "OutputValue": "mlops"}]
    stub["cloudformation"].add_response(
        "describe_stacks", described("UPDATE_COMPLETE", Outputs=outputs)
    )
    assert deploy(clients, console) == 0


def test_a_kept_repository_is_named_before_it_collides(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    stub["codecommit"].add_client_error("get_repository", "RepositoryDoesNotExistException")
    stub["ecr"].add_response(
        "describe_repositories", {"repositories": []}, {"repositoryNames": ["other"]}
    )
    with pytest.raises(Problem, match=r"ECR repository other already exists.*make destroy"):
        deploy(clients, console, {"ProjectName": "other"})


def test_without_an_upload_the_next_command_is_named(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    with pytest.raises(Problem, match="run `make upload STACK=mlops` first"):
        deploy(clients, console)


def test_a_stack_that_can_only_be_deleted_is_not_deleted_unasked(
    clients: Clients, stub: dict[str, Stubber], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    stub["cloudformation"].add_response("describe_stacks", described("ROLLBACK_COMPLETE"))
    with pytest.raises(Problem, match="pass --yes"):
        launch.settle(clients.cloudformation, "mlops", console, yes=False)


def test_with_yes_what_a_failed_creation_left_is_deleted_first(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stacks", described("ROLLBACK_COMPLETE"))
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response("delete_stack", {}, {"StackName": STACK_ID})
    gone = event(1, "mlops", "DELETE_COMPLETE", own=True)
    cloudformation.add_response("describe_stack_events", {"StackEvents": [gone]})
    assert launch.settle(clients.cloudformation, "mlops", console, yes=True) is None


def test_a_running_operation_is_waited_for(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stacks", described("UPDATE_IN_PROGRESS"))
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response("describe_stacks", described("UPDATE_IN_PROGRESS"))
    done = event(1, "mlops", "UPDATE_COMPLETE", own=True)
    cloudformation.add_response("describe_stack_events", {"StackEvents": [done]})
    cloudformation.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    found = launch.settle(clients.cloudformation, "mlops", console, yes=False)
    assert found and found["StackStatus"] == "UPDATE_COMPLETE"


def test_a_reviewed_but_never_created_stack_is_created(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_response("describe_stacks", described("REVIEW_IN_PROGRESS"))
    assert launch.settle(clients.cloudformation, "mlops", console, yes=False) is None
