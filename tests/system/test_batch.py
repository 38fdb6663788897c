"""The batch workflow of the template itself, with a model of a few lines that really answers."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.tests.aws import unique, wait
from local.tests.remote import Remote
from scripts import batch
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.system import deployments
from tests.system.deployments import Deployments
from tests.system.workflows import create_machine

RUN, COMMIT = "cafe1234", "0123456789ab"


pytestmark = pytest.mark.slow  # models are served by processes


class Batches:
    """The batch workflow of a project whose endpoint serves the version `one`."""

    def __init__(self, at: Deployments, clients: Clients) -> None:
        self.at, self.clients = at, clients
        self.data = at.aws.bucket()
        self.version = f"{at.name}-{COMMIT}-{RUN}"
        values = {
            "ProjectName": at.name,
            "VersionPrefix": at.name,
            "BatchModelPrefix": f"batch-{at.name}",
            "BatchInstanceType": "ml.m5.large",
            "DataBucket": self.data,
            "ArtifactBucket": at.bucket,
            "BatchRole": at.aws.role("sagemaker"),
            "Key": at.aws.client("kms").create_key()["KeyMetadata"]["Arn"],
            "Topic": at.mailbox.topic,
        }
        self.machine = create_machine(at.aws, "BatchWorkflow", f"{at.name}-batch", values)
        self.known = {
            "ArtifactBucket": at.bucket,
            "DataBucket": self.data,
            "BatchWorkflowArn": self.machine,
            "VersionPrefix": at.name,
        }

    def serve(self) -> None:
        ended = self.at.deploy({**self.at.input("x"), "name": self.version})
        assert ended["status"] == "SUCCEEDED", ended

    def put(self, **objects: str) -> str:
        s3, folder = self.at.aws.client("s3"), unique("heap")
        for name, text in objects.items():
            key = f"{folder}/{name.replace('__', '.')}"
            s3.put_object(Bucket=self.data, Key=key, Body=text.encode())
        return f"s3://{self.data}/{folder}/"

    def run(self, given: Path | str, version: str = "", output: str = "") -> tuple[int, str]:
        page = io.StringIO()
        console = Console(page, {"COLUMNS": "500"})
        code = batch.batch(self.clients, self.known, given, output, version, console, "mlops")
        return code, page.getvalue()

    def answers(self, said: str) -> dict[str, Any]:
        place = said.split("under ")[-1].split()[0]
        bucket, prefix = place.removeprefix("s3://").split("/", 1)
        s3 = self.at.aws.client("s3")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in listed if each["Key"].endswith(".out")]
        read = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        return {key.removeprefix(prefix): json.loads(text) for key, text in read.items()}

    def models(self) -> set[str]:
        listed = self.at.aws.client("sagemaker").list_models(NameContains=self.at.name)
        return {each["ModelName"] for each in listed["Models"]}


@pytest.fixture(scope="module")
def batches(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batches]:
    with pytest.MonkeyPatch.context() as patch:
        at = deployments.made(aws, tmp_path_factory.mktemp("images"), patch)
        made = Batches(at, Clients(boto3.Session(region_name=aws.context.region)))
        made.serve()
        yield made


def test_what_serves_answers_a_heap_and_nothing_is_left_but_the_answers(batches: Batches) -> None:
    code, said = batches.run(batches.put(a__json="[]", b__json="[1]"))
    assert code == 0, said
    assert f"{batches.version} answered 2 of 2." in said
    answers = batches.answers(said)
    assert {name: each["size"] for name, each in answers.items()} == {
        "a.json.out": 2,
        "b.json.out": 3,
    }
    assert {each["type"] for each in answers.values()} == {"application/json"}
    assert batches.models() == {batches.version}


def test_a_folder_is_uploaded_and_a_version_that_is_named_answers(
    batches: Batches, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("1.png", "sub/2.PNG", ".hidden"):
        (tmp_path / name).write_bytes(b"picture")
    code, said = batches.run(tmp_path, COMMIT)
    assert code == 0, said
    answers = batches.answers(said)
    assert set(answers) == {"1.png.out", "sub/2.PNG.out"}
    assert {each["type"] for each in answers.values()} == {"image/png"}


def test_what_is_not_answered_is_told_once_and_leaves_no_model(batches: Batches) -> None:
    code, said = batches.run(batches.put(a__csv="bad", b__csv="1,2"))
    assert code == 1
    assert "ClientError: See job logs for more information" in said
    assert "1 of 2 were answered" in said
    told = f"Commit {COMMIT}: BatchFailed"
    wait(lambda: any(told in each for each in batches.at.mailbox.read(0)))
    assert sum(told in each for each in batches.at.mailbox.read(0)) == 1
    assert batches.models() == {batches.version}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"contentType": None}, "InvalidInput"),
        ({"input": "s3://elsewhere/"}, "InvalidInput"),
        ({"output": "s3://elsewhere/"}, "InvalidInput"),
        ({"version": "another-0123456789ab-cafe1234"}, "InvalidInput"),
        ({"version": "{name}-0123456789ab-00000000"}, "VersionNotKept"),
    ],
)
def test_what_may_not_be_asked_is_refused_before_anything_is_made(
    batches: Batches, changed: dict[str, str | None], error: str
) -> None:
    own = f"s3://{batches.at.bucket}/batch/x/"
    given = {"input": own, "output": own, "version": "", "contentType": "text/csv"}
    given |= {name: (value or "").format(name=batches.at.name) for name, value in changed.items()}
    given = {name: value for name, value in given.items() if changed.get(name, "") is not None}
    started = batches.at.aws.client("stepfunctions").start_execution(
        stateMachineArn=batches.machine, input=json.dumps(given)
    )
    ended = batches.at.ended(started["executionArn"])
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert batches.models() == {batches.version}


def test_a_batch_that_is_stopped_stops_its_job(batches: Batches) -> None:
    source = batches.put(**{f"n{number}__csv": "slow" for number in range(80)})
    own = f"s3://{batches.at.bucket}/batch/stopped/"
    given = {"input": source, "output": own, "version": "", "contentType": "text/csv"}
    name = unique("batch")
    batches.at.aws.client("stepfunctions").start_execution(
        stateMachineArn=batches.machine, name=name, input=json.dumps(given)
    )
    sagemaker = batches.at.aws.client("sagemaker")

    def job(status: str) -> Any:
        return sagemaker.list_transform_jobs(NameContains=batches.at.name, StatusEquals=status)[
            "TransformJobSummaries"
        ]

    wait(lambda: job("InProgress"))
    page = io.StringIO()
    batch.stop(batches.clients, batches.known, name, Console(page, {}))
    assert wait(lambda: job("Stopped"))
    assert f"Stopped {name}" in page.getvalue()
    assert "the model in SageMaker that was made for it alone" in page.getvalue()
    assert batches.models() > {batches.version}
    batch.stop(batches.clients, batches.known, name, Console(page, {}))
    assert f"{name} has ended as ABORTED: there is nothing to stop" in page.getvalue()
    with pytest.raises(Problem, match="there is no batch of that name"):
        batch.stop(batches.clients, batches.known, "none", Console(io.StringIO(), {}))
