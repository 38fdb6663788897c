"""Calls that come too fast, and the command that makes the endpoint refuse them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import throttle
from local.context import Context
from local.tests import remote
from local.tests.machines import run, task
from local.tests.remote import Remote


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    home = tmp_path_factory.mktemp("endpoint")
    started = remote.start(home)
    try:
        yield Remote(Context("eu-west-1", 0, home), remote.settings(home, started))
    finally:
        started.terminate()
        started.wait(30)


@pytest.fixture
def aws(process: Remote, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    process.enter(monkeypatch)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # clients retry by themselves what is throttled
    yield process
    for calls in (
        "sagemaker",
        "sagemaker:ListModels",
        "s3",
        "sns",
        "states",
        "states:StartExecution",
    ):
        throttle.main([calls, "--off"])


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def test_one_operation_is_refused_and_the_others_are_not(aws: Remote) -> None:
    sagemaker = aws.client("sagemaker")
    assert throttle.main(["sagemaker:ListModels"]) == 0
    assert code(sagemaker.list_models) == "ThrottlingException"
    sagemaker.list_endpoints()
    throttle.main(["sagemaker:ListModels", "--off"])
    sagemaker.list_models()


@pytest.mark.parametrize(
    ("service", "signed", "operation", "words"),
    [
        ("s3", "s3", "list_buckets", "SlowDown"),
        ("sns", "sns", "list_topics", "Throttled"),
        ("stepfunctions", "states", "list_state_machines", "ThrottlingException"),
    ],
)
def test_each_service_refuses_in_its_own_words(
    aws: Remote, service: str, signed: str, operation: str, words: str
) -> None:
    throttle.main([signed])
    assert code(getattr(aws.client(service), operation)) == words


def test_a_rate_lets_as_many_calls_through_each_second(aws: Remote) -> None:
    sagemaker = aws.client("sagemaker")
    throttle.main(["sagemaker", "--rate", "1"])
    assert code(sagemaker.list_models) == "ThrottlingException"  # the second before was busy
    time.sleep(1.1)
    sagemaker.list_models()
    assert code(sagemaker.list_models) == "ThrottlingException"


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("sagemaker:createModel", {"ModelName": "m"}, "SageMaker.AmazonSageMakerException"),
        ("aws-sdk:sagemaker:listModels", {}, "SageMaker.SageMakerException"),
        ("aws-sdk:s3:listBuckets", {}, "S3.S3Exception"),
        ("sns:publish", {"TopicArn": "t", "Message": "m"}, "SNS.ThrottledException"),
        (
            "states:startExecution",
            {"StateMachineArn": "m"},
            "StepFunctions.AWSStepFunctionsException",
        ),
    ],
)
def test_a_state_machine_sees_throttling_by_the_name_that_aws_gives_it(
    aws: Remote, resource: str, parameters: dict[str, str], error: str
) -> None:
    role, service = aws.role("states"), resource.removeprefix("aws-sdk:").partition(":")[0]
    if service == "states":
        throttle.main(["states:StartExecution", "--rate", "1"])
        time.sleep(1.1)  # the first start is the test's
    else:
        throttle.main([service])
    told = run(aws, role, task(resource, parameters))
    assert told["error"] == error
    assert "Service: " in told["cause"]
    assert told["cause"].startswith(("Rate exceeded", "Please reduce your request rate."))


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ("sage", "to throttle the service sage is not supported"),
        ("s3:ListBuckets", "to throttle one operation of s3 is not supported"),
    ],
)
def test_what_cannot_be_throttled_is_refused_in_words(
    aws: Remote, calls: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert throttle.main([calls]) == 2
    assert words in capsys.readouterr().err


def test_aws_itself_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert throttle.main(["sagemaker"]) == 2
    assert "only a local endpoint can be told to throttle" in capsys.readouterr().err
