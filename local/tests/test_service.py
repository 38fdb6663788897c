"""What all services share: how they say no, and how they hand out pages."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import local
from local.refusals import unsupported
from local.tests.aws import Aws, unique


def test_a_refusal_names_what_is_not_there_and_what_is() -> None:
    assert unsupported("Pipe") == "Pipe is not supported by the local endpoint"
    told = unsupported("Pipe", "File", "FastFile")
    assert told == "Pipe is not supported by the local endpoint (supported: File, FastFile)"


def test_the_words_of_a_refusal_stand_in_one_place() -> None:
    files = [
        file for file in Path(local.__file__).parent.rglob("*.py") if "tests" not in file.parts
    ]
    words = "not supported by the local endpoint"
    assert [file.name for file in files if words in file.read_text()] == ["refusals.py"]


@pytest.mark.parametrize("token", ["soon", "-1"])
@pytest.mark.parametrize(
    ("service", "operation", "name", "code"),
    [
        ("sagemaker", "list_models", "NextToken", "ValidationException"),
        ("stepfunctions", "list_executions", "nextToken", "InvalidToken"),
    ],
)
def test_a_page_that_was_never_given_is_refused_in_the_services_own_words(
    aws: Aws, service: str, operation: str, name: str, code: str, token: str
) -> None:
    client, asked = aws.client(service), {name: token}
    if service == "stepfunctions":
        definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
        asked["stateMachineArn"] = client.create_state_machine(
            name=unique("machine"), definition=definition, roleArn=aws.role("states")
        )["stateMachineArn"]
    with pytest.raises(ClientError, match=f"'{token}' was not given") as refused:
        getattr(client, operation)(**asked)
    assert refused.value.response["Error"]["Code"] == code
