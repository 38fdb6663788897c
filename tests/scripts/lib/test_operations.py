"""A stack is changed once nothing else changes it, and deleted only when that is agreed to."""

import io

import pytest
from botocore.stub import Stubber

from scripts.lib.console import Console
from scripts.lib.operations import settle
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts.answers import STACK_ID, described, event


def test_a_stack_that_can_only_be_deleted_is_not_deleted_unasked(
    clients: Clients, stub: dict[str, Stubber], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    stub["cloudformation"].add_response("describe_stacks", described("ROLLBACK_COMPLETE"))
    with pytest.raises(Problem, match="pass --yes"):
        settle(clients.cloudformation, "mlops", console, yes=False)


def test_with_yes_what_a_failed_creation_left_is_deleted_first(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_response("describe_stacks", described("ROLLBACK_COMPLETE"))
    stub["cloudformation"].add_response("describe_stack_events", {"StackEvents": []})
    stub["cloudformation"].add_response("delete_stack", {}, {"StackName": STACK_ID})
    gone = event(1, "mlops", "DELETE_COMPLETE", own=True)
    stub["cloudformation"].add_response("describe_stack_events", {"StackEvents": [gone]})
    assert settle(clients.cloudformation, "mlops", console, yes=True) is None


def test_a_running_operation_is_waited_for(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_response("describe_stacks", described("UPDATE_IN_PROGRESS"))
    stub["cloudformation"].add_response("describe_stack_events", {"StackEvents": []})
    stub["cloudformation"].add_response("describe_stacks", described("UPDATE_IN_PROGRESS"))
    done = event(1, "mlops", "UPDATE_COMPLETE", own=True)
    stub["cloudformation"].add_response("describe_stack_events", {"StackEvents": [done]})
    stub["cloudformation"].add_response("describe_stacks", described("UPDATE_COMPLETE"))
    found = settle(clients.cloudformation, "mlops", console, yes=False)
    assert found and found["StackStatus"] == "UPDATE_COMPLETE"


def test_a_reviewed_but_never_created_stack_is_created(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_response("describe_stacks", described("REVIEW_IN_PROGRESS"))
    assert settle(clients.cloudformation, "mlops", console, yes=False) is None
