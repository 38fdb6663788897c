"""Endpoints for tests: a model of a few bytes, really served."""

import io
import json
import tarfile
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws, settled, unique


def archive(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def configure(
    aws: Aws,
    image: str,
    name: str,
    files: dict[str, str] | None = None,
    role: str = "",
    **changes: Any,
) -> str:
    """A model and its endpoint configuration; returns the name of both."""
    bucket = aws.bucket()
    body = archive(files or {"name": name})
    aws.client("s3").put_object(Bucket=bucket, Key="model.tar.gz", Body=body)
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=role or aws.role("sagemaker"),
        PrimaryContainer={"Image": image, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant(name, **changes)]
    )
    return name


def variant(model: str, **changes: Any) -> dict[str, Any]:
    """None takes a member away."""
    members = {
        "VariantName": "AllTraffic",
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def standing_still(aws: Aws, name: str) -> dict[str, Any]:
    ask = aws.client("sagemaker").describe_endpoint
    moving = ("Creating", "Updating")
    return dict(settled(lambda: ask(EndpointName=name), "EndpointStatus", *moving))


def invoke(aws: Aws, name: str, body: bytes = b"{}", **headers: str) -> dict[str, Any]:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=body, **headers
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    return dict(json.loads(answer["Body"].read()))


def refusal(operation: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        operation(**request)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def serve(aws: Aws, image: str, **changes: Any) -> str:
    """The name of an endpoint in service, and of its model and configuration."""
    name = configure(aws, image, unique("served"), **changes)
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert standing_still(aws, name)["EndpointStatus"] == "InService"
    return name


class Load:
    """Steady requests while the block runs: who answered each, or why nobody did."""

    def __init__(self, aws: Aws, endpoint: str, clients: int = 2, body: bytes = b"{}") -> None:
        self._ask = partial(
            aws.client("sagemaker-runtime").invoke_endpoint, EndpointName=endpoint, Body=body
        )
        self._done = threading.Event()
        self._clients = [threading.Thread(target=self._steadily) for _ in range(clients)]
        self.answers: list[str] = []
        self.lost: list[Exception] = []

    def __enter__(self) -> "Load":
        for each in self._clients:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for each in self._clients:
            each.join()

    def _steadily(self) -> None:
        while not self._done.wait(0.01):
            try:
                self.answers.append(json.loads(self._ask()["Body"].read())["model"])
            except Exception as error:  # whatever it is, this request has no answer
                self.lost.append(error)
