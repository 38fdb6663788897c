"""A person decides about a version once, knowing what is decided on."""

import io
import json
from typing import Any

import pytest

from scripts import decide
from scripts.lib.console import Console
from scripts.lib.packages import PENDING, Package, package
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, COMMIT, KNOWN, MACHINE, PERSON, arn, name

RECORD = f"s3://{ARTIFACTS}/registry/{name(1)}.json"


def decided(
    clients: Clients,
    console: Console,
    one: Package,
    verdict: str = "approve",
    yes: bool = True,
    reason: str = "",
) -> int:
    reason = reason or ("it is biased" if verdict == "reject" else "no reason was given")
    return decide.decide(clients, KNOWN, one, verdict, reason, console, stack="mlops", yes=yes)


def no_training(stub: Stubs, running: bool = False) -> None:
    one = {"executionArn": "x", "stateMachineArn": "x", "name": "x", "status": "RUNNING"}
    found = [one | {"startDate": START}] if running else []
    stub["stepfunctions"].add_response("list_executions", {"executions": found})


def updated(stub: Stubs, number: int, status: str, reason: str) -> None:
    asked = {"ModelPackageArn": arn(number), "ModelApprovalStatus": status}
    stub["sagemaker"].add_response(
        "update_model_package",
        {"ModelPackageArn": arn(number)},
        asked | {"ApprovalDescription": reason},
    )


def test_the_only_one_that_waits_is_meant(clients: Clients, stub: Stubs) -> None:
    versions.registry(stub, versions.description(2, PENDING))
    assert decide.chosen(clients, KNOWN, "", "mlops").number == 2


def test_of_several_or_none_that_wait_one_has_to_be_named(clients: Clients, stub: Stubs) -> None:
    two = [versions.description(number, PENDING) for number in (2, 1)]
    versions.registry(stub, *two)
    with pytest.raises(
        Problem, match=rf"2 versions wait: pass VERSION=, one of 2 \({COMMIT}\): 98"
    ):
        decide.chosen(clients, KNOWN, "", "mlops")
    versions.registry(stub)
    with pytest.raises(Problem, match="no version waits"):
        decide.chosen(clients, KNOWN, "", "mlops")


@pytest.mark.parametrize(
    ("mode", "training"),
    [
        ("Automatic", ["decision: it will not replace this."]),
        ("Manual", ["decision: its model will wait for a", "  decision too."]),
    ],
)
def test_an_approval_shows_the_figures_and_what_serves_and_says_what_happens(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    mode: str,
    training: list[str],
) -> None:
    """What is approved was asked for later than what a training makes that runs: see order.py."""
    versions.serves(stub, name(1), package=arn(1))
    no_training(stub, running=True)
    versions.stack(stub, Approval=mode)
    updated(stub, 2, "Approved", "no reason was given")
    assert decided(clients, console, versions.version(2, PENDING)) == 0
    assert page.getvalue().splitlines() == [
        f"Version 2 ({COMMIT}), {name(2)}",
        "  98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        f"  Now endpoint mlops serves {name(1)}.",
        f"  A training runs that began before this {training[0]}",
        *training[1:],
        f"Version 2 ({COMMIT}) is approved: its deployment begins by itself.",
        "`make status STACK=mlops` shows how far it is.",
    ]


def test_a_rejection_keeps_its_reason(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, "")
    updated(stub, 2, "Rejected", "it is biased")
    assert decided(clients, console, versions.version(2, PENDING), "reject") == 0
    assert "will not be deployed" in page.getvalue()


class Answering(io.StringIO):
    """A terminal at which a person types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["", "no\n", "\n", "approve\n"])
def test_without_a_yes_nothing_is_changed(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
) -> None:
    monkeypatch.setattr("sys.stdin", Answering(answer))
    versions.serves(stub, "")
    no_training(stub)
    assert decided(clients, console, versions.version(2, PENDING), yes=False) == 1
    assert page.getvalue().endswith("Nothing was changed.\n")


def test_where_nobody_can_answer_the_way_out_is_named(
    clients: Clients, stub: Stubs, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    versions.serves(stub, "")
    no_training(stub)
    with pytest.raises(Problem, match="YES=1"):
        decided(clients, console, versions.version(2, PENDING), yes=False)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("approve", "there is nothing to approve"), ("reject", "would not take it away")],
)
def test_what_serves_is_not_decided_about(
    clients: Clients, stub: Stubs, console: Console, verdict: str, words: str
) -> None:
    versions.serves(stub, name(1), package=arn(1))
    with pytest.raises(Problem, match=f"serves already.*{words}"):
        decided(clients, console, versions.version(1), verdict)


@pytest.mark.parametrize(
    ("verdict", "status", "words"),
    [
        ("approve", "Approved", f"was approved before by {PERSON}: 98.1 .* tells what came of it"),
        ("reject", "Rejected", f"was rejected before by {PERSON}: 98.1 .* Nothing was changed"),
    ],
)
def test_the_same_decision_twice_is_told(
    clients: Clients, stub: Stubs, console: Console, verdict: str, status: str, words: str
) -> None:
    versions.serves(stub, "")
    if verdict == "approve":
        versions.deployed(stub, 2, begun=True, status="RUNNING")
    with pytest.raises(Problem, match=words):
        decided(clients, console, versions.version(2, status, decided_by=PERSON), verdict)


@pytest.mark.parametrize(
    ("kept", "gone", "taken"),
    [("", "", True), ("yes", "", True), ("withdrawn", "", True), ("yes", "image", False)],
)
def test_going_back_to_what_was_deployed_is_named_only_where_it_is_not_refused(
    clients: Clients, stub: Stubs, console: Console, kept: str, gone: str, taken: bool
) -> None:
    """One that is not kept is made anew."""
    versions.serves(stub, "")
    versions.deployed(stub, 2, begun=True)
    versions.keeps(stub, **{"v2": kept} if kept else {})
    if kept:
        versions.whole(stub, 2, gone)
    with pytest.raises(Problem) as told:
        decided(clients, console, versions.version(2, decided_by=PERSON))
    assert ("TO=2` brings it to the endpoint" in str(told.value)) is taken


def test_what_has_never_served_is_nothing_to_go_back_to(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    versions.serves(stub, "")
    versions.deployed(stub, 2, begun=True)
    versions.keeps(stub, v2="no")
    with pytest.raises(Problem, match=r"tells what came of it$"):
        decided(clients, console, versions.version(2, decided_by=PERSON))


def test_a_person_may_want_what_was_rejected(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, "")
    no_training(stub)
    updated(stub, 2, "Approved", "no reason was given")
    assert decided(clients, console, versions.version(2, "Rejected")) == 0
    said = " ".join(page.getvalue().split())
    assert "It was rejected before; this decides anew." in said


def test_an_approval_that_began_no_deployment_is_repeated(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    """The workflow that carries it out came to nothing before; an event tells only of changes."""
    versions.serves(stub, "")
    versions.deployed(stub, 2, begun=False)
    no_training(stub)
    updated(stub, 2, "Rejected", "To be decided anew")
    updated(stub, 2, "Approved", "no reason was given")
    assert decided(clients, console, versions.version(2, decided_by=PERSON)) == 0
    assert "no deployment began; this repeats it" in page.getvalue()


def test_what_the_gate_refused_is_approved_for_a_reason(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    refused = versions.version(2, "Rejected", verdict="refused")
    versions.serves(stub, "")
    with pytest.raises(Problem, match=r"was refused \(98.1 .* pass REASON="):
        decided(clients, console, refused)
    versions.serves(stub, "")
    no_training(stub)
    updated(stub, 2, "Approved", "it is fair")
    assert decided(clients, console, refused, reason="it is fair") == 0
    assert "The gate refused it" in page.getvalue()


def recorded(status: str = PENDING) -> Package:
    answer: Any = versions.description(1, status)
    return package(RECORD, {**answer, "ModelPackageVersion": None})


def starts_of(clients: Clients) -> list[dict[str, Any]]:
    """With what executions are started."""
    starts: list[dict[str, Any]] = []
    clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.StartExecution", lambda params, **_: starts.append(params)
    )
    return starts


WHO = {"UserId": "x", "Account": "123456789012", "Arn": PERSON}


def name_is_taken(stub: Stubs, status: str) -> None:
    """By an execution that has this status."""
    stub["stepfunctions"].add_client_error("start_execution", "ExecutionAlreadyExists")
    answer = {"executionArn": "x", "stateMachineArn": "x", "status": status, "startDate": START}
    stub["stepfunctions"].add_response("describe_execution", answer)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_without_a_registry_a_decision_that_came_to_nothing_is_repeated(
    clients: Clients, stub: Stubs, console: Console, status: str
) -> None:
    """The record is as it was, and the name of the try before is used up for 90 days."""
    starts = starts_of(clients)
    versions.serves(stub, "")
    no_training(stub)
    stub["sts"].add_response("get_caller_identity", WHO)
    name_is_taken(stub, status)
    stub["stepfunctions"].add_response("start_execution", {"executionArn": "x", "startDate": START})
    assert decided(clients, console, recorded()) == 0
    one, two = starts
    assert one["name"] != two["name"] and len(two["name"]) <= 80
    assert one["input"] == two["input"]


def test_without_a_registry_a_decision_starts_the_workflow_under_one_name(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    """The second of two at once is refused by that name."""
    starts = starts_of(clients)
    for first in (True, False):
        versions.serves(stub, "")
        no_training(stub)
        stub["sts"].add_response("get_caller_identity", WHO)
        if first:
            answer = {"executionArn": "x", "startDate": START}
            stub["stepfunctions"].add_response("start_execution", answer)
            assert decided(clients, console, recorded()) == 0
        else:
            name_is_taken(stub, "RUNNING")
            with pytest.raises(Problem, match="somebody else decides"):
                decided(clients, console, recorded())
    one, two = starts
    assert one["name"] == two["name"] and len(one["name"]) <= 80
    assert one["stateMachineArn"] == f"{MACHINE}approval"
    asked = json.loads(one["input"])
    assert asked.pop("LastModifiedTime").endswith("Z")
    assert asked == {
        "record": f"registry/{name(1)}.json",
        "ModelApprovalStatus": "Approved",
        "by": PERSON,
        "reason": "no reason was given",
    }


def test_a_version_that_somebody_else_changes_at_the_moment_is_told(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    versions.serves(stub, "")
    no_training(stub)
    stub["sagemaker"].add_client_error("update_model_package", "ConflictException")
    with pytest.raises(Problem, match="look at `make models STACK=mlops`, then repeat it"):
        decided(clients, console, versions.version(2, PENDING))


@pytest.mark.parametrize(
    ("verdict", "reason", "words"),
    [
        ("reject", " \n", "a rejection says why"),
        ("approve", "x" * 1001, "1001 characters: 1000 fit"),
    ],
)
def test_a_reason_has_to_be_one(verdict: str, reason: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        decide.cleaned(verdict, reason)
