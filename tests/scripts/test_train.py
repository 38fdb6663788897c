"""A person asks for a model, built anew or not, and may want it whatever it scores."""

import io
import json
from typing import Any

import pytest
from botocore.stub import ANY

from scripts import train
from scripts.lib.console import Console
from scripts.lib.following import Verdict, tell
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from templates.parts.source import CHECK_OUT
from tests.scripts import versions
from tests.scripts.answers import RUN, START, action, look, outputs
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, KNOWN

HEAD = versions.COMMIT + "f" * 28


def started(stub: Stubs, **more: Any) -> None:
    answer = {"pipelineExecutionId": RUN}
    stub["codepipeline"].add_response("start_pipeline_execution", answer, {"name": "mlops", **more})


@pytest.mark.parametrize("reason", [None, "the old one is biased"])
def test_a_reason_travels_as_a_variable_of_the_run(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, reason: str | None
) -> None:
    """And is bound to the commit that the branch had, which the person is shown."""
    outputs(stub, KNOWN)
    more: dict[str, Any] = {}
    if reason:
        versions.stack(stub, BranchName="main")
        asked = {"repositoryName": "mlops", "branchName": "main"}
        answer = {"branch": {"branchName": "main", "commitId": HEAD}}
        stub["codecommit"].add_response("get_branch", answer, asked)
        source = {"actionName": CHECK_OUT, "revisionType": "COMMIT_ID", "revisionValue": HEAD}
        more = {"variables": [{"name": "FORCE", "value": reason}], "sourceRevisions": [source]}
    started(stub, **more)
    look(stub, "Succeeded", action("Source", "Succeeded", "CodeCommit"))
    assert train.rebuild(clients, "mlops", console, reason) == 0
    said = f"the model of commit {HEAD[:12]} goes on, because: the old one is biased"
    assert (said in " ".join(page.getvalue().split())) is (reason is not None)
    assert page.getvalue().endswith("`make predict STACK=mlops IMAGE=<a PNG or JPEG file>`\n")


def asked(
    stub: Stubs, outputs: list[dict[str, Any]], by: str = "arn:aws:iam::111122223333:user/me"
) -> None:
    """One start of the training workflow, and how it and what it joins end."""
    who = {"Account": "111122223333", "UserId": "me", "Arn": by}
    stub["sts"].add_response("get_caller_identity", who)
    started: Any = {"executionArn": "first", "startDate": START}
    expected = {"stateMachineArn": KNOWN["TrainingWorkflowArn"], "name": ANY, "input": ANY}
    stub["stepfunctions"].add_response("start_execution", started, expected)
    # It is seen a moment later
    stub["stepfunctions"].add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
    for output in outputs:
        answer: Any = {"executionArn": "x", "stateMachineArn": "x", "status": "SUCCEEDED"}
        answer |= {"startDate": START, "output": json.dumps(output)}
        stub["stepfunctions"].add_response("describe_execution", answer)
        for _ in range(0 if "by" in output else 2):  # how it ended, and whether it has deployed
            stub["stepfunctions"].add_response("describe_execution", answer)


def built(stub: Stubs, is_there: bool = True, runs: bool = False) -> None:
    """Whether a push has left what later runs train with, and whether any training runs."""
    asked = {"Bucket": ARTIFACTS, "Prefix": "retraining/newest.json", "MaxKeys": 1}
    found: Any = {"Contents": [{"Key": "retraining/newest.json"}]} if is_there else {}
    stub["s3"].add_response("list_objects_v2", found, asked)
    if not is_there:
        one: Any = {"executionArn": "x", "stateMachineArn": "x", "name": "n", "status": "RUNNING"}
        listed = [one | {"startDate": START}] if runs else []
        stub["stepfunctions"].add_response("list_executions", {"executions": listed})


def test_a_person_asks_the_training_workflow_and_nothing_is_built(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    outputs(stub, KNOWN)
    versions.stack(stub, RetrainSchedule="")
    built(stub)
    asked(stub, [{"name": "v", "serves": "v"}])
    assert train.train(clients, "mlops", console, "it is biased") == 0
    said = page.getvalue()
    assert "the model goes on, because: it is biased" in said
    assert "The model is served by endpoint mlops." in said


def test_where_another_waited_that_one_is_followed(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    outputs(stub, KNOWN)
    versions.stack(stub, RetrainSchedule="")
    built(stub, is_there=False, runs=True)
    joined = {"trained": "nothing: what waits will see it", "by": "other"}
    asked(stub, [joined, {"name": "v", "serves": "v"}])
    assert train.train(clients, "mlops", console) == 0
    assert "Another run waited already, which does what this one was to do: other" in " ".join(
        page.getvalue().split()
    )


def test_a_stack_without_the_door_is_deployed_first(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    outputs(stub, KNOWN)
    versions.stack(stub, BranchName="main")
    with pytest.raises(Problem, match="or `make train STACK=mlops REBUILD=1`"):
        train.train(clients, "mlops", console)


def test_where_nothing_is_built_nothing_is_asked_for(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    outputs(stub, KNOWN)
    versions.stack(stub, RetrainSchedule="")
    built(stub, is_there=False)
    with pytest.raises(Problem, match="push a commit, or `make train STACK=mlops REBUILD=1`"):
        train.train(clients, "mlops", console)


def test_who_asks_is_named_as_a_models_metadata_take_it(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    outputs(stub, KNOWN)
    versions.stack(stub, RetrainSchedule="")
    built(stub)
    given = list[dict[str, Any]]()
    clients.stepfunctions.meta.events.register(
        "provide-client-params.sfn.StartExecution",
        lambda params, **_: given.append(json.loads(params["input"])),
    )
    asked(
        stub,
        [{"name": "v", "serves": "v"}],
        by="arn:aws:sts::1:assumed-role/dev/jo,x=@y" + "z" * 300,
    )
    train.train(clients, "mlops", console, "it is biased")
    (request,) = given
    by = request["trigger"]["by"]
    assert by.startswith("arn:aws:sts::1:assumed-role/dev/jo x=@yz")
    assert (len(by), request["force"]["by"]) == (256, by)


def test_an_older_stack_is_deployed_first(clients: Clients, stub: Stubs, console: Console) -> None:
    """Its pipeline knows no such variable: nothing is started."""
    outputs(stub, {key: KNOWN[key] for key in KNOWN if key != "ApprovalWorkflowArn"})
    with pytest.raises(Problem, match="`make deploy STACK=mlops` first"):
        train.rebuild(clients, "mlops", console, "the old one is biased")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  the old\none  is biased ", "the old one is biased"),
        ('"drift", (see #7) $(x)', "drift see 7 x"),
        ("größer, 更好", "größer 更好"),
        ("e\u0301", "\u00e9"),
        ("a_b.c:d/e=f+g-h@i", "a_b.c:d/e=f+g-h@i"),
    ],
)
def test_a_reason_is_kept_as_metadata_take_it(given: str, kept: str) -> None:
    assert train.cleaned(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "says why"),
        (" \t", "says why"),
        ("-", "says why"),
        ("!?", "says why"),
        ("x" * 201, "201"),
    ],
)
def test_what_is_no_reason_starts_nothing(given: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        train.cleaned(given)


@pytest.mark.parametrize(
    ("became", "told"),
    [
        ("Rejected", "Version 2 (0123456789ab) was rejected by me: Expired."),
        ("Approved", "was approved by me: Expired. Endpoint mlops serves it."),
        ("", "It was good enough; its version was removed since."),
    ],
)
def test_a_version_that_was_decided_on_since_waits_no_more(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, became: str, told: str
) -> None:
    one = versions.description(2, became, decided_by="me") | {"ApprovalDescription": "Expired"}
    if became:
        stub["sagemaker"].add_response("describe_model_package", one)
        versions.serves(stub, versions.name(2) if became == "Approved" else "")
    else:
        gone = ("ValidationException", "ModelPackage does not exist")
        stub["sagemaker"].add_client_error("describe_model_package", *gone)
    ending = Verdict("Succeeded", [], versions.arn(2))
    assert tell(clients, KNOWN, ending, console, "mlops") == 0
    assert told in " ".join(page.getvalue().split())
    assert "waits for approval" not in page.getvalue()


def test_a_version_that_waits_is_a_success_that_says_how_to_decide(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    outputs(stub, KNOWN)
    started(stub)
    execution = versions.MACHINE.replace("stateMachine", "execution") + "training:one"
    look(stub, "Succeeded", action("Train", "Succeeded", "StepFunctions", execution))
    described = {"executionArn": execution, "stateMachineArn": "x", "status": "SUCCEEDED"}
    output = f'{{"name": "{versions.name(2)}", "package": "{versions.arn(2)}"}}'
    stub["stepfunctions"].add_response(
        "describe_execution", described | {"startDate": START, "output": output}
    )
    one = versions.description(2, "PendingManualApproval")
    stub["sagemaker"].add_response("describe_model_package", one)
    versions.waits(stub, 2)
    assert train.rebuild(clients, "mlops", console) == 0
    assert page.getvalue().splitlines()[-6:] == [
        "  It is good enough, and is not deployed yet.",
        "  Version 2 (0123456789ab) waits for approval until 2026-01-08 00:00 UTC:",
        "    98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        "    `make report STACK=mlops VERSION=2` shows its evaluation,",
        "    `make approve STACK=mlops VERSION=2` deploys it,",
        "    `make reject STACK=mlops VERSION=2 REASON=…` does not.",
    ]
