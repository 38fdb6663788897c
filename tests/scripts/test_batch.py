"""What a batch is asked is looked at before anything is uploaded or started."""

from pathlib import Path

import pytest

from scripts import batch
from scripts.batch import Item
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.conftest import Stubs

KNOWN = versions.KNOWN | {
    "ArtifactBucket": "artifacts",
    "DataBucket": "data",
    "BatchWorkflowArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-batch",
    "VersionPrefix": "mlops-0a1b2c3d",
}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds nothing"),
        (["a.png", "b.txt"], r"b.txt in INPUT=x is none of \.png, \.jpg"),
        (["a.png", "b.csv"], r"mixes types: a.png \(image/png\), b.csv \(text/csv\)"),
        (["README"], "README in INPUT=x is none of"),
    ],
)
def test_what_is_no_one_type_is_refused_by_name(names: list[str], words: str) -> None:
    with pytest.raises(Problem, match=words):
        batch.content_type([Item(name, 1) for name in names], "x")


def test_the_type_follows_from_the_names() -> None:
    assert batch.content_type([Item("a.jpg", 1), Item("b.JPEG", 1)], "x") == "image/jpeg"


@pytest.mark.parametrize("size", [0, batch.LARGEST + 1])
def test_what_cannot_be_answered_at_once_is_named(size: int) -> None:
    items = [Item(f"{number}.csv", size) for number in range(5)]
    with pytest.raises(Problem, match=r"0.csv, 1.csv, 2.csv and 2 more in INPUT=x is empty or lar"):
        batch.content_type(items, "x")


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        ("s3://elsewhere/x", "", "INPUT=s3://elsewhere/x/ is none that a batch may read"),
        ("s3://artifacts/models/", "", "is none that a batch may read"),
        ("s3://data2/x", "", "is none that a batch may read"),
        ("s3://data/x", "s3://data/y", "is no folder under s3://artifacts/batch/"),
        ("s3://data/x", "s3://artifacts/batch/", "is no folder under s3://artifacts/batch/"),
        ("s3://artifacts/batch/x", "s3://artifacts/batch/x/y", "lies in the input"),
    ],
)
def test_other_places_than_ours_are_refused_before_any_call(
    clients: Clients, stub: Stubs, console: Console, source: str, output: str, words: str
) -> None:
    with pytest.raises(Problem, match=words):
        batch.batch(clients, KNOWN, source, output, "", console, "mlops")


def test_an_empty_prefix_starts_nothing(clients: Clients, stub: Stubs, console: Console) -> None:
    """The marker that a console makes for a folder is nothing either."""
    listed = {"Contents": [{"Key": "x/", "Size": 0}]}
    stub["s3"].add_response("list_objects_v2", listed, {"Bucket": "data", "Prefix": "x/"})
    with pytest.raises(Problem, match="INPUT=s3://data/x holds nothing"):
        batch.batch(clients, KNOWN, "s3://data/x", "", "", console, "mlops")


def test_a_bucket_that_is_not_there_is_named(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    stub["s3"].add_client_error("list_objects_v2", "NoSuchBucket", "x", 404)
    with pytest.raises(Problem, match="there is no such bucket"):
        batch.batch(clients, KNOWN, "s3://data/x", "", "", console, "mlops")


def test_a_version_that_is_not_kept_starts_nothing(
    clients: Clients, stub: Stubs, console: Console, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    stub["sagemaker"].add_response("list_models", {"Models": []})
    stub["sagemaker"].add_response("describe_model_package", versions.description(7))
    with pytest.raises(Problem, match="VERSION=7 is not kept: SageMaker has no model of it"):
        batch.batch(clients, KNOWN, tmp_path, "", "7", console, "mlops")


def test_answers_of_another_batch_are_not_written_over(
    clients: Clients, stub: Stubs, console: Console, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    stub["s3"].add_response(
        "list_objects_v2",
        {"Contents": [{"Key": "batch/one/a.png.out", "Size": 1}]},
        {"Bucket": "artifacts", "Prefix": "batch/one/"},
    )
    with pytest.raises(Problem, match=r"OUTPUT=s3://artifacts/batch/one/ holds something already"):
        batch.batch(clients, KNOWN, tmp_path, "s3://artifacts/batch/one", "", console, "mlops")


def test_one_object_is_no_folder(clients: Clients, stub: Stubs, console: Console) -> None:
    stub["s3"].add_response("list_objects_v2", {}, {"Bucket": "data", "Prefix": "x.png/"})
    with pytest.raises(Problem, match=r"INPUT=s3://data/x\.png is one object: pass its folder"):
        batch.batch(clients, KNOWN, "s3://data/x.png", "", "", console, "mlops")


@pytest.mark.parametrize(
    ("given", "words"), [("", "pass INPUT="), ("not-there", "INPUT=not-there is not there")]
)
def test_what_is_not_on_this_machine_is_said_without_a_call(given: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        batch.here(given)


def test_a_folder_is_taken_whole_but_for_hidden_files(tmp_path: Path) -> None:
    for name in ("b.png", "sub/a.png", ".DS_Store", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    assert batch.found(tmp_path) == [Item("b.png", 2), Item("sub/a.png", 2)]
    assert batch.found(tmp_path / "b.png") == [Item("b.png", 2)]
