"""The list of versions fits a terminal, and names the one that really serves."""

import io
from datetime import timedelta
from typing import Any

import pytest

from scripts import models
from scripts.lib.console import Console
from scripts.lib.packages import PENDING
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START, outputs
from tests.scripts.conftest import Stubs
from tests.scripts.versions import COMMIT, KNOWN, PREFIX, arn, name

BACK = {"back-from": name(4), "back-at": "2026-01-01T04:00:00Z"}
NOW = START + timedelta(hours=6)


@pytest.fixture(autouse=True)
def stack(stub: Stubs) -> None:
    outputs(stub, KNOWN)


def test_each_version_tells_how_good_it_is_and_what_became_of_it(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    refused = versions.description(3, "Rejected", accuracy="0.914", difference="-0.067")
    found: list[dict[str, Any]] = [
        versions.description(5, PENDING, difference="0.005", trigger="schedule"),
        versions.description(4, accuracy="nan", trigger="push"),
        {**refused, "ModelPackageDescription": "worse " * 60},
        versions.description(2, trigger="other", triggered_by="role"),
        {**versions.description(1, "Rejected"), "ApprovalDescription": "it is biased"},
    ]
    versions.registry(stub, *found)
    versions.serves(stub, name(9), package=arn(2), **BACK)
    versions.keeps(stub, v4="withdrawn", v2="yes")
    versions.waits(stub, 5, days=9)
    versions.deployed(stub, 4, begun=True)  # the stack has another ApprovalDays by now
    assert models.models(clients, "mlops", console, NOW) == 0
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[1:4]] == [
        ["5", COMMIT, "98.1%", "+0.5%", "waits", "until", "2026-01-10", "schedule", "1", "h"],
        ["4", COMMIT, "withdrawn", "push", "2", "h"],
        ["3", COMMIT, "91.4%", "-6.7%", "rejected", "3", "h"],
    ]
    assert lines[4].startswith("        worse worse")
    assert ["2", COMMIT, "98.1%", "serves", "creation", "4", "h"] in [
        line.split() for line in lines
    ]
    assert "        it is biased\n" in page.getvalue()
    assert f"Endpoint mlops serves version 2 ({COMMIT})." in lines
    said = " ".join(page.getvalue().split())
    assert said.endswith(f"It was taken back from {name(4)} at 2026-01-01 04:00 UTC.")


def test_one_that_was_deployed_by_hand_is_known_by_what_it_is_made_of(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    other = versions.description(1)
    container = other["InferenceSpecification"]["Containers"][0]
    container["ModelDataUrl"] = container["ModelDataUrl"].replace(name(1), name(8))
    versions.registry(stub, versions.description(2), other)
    versions.serves(stub, name(8), package="none")
    versions.keeps(stub)
    versions.deployed(stub, 2, begun=False)
    models.models(clients, "mlops", console, NOW)
    assert page.getvalue().endswith(f"serves version 1 ({COMMIT}).\n")


def test_a_model_that_is_no_version_is_said_to_serve(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.registry(stub, versions.description(1))
    versions.serves(stub, "by-hand")
    versions.keeps(stub)
    versions.deployed(stub, 1, begun=False)
    models.models(clients, "mlops", console, NOW)
    assert "serves model by-hand, which is none of these" in " ".join(page.getvalue().split())


def test_nothing_registered_is_said_with_the_way_to_a_version(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    stub["sagemaker"].add_client_error("list_model_packages", *versions.NO_GROUP)
    versions.serves(stub, "")
    models.models(clients, "mlops", console, NOW)
    assert page.getvalue().splitlines() == [
        "No version of the model is registered yet: each training registers one.",
        "`make train STACK=mlops` trains.",
        "",
        "Endpoint mlops serves none yet.",
    ]


def test_without_a_registry_a_version_goes_by_the_end_of_its_name(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.records(stub, versions.description(1, PENDING))
    versions.serves(stub, "")
    versions.keeps(stub)
    gone = stub["stepfunctions"].add_client_error
    gone("describe_execution", "ExecutionDoesNotExist")
    models.models(clients, "mlops", console, NOW)
    assert name(1) == f"{PREFIX}-{COMMIT}-00000001"
    line = page.getvalue().splitlines()[1].split()
    assert line == [f"{COMMIT}-00000001", "98.1%", "waits", "for", "approval", "5", "h"]


@pytest.mark.parametrize(
    ("status", "told"),
    [("FAILED", "deployment failed"), ("RUNNING", "is being deployed"), ("SUCCEEDED", "approved")],
)
def test_what_became_of_an_approved_version_is_said(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, status: str, told: str
) -> None:
    """Only one that came to the endpoint is as good as one that serves."""
    versions.registry(stub, versions.description(2), versions.description(1))
    versions.serves(stub, name(1), package=arn(1))
    versions.keeps(stub)
    versions.deployed(stub, 2, begun=True, status=status)
    models.models(clients, "mlops", console, NOW)
    assert f"  {told}  " in page.getvalue().splitlines()[1]


def test_of_very_many_the_newest_are_shown(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    found = [versions.description(number) for number in range(30, 0, -1)]
    versions.registry(stub, *found, read=models.SHOWN + 1)
    versions.serves(stub, "")
    versions.keeps(stub)
    for number in range(30, 30 - models.SHOWN, -1):
        versions.deployed(stub, number, begun=False)
    models.models(clients, "mlops", console, NOW)
    assert page.getvalue().count(COMMIT) == models.SHOWN
    assert "older ones, which `make trace STACK=mlops VERSION=<number>` shows" in page.getvalue()
