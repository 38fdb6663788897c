"""Where a script works is settled before it does anything; what is missing is named."""

from typing import Any

import boto3
import pytest

from scripts import status
from scripts.lib.problems import Problem
from scripts.lib.session import PATIENT, Clients, check_region, connect


def test_a_region_with_a_typo_is_refused_with_the_right_one() -> None:
    with pytest.raises(Problem, match=r"'us-esat-1' is unknown: did you mean .*us-east-1"):
        check_region(boto3.Session(), "us-esat-1")


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1", "ap-south-2"])
def test_regions_of_every_partition_are_known(region: str) -> None:
    check_region(boto3.Session(), region)


def test_a_region_like_no_other_is_told_the_form() -> None:
    with pytest.raises(Problem, match=r"'nowhere' is unknown: pass one such as REGION=eu-west-1"):
        connect("nowhere", None)


def test_without_a_region_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(Problem, match="no region: pass REGION="):
        connect(None, None)


def test_without_region_and_credentials_both_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Problem, match=r"no region and no AWS credentials: .*make local"):
        connect(None, None)


def test_without_credentials_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Problem, match="no AWS credentials: run `aws configure`"):
        connect("eu-west-1", None)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(Problem, match="profile 'nobody' is not in"):
        connect("eu-west-1", "nobody")


def test_an_endpoint_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Problem, match=r"is the local endpoint running at http://127\.0\.0\.1:9\?"):
        connect("eu-west-1", None)


def test_who_calls_a_lot_at_once_goes_more_slowly_when_refused(memory: Clients) -> None:
    config: Any = connect("eu-west-1", None, PATIENT).logs.meta.config
    assert config.retries["mode"] == "adaptive"


def test_a_script_without_credentials_exits_2_and_says_what_to_do_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert status.main(["--region", "eu-west-1"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "`make local` in another terminal and `source .local/env`" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("name", ["1st", "My_Stack", "", "x" * 119])
def test_a_name_no_stack_can_have_is_refused_in_a_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        status.main(["--stack", name])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith(f"Error: STACK={name} is no stack name: a letter first")
    assert "usage" not in said
