"""A mistake costs one sentence and nothing else."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts.lib.problems import explain, guarded


def refusal(code: str, message: str, operation: str = "DescribeStacks") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_access_denied_names_the_action_and_the_role() -> None:
    said = (
        "User: arn:aws:sts::1:assumed-role/Dev/me is not authorized to perform: "
        "kms:CreateKey on resource: * because no identity-based policy allows the action"
    )
    assert explain(refusal("AccessDeniedException", said)) == (
        "access denied: arn:aws:sts::1:assumed-role/Dev/me may not kms:CreateKey on *"
    )


def test_expired_credentials_say_how_to_get_new_ones() -> None:
    assert "expired: log in again" in explain(refusal("ExpiredToken", "The token is expired"))


def test_keys_of_another_partition_are_explained() -> None:
    said = explain(refusal("InvalidClientTokenId", "The security token is invalid"))
    assert "keys work in one partition only: pass PROFILE=<name>, or a REGION of theirs" in said


def test_a_message_of_several_lines_becomes_one() -> None:
    error = refusal("ValidationError", "first\n  second")
    assert explain(error) == "AWS refused DescribeStacks: first second"


def test_an_interrupted_script_says_how_to_look_again(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise KeyboardInterrupt

    assert guarded(work, "It goes on.") == 130
    assert capsys.readouterr().err == "\nStopped looking. It goes on.\n"


def test_a_lost_connection_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise EndpointConnectionError(endpoint_url="https://x")

    assert guarded(work, "") == 1
    assert capsys.readouterr().err == "Error: AWS cannot be reached: is the network up?\n"
