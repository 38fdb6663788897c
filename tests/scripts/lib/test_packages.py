"""Versions are read alike from a registry and from the records in its place."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from scripts.lib import packages
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, COMMIT, KNOWN, name


def test_a_record_is_read_as_the_registry_is(clients: Clients, stub: Stubs) -> None:
    one = versions.description(3, difference="-0.0056")
    versions.registry(stub, one)
    (registered,) = packages.registered(clients, KNOWN)
    versions.records(stub, one)
    (recorded,) = packages.registered(clients, KNOWN)
    assert recorded.id == f"s3://{ARTIFACTS}/registry/{name(3)}.json"
    assert (registered.number, recorded.number) == (3, 0)
    same = ("status", "description", "image", "model_data", "created", "commit_id", "metadata")
    for field in (*same, "name", "commit", "accuracy", "evaluation"):
        assert getattr(recorded, field) == getattr(registered, field) != ""


def test_records_are_told_in_the_order_in_which_they_were_registered(
    clients: Clients, stub: Stubs
) -> None:
    """One that somebody decided on was written again since."""
    found = [versions.description(number) for number in (3, 1, 2)]
    versions.records(stub, *found)
    assert [one.name for one in packages.registered(clients, KNOWN)] == [name(3), name(2), name(1)]


def test_before_the_first_training_there_is_no_version(clients: Clients, stub: Stubs) -> None:
    stub["sagemaker"].add_client_error("list_model_packages", *versions.NO_GROUP)
    assert packages.newest(clients, KNOWN) is None


def test_who_may_not_look_is_told_so(clients: Clients, stub: Stubs) -> None:
    stub["sagemaker"].add_client_error("list_model_packages", "AccessDeniedException", "no")
    with pytest.raises(ClientError):
        packages.newest(clients, KNOWN)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', " " * (packages.LARGEST + 1)])
def test_a_damaged_record_is_named(clients: Clients, stub: Stubs, text: str) -> None:
    key = f"registry/{name(1)}.json"
    versions.record(stub, key, text)
    with pytest.raises(Problem, match=f"{key} is damaged"):
        packages.read(clients, KNOWN, f"s3://{ARTIFACTS}/{key}")


@pytest.mark.parametrize(
    "address", ["s3://another/registry/x.json", f"s3://{ARTIFACTS}/models/x.json"]
)
def test_a_record_elsewhere_is_none(clients: Clients, address: str) -> None:
    with pytest.raises(Problem, match="no record of a version of this stack"):
        packages.read(clients, KNOWN, address)


@pytest.mark.parametrize("text", ["2", name(2), f"{COMMIT}-00000002"])
def test_a_version_is_found_by_what_a_person_types(
    clients: Clients, stub: Stubs, text: str
) -> None:
    found = [versions.description(number) for number in (3, 2, 1)]
    if text == "2":
        # Nothing is listed, which would end with the newest 200
        asked = {"ModelPackageName": versions.arn(2)}
        stub["sagemaker"].add_response("describe_model_package", found[1], asked)
    elif text == name(2):
        versions.registry(stub, *found, read=2)
    else:
        versions.registry(stub, *found)
    assert packages.find(clients, KNOWN, text, "mlops").number == 2


def test_digits_that_are_no_number_may_be_a_commit(clients: Clients, stub: Stubs) -> None:
    versions.registry(stub, versions.description(1))
    assert packages.find(clients, KNOWN, COMMIT[:10], "mlops").number == 1


def test_a_number_that_no_version_has_may_be_a_commit_too(clients: Clients, stub: Stubs) -> None:
    gone = ("ValidationException", "ModelPackage does not exist")
    stub["sagemaker"].add_client_error("describe_model_package", *gone)
    one = versions.description(1, version=f"{versions.PREFIX}-123456789012-00000001")
    versions.registry(stub, one)
    assert packages.find(clients, KNOWN, "1234567", "mlops").number == 1


def test_where_there_is_no_registry_no_version_has_a_number(clients: Clients, stub: Stubs) -> None:
    stub["sagemaker"].add_client_error("describe_model_package", *versions.NO_REGISTRY)
    versions.records(stub, versions.description(1))
    with pytest.raises(Problem, match="VERSION=1 is no registered version"):
        packages.find(clients, KNOWN, "1", "mlops")


@pytest.mark.parametrize(
    ("text", "words"),
    [(COMMIT, "fits 2, 1: pass one of these"), ("nothing", "VERSION=nothing is no registered")],
)
def test_what_fits_several_or_none_is_told(
    clients: Clients, stub: Stubs, text: str, words: str
) -> None:
    versions.registry(stub, versions.description(2), versions.description(1))
    with pytest.raises(Problem, match=words):
        packages.find(clients, KNOWN, text, "mlops")


@pytest.mark.parametrize("said", ["NaN", "inf", "", "much"])
def test_what_is_no_number_is_no_accuracy(said: str) -> None:
    assert versions.version(1, accuracy=said).accuracy is None


def test_what_others_have_written_commands_no_terminal() -> None:
    one = packages.package("x", {"ModelPackageDescription": "good\x1b[2J\r\nor\x07 not\u202e"})
    assert one.description == "good[2J or not"


def test_a_package_that_was_made_by_hand_is_no_fault() -> None:
    one = packages.package("x", {"ModelPackageVersion": 9, "CreationTime": datetime.now(UTC)})
    assert (one.short, one.label, one.commit, one.accuracy) == ("9", "9", "", None)
