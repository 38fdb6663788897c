"""A person takes the endpoint back once, knowing to what; whatever is missing is one sentence."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import ANY

from scripts import rollback
from scripts.lib.console import Console
from scripts.lib.going_back import Wish, is_older
from scripts.lib.kept import KeptVersion
from scripts.lib.problems import Problem
from scripts.lib.serving import ServedModel
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START, described
from tests.scripts.conftest import Stubs
from tests.scripts.versions import (
    COMMIT,
    DIGEST,
    IMAGE,
    KNOWN,
    PERSON,
    arn,
    data_of,
    name,
)

MACHINE = KNOWN["DeploymentWorkflowArn"]


@pytest.fixture
def person(stub: Stubs) -> None:
    """Who asks while nothing deploys."""
    asked(stub)


def asked(stub: Stubs, *running: str) -> None:
    stub["sts"].add_response("get_caller_identity", {"Arn": PERSON})
    executions = [
        {"executionArn": "x", "stateMachineArn": MACHINE, "name": each, "status": "RUNNING"}
        for each in running
    ]
    found = [one | {"startDate": START} for one in executions]
    stub["stepfunctions"].add_response("list_executions", {"executions": found})


def package(stub: Stubs, number: int, status: str = "Approved") -> None:
    one = versions.description(number, status)
    asked = {"ModelPackageName": arn(number)}
    stub["sagemaker"].add_response("describe_model_package", one, asked)


def shown(stub: Stubs) -> None:
    """What is asked for to show it: since when it serves."""
    stub["sagemaker"].add_response(
        "describe_endpoint",
        {
            **{"EndpointName": "mlops", "EndpointArn": f"{MACHINE}mlops"},
            **{"EndpointConfigName": "x", "EndpointStatus": "InService"},
            **{"CreationTime": START, "LastModifiedTime": START},
        },
    )


def started(stub: Stubs, output: dict[str, Any]) -> None:
    """It is started, and has ended well when it is first looked at."""
    states = stub["stepfunctions"]
    asked = {"stateMachineArn": MACHINE, "name": ANY, "input": ANY}
    states.add_response("start_execution", {"executionArn": "x", "startDate": START}, asked)
    answer = {"executionArn": "x", "stateMachineArn": MACHINE, "status": "SUCCEEDED"}
    states.add_response(
        "describe_execution", answer | {"startDate": START, "output": json.dumps(output)}
    )


def tagged(stub: Stubs, model: str, key: str, value: str) -> None:
    """A model that is there still, and says this of itself."""
    answer = {"ModelName": model, "ModelArn": f"{MACHINE}{model}", "CreationTime": START}
    stub["sagemaker"].add_response("describe_model", answer, {"ModelName": model})
    stub["sagemaker"].add_response("list_tags", {"Tags": [{"Key": key, "Value": value}]})


def taken(clients: Clients, console: Console, to: str = "", yes: bool = True) -> int:
    return rollback.rollback(clients, KNOWN, to, "it is biased", console, "mlops", yes=yes)


@pytest.mark.usefixtures("person")
def test_the_last_good_one_before_what_serves_is_meant(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, v6="yes", v5="yes", v4="withdrawn", v3="no", v2="yes", v1="yes")
    versions.whole(stub, 2)
    package(stub, 2)
    shown(stub)
    started(stub, {"serves": name(2), "rollout": {"type": "AllAtOnce", "why": "a rollback"}})
    tagged(stub, name(2), "back-from", name(5))
    tagged(stub, name(5), "served", "withdrawn")
    sent: list[dict[str, Any]] = []
    clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.StartExecution", lambda params, **_: sent.append(params)
    )
    assert taken(clients, console) == 0
    (wish,) = sent
    assert json.loads(wish["input"]) == {
        **{"name": name(2), "image": IMAGE, "modelDataUrl": data_of(name(2)), "commit": COMMIT},
        "rollback": {"from": name(5), "by": PERSON, "reason": "it is biased"},
    }
    said = " ".join(page.getvalue().split())
    assert max(map(len, page.getvalue().splitlines())) <= 100
    for words in (
        f"Now endpoint mlops serves {name(5)}.",
        f"To serve: {name(2)} (2 ({COMMIT}))",
        "accuracy when it was evaluated: 98.1%",
        "It does not undo: data, parameters of the stack",
        f"Endpoint mlops serves {name(2)}.",
        "It came AllAtOnce (a rollback)",
        f"{name(5)}, which was left, is withdrawn",
    ):
        assert words in said


def test_while_another_deploys_only_a_version_that_is_named_is_taken_back(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    """What serves when the turn comes may be another one; the good one that serves now is wanted
    back from it, whatever a person has called its deployment."""
    asked(stub, "by-hand")
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v2="yes")
    with pytest.raises(Problem, match=f"by-hand deploys, .* TO=, such as TO={name(5)}, which"):
        taken(clients, console)
    asked(stub, "by-hand")
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v2="yes")
    versions.whole(stub, 5)
    package(stub, 5)
    shown(stub)
    started(stub, {"serves": name(5), "rollout": {"type": "AllAtOnce", "why": "a rollback"}})
    tagged(stub, name(5), "back-from", "none")
    sent: list[dict[str, Any]] = []
    clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.StartExecution", lambda params, **_: sent.append(params)
    )
    assert taken(clients, console, name(5)) == 0
    # Whatever serves when its turn comes
    assert json.loads(sent[0]["input"])["rollback"].keys() == {"by", "reason"}
    said = " ".join(page.getvalue().split())
    assert "by-hand deploys now: this waits for its turn behind it" in said


@pytest.mark.parametrize(
    ("became", "words"), [("yes", "is kept, and not withdrawn"), ("withdrawn", "is withdrawn: the")]
)
def test_what_became_of_the_version_that_was_left_is_read_from_it(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, became: str, words: str
) -> None:
    """Only a newer one is withdrawn, and only if that could be noted."""
    tagged(stub, name(5), "back-from", name(2))
    tagged(stub, name(2), "served", became)
    assert told(clients, console) == 0
    assert f"{name(2)}, which was left, {words}" in " ".join(page.getvalue().split())


def test_what_was_left_may_be_gone(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    tagged(stub, name(5), "back-from", name(2))
    stub["sagemaker"].add_client_error(
        "describe_model", "ValidationException", "Could not find model"
    )
    assert told(clients, console) == 0
    assert "which was left" not in page.getvalue()


def told(clients: Clients, console: Console) -> int:
    """Of a rollback to the fifth version that ended well."""
    kept = KeptVersion(ServedModel(name(5), "", IMAGE, "", {}), START)
    output = {"serves": name(5), "rollout": {"type": "AllAtOnce", "why": "a rollback"}}
    return rollback.told(clients, KNOWN, Wish(name(5), {}, kept, None), output, console, "mlops")


@pytest.mark.parametrize(
    ("served", "words"),
    [("withdrawn", "It was withdrawn: it"), ("unchecked", "It is unchecked: its deployment was")],
)
@pytest.mark.usefixtures("person")
def test_one_that_did_not_serve_well_is_shown_as_such(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    served: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v2=served)
    versions.whole(stub, 2)
    package(stub, 2)
    shown(stub)
    with pytest.raises(Problem, match="pass --yes"):
        taken(clients, console, name(2), yes=False)
    assert words in " ".join(page.getvalue().split())


def test_one_that_was_deployed_anew_is_as_old_as_its_training() -> None:
    def kept(number: int, created: int) -> KeptVersion:
        model = ServedModel(name(number), "", IMAGE, "", {"package": arn(number)})
        return KeptVersion(model, START + timedelta(hours=created))

    anew, bad = kept(3, created=9), kept(5, created=5)
    assert not is_older(bad, anew)
    assert is_older(anew, bad)


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("kept", [{"v5": "yes", "v4": "withdrawn"}, {"v6": "yes", "v5": "yes"}])
def test_where_nothing_served_well_before_that_is_said(
    clients: Clients, stub: Stubs, console: Console, kept: dict[str, str]
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, **kept)
    with pytest.raises(Problem, match=f"nothing to go back to: {name(5)} serves, and no version"):
        taken(clients, console)


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("config", "its endpoint configuration in SageMaker is gone"),
        ("image", f"its image {DIGEST} in the registry is gone"),
        ("archive", f"its archive {data_of(name(2))} is gone"),
    ],
)
def test_what_is_gone_is_named_with_another_way_and_nothing_is_started(
    clients: Clients, stub: Stubs, console: Console, gone: str, words: str
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v2="yes", v1="yes")
    versions.whole(stub, 2, gone)
    with pytest.raises(Problem) as told:
        taken(clients, console)
    assert words in str(told.value)
    assert f"pass TO=, such as TO={name(1)}" in str(told.value)


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    ("to", "words"),
    [
        (name(5), "serves already. Nothing was changed"),
        (name(3), "has never served, so there is no going back to it"),
        (COMMIT, f"TO={COMMIT} fits {name(5)}, {name(3)}: pass one of these"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused(
    clients: Clients, stub: Stubs, console: Console, to: str, words: str
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v3="no")
    with pytest.raises(Problem, match=words):
        taken(clients, console, to)


@pytest.mark.usefixtures("person")
def test_what_is_unknown_is_said(clients: Clients, stub: Stubs, console: Console) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub)
    versions.registry(stub)
    with pytest.raises(Problem, match="TO=c0ffee is no registered version: pass a number"):
        taken(clients, console, "c0ffee")


@pytest.mark.usefixtures("person")
def test_an_approved_version_that_is_not_kept_is_deployed_anew_while_alarms_ring(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes")
    package(stub, 4)
    versions.deployed(stub, 4, begun=True)
    shown(stub)
    started(stub, {"serves": name(4), "rollout": {}})
    sent: list[dict[str, Any]] = []
    clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.StartExecution", lambda params, **_: sent.append(params)
    )
    assert taken(clients, console, "4") == 0
    given = json.loads(sent[0]["input"])
    assert (given["name"], given["package"], given["unguarded"]) == (name(4), arn(4), True)
    assert "rollback" not in given
    assert "it is deployed anew, with today's parameters" in " ".join(page.getvalue().split())


@pytest.mark.usefixtures("person")
def test_one_that_was_not_approved_is_left_to_a_decision(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes")
    package(stub, 4, "Rejected")
    with pytest.raises(Problem, match=r"not approved \(Rejected\): `make approve STACK=mlops VERS"):
        taken(clients, console, "4")


@pytest.mark.usefixtures("person")
def test_without_a_yes_nothing_is_started(
    clients: Clients, stub: Stubs, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    versions.serves(stub, name(5))
    versions.keeps(stub, v5="yes", v2="yes")
    versions.whole(stub, 2)
    package(stub, 2)
    shown(stub)
    with pytest.raises(Problem, match="pass --yes"):
        taken(clients, console, yes=False)


def test_a_start_whose_answer_was_lost_is_no_second_one(clients: Clients, stub: Stubs) -> None:
    stub["stepfunctions"].add_client_error("start_execution", "ExecutionAlreadyExists")
    wish = Wish(name(2), {}, None, None)
    begun = rollback.start(clients, MACHINE, wish)
    assert begun.startswith(MACHINE.replace("stateMachine", "execution") + ":rollback-2")


def test_one_that_failed_is_told_with_what_serves(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    answer = {"executionArn": "x", "stateMachineArn": MACHINE, "status": "FAILED"}
    answer |= {"error": "NothingToGoBackTo", "cause": "it has lost its image"}
    for _ in range(2):
        stub["stepfunctions"].add_response("describe_execution", {**answer, "startDate": START})
    stub["stepfunctions"].add_response("get_execution_history", {"events": []})
    versions.serves(stub, name(5))
    wish = Wish(name(2), {}, None, None)
    assert rollback.follow(clients, KNOWN, wish, "x", console, "mlops") == 1
    assert "NothingToGoBackTo: it has lost its image" in page.getvalue()
    assert f"The endpoint serves {name(5)}." in page.getvalue()


@pytest.mark.parametrize("known", [True, False])
def test_a_stack_from_before_is_deployed_first(clients: Clients, stub: Stubs, known: bool) -> None:
    listed = [{"ParameterKey": "Rollout", "ParameterValue": "Canary"}] if known else []
    for _ in range(2):
        answer = described(
            "CREATE_COMPLETE",
            Parameters=listed,
            Outputs=[{"OutputKey": "EndpointName", "OutputValue": "mlops"}],
        )
        stub["cloudformation"].add_response("describe_stacks", answer)
    if known:
        assert rollback.outputs(clients, "mlops") == {"EndpointName": "mlops"}
    else:
        with pytest.raises(Problem, match="before a model could be taken back: `make deploy"):
            rollback.outputs(clients, "mlops")
