"""A report is fetched whole or not at all, from this stack's evaluations only."""

import io
import webbrowser
from pathlib import Path

import pytest

from scripts import report
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, COMMIT, KNOWN, name

KEY = f"evaluations/{name(1)}/report.html"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "CI"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def stored(stub: Stubs, body: bytes) -> None:
    asked = {"Bucket": ARTIFACTS, "Key": KEY}
    stub["s3"].add_response("get_object", {"Body": versions.stream(body)}, asked)


def test_the_newest_report_is_fetched_and_its_path_printed(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.registry(stub, versions.description(1))
    stored(stub, b"<html>")
    report.report(clients, KNOWN, "", "mlops", console)
    path = Path(f"build/reports/{name(1)}/report.html")
    assert path.read_bytes() == b"<html>"
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
    assert page.getvalue().splitlines() == [
        f"Version 1 ({COMMIT})",
        "  98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        f"  {path}",
    ]


def test_where_there_is_a_browser_it_opens(
    clients: Clients,
    stub: Stubs,
    console: Console,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The person's own, by the variable that names it: here a program that notes the address."""
    note = folder / "browser"
    note.write_text(f'#!/bin/sh\necho "$1" >{folder}/opened\n')
    note.chmod(0o755)
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setenv("BROWSER", str(note))
    monkeypatch.setenv("DISPLAY", ":0")
    versions.registry(stub, versions.description(1))
    stored(stub, b"<html>")
    report.report(clients, KNOWN, "", "mlops", console)
    opened = (folder / "opened").read_text().strip()
    assert opened == f"file://{folder}/build/reports/{name(1)}/report.html"


@pytest.mark.parametrize(
    ("environment", "platform", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "a b"}, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a b"}, "darwin", False),
    ],
)
def test_a_browser_opens_only_where_a_person_would_see_it(
    environment: dict[str, str], platform: str, there: bool
) -> None:
    assert report.has_browser(environment, platform) is there


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"s3://another/evaluations/{name(1)}/",
        f"s3://{ARTIFACTS}/evaluations/../",
        f"s3://{ARTIFACTS}/evaluations/a/b/",
        f"s3://{ARTIFACTS}/models/{name(1)}/",
    ],
)
def test_what_is_no_evaluation_of_this_stack_is_not_fetched(clients: Clients, address: str) -> None:
    with pytest.raises(Problem, match="names no evaluation of this stack"):
        report.fetch(clients.s3, ARTIFACTS, versions.version(1, evaluation=address))


def test_a_report_that_is_gone_is_told(clients: Clients, stub: Stubs) -> None:
    stub["s3"].add_client_error("get_object", "NoSuchKey")
    with pytest.raises(Problem, match=f"{KEY} is gone"):
        report.fetch(clients.s3, ARTIFACTS, versions.version(1))


def test_a_report_that_is_too_large_is_not_written(
    clients: Clients, stub: Stubs, folder: Path
) -> None:
    stored(stub, b" " * (report.LARGEST + 1))
    with pytest.raises(Problem, match="larger than 50 MB"):
        report.fetch(clients.s3, ARTIFACTS, versions.version(1))
    assert not list(folder.rglob("*.html"))


def test_without_a_version_the_way_to_one_is_named(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    stub["sagemaker"].add_client_error("list_model_packages", *versions.NO_GROUP)
    with pytest.raises(Problem, match="`make train STACK=mlops` makes one"):
        report.report(clients, KNOWN, "", "mlops", console)
