"""Transform jobs: a model answers a heap of objects, and what is told of it."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import SERVE, Aws, settled, unique, wait
from local.tests.endpoints import configure, refusal

GROUP = "/aws/sagemaker/TransformJobs"
# Answers with the request in brackets, or with what it found in its environment
ECHO = SERVE.replace(
    'path = os.environ["SAGEMAKER_BASE_DIR"] + "/model/name"',
    'if body == b"wait":\n            print("waits", flush=True)\n            time.sleep(2)\n'
    '        if body == b"who":\n'
    "            names = sorted(n for n in os.environ if n.startswith('SAGEMAKER_') and n !="
    " 'SAGEMAKER_BASE_DIR' and 'PORT' not in n)\n"
    "            said = [f'{n}={os.environ[n]}' for n in [*names, 'MINE']]\n"
    '            return self.answer(200, " ".join(said).encode())\n'
    '        return self.answer(200, b"[" + body + b"]" + self.headers["Content-Type"].encode())\n'
    '        path = ""',
)


@pytest.fixture(scope="module")
def model(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    image = aws.image(tmp_path_factory.mktemp("images"), serve=ECHO)
    return configure(aws, image, unique("model"))


def request(aws: Aws, model: str, objects: dict[str, str], **changes: Any) -> dict[str, Any]:
    bucket, s3 = aws.bucket(), aws.client("s3")
    for key, text in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    job: dict[str, Any] = {
        "TransformJobName": unique("job"),
        "ModelName": model,
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in"}
            },
            "ContentType": "text/plain",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    for name, value in changes.items():
        old = job.get(name)
        job[name] = {**old, **value} if isinstance(old, dict) else value
    return job


def ended(aws: Aws, job: dict[str, Any]) -> dict[str, Any]:
    sagemaker, name = aws.client("sagemaker"), job["TransformJobName"]
    sagemaker.create_transform_job(**job)
    ask = sagemaker.describe_transform_job
    moving = ("InProgress", "Stopping")
    return dict(settled(lambda: ask(TransformJobName=name), "TransformJobStatus", *moving))


def outputs(aws: Aws, job: dict[str, Any]) -> dict[str, str]:
    bucket = job["TransformOutput"]["S3OutputPath"].split("/")[2]
    s3, found = aws.client("s3"), {}
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="out/").get("Contents", []):
        body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        found[item["Key"].removeprefix("out/")] = body.decode()
    return found


def logs(aws: Aws, name: str) -> list[list[str]]:
    """The lines of the server, and those about the data."""
    client = aws.client("logs")
    asked = {"logGroupName": GROUP, "logStreamNamePrefix": f"{name}/i-"}
    streams = client.describe_log_streams(**asked)["logStreams"]
    names = sorted(each["logStreamName"] for each in streams)
    assert names[1:] in ([], [f"{names[0]}/data-log"])  # that begins a moment later
    read = [client.get_log_events(logGroupName=GROUP, logStreamName=each) for each in names]
    return [[event["message"] for event in each["events"]] for each in read]


def left_behind(aws: Aws) -> list[Path]:
    return list((aws.context.home / "transform").glob("*"))


def test_each_object_is_answered_under_its_own_name(aws: Aws, model: str) -> None:
    job = ended(aws, request(aws, model, {"in/a.txt": "apple", "in/sub/b.txt": "pear"}))
    assert job["TransformJobStatus"] == "Completed"
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    found = outputs(aws, job)
    assert found == {"a.txt.out": "[apple]text/plain", "sub/b.txt.out": "[pear]text/plain"}
    assert not left_behind(aws)


def test_the_container_knows_that_it_is_asked_for_a_batch(aws: Aws, model: str) -> None:
    job = ended(
        aws,
        request(
            aws,
            model,
            {"in/a": "who"},
            MaxConcurrentTransforms=2,
            BatchStrategy="SingleRecord",
            Environment={"MINE": "yes"},
        ),
    )
    assert outputs(aws, job)["a.out"] == (
        "SAGEMAKER_BATCH=true SAGEMAKER_BATCH_STRATEGY=SINGLE_RECORD "
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS=2 MINE=yes"
    )


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("SingleRecord", "[1\n]text/plain\n[2\n]text/plain\n"),
        ("MultiRecord", "[1\n2\n]text/plain\n"),
    ],
)
def test_lines_go_one_by_one_or_together(
    aws: Aws, model: str, strategy: str, expected: str
) -> None:
    job = ended(
        aws,
        request(
            aws,
            model,
            {"in/lines": "1\n2\n"},
            BatchStrategy=strategy,
            TransformInput={"SplitType": "Line"},
            TransformOutput={"AssembleWith": "Line"},
        ),
    )
    assert outputs(aws, job) == {"lines.out": expected}


@pytest.mark.parametrize(
    ("bad", "blamed", "line"),
    [
        ("bad", "ClientError", "ClientError: 400"),
        ("fail", "AlgorithmError", "AlgorithmError: 500"),
        ("x" * (1024**2 + 1), "ClientError", "Too much data for max payload size"),
    ],
)
def test_an_object_without_an_answer_fails_the_job_and_not_the_others(
    aws: Aws, model: str, bad: str, blamed: str, line: str
) -> None:
    job = ended(aws, request(aws, model, {"in/a": bad, "in/b": "pear"}, MaxPayloadInMB=1))
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == f"{blamed}: See job logs for more information"
    assert outputs(aws, job) == {"b.out": "[pear]text/plain"}
    server, data = logs(aws, job["TransformJobName"])
    assert server[0] == "serving []"
    assert any(f"/in/a: {line}" in each for each in data)


def test_a_prefix_without_objects_fails_the_job(aws: Aws, model: str) -> None:
    job = ended(aws, request(aws, model, {"other": "x"}))
    assert job["FailureReason"].startswith("ClientError: Data download failed")
    assert job["FailureReason"].endswith("matched no files on s3")


def test_a_server_that_does_not_start_fails_the_job(aws: Aws, tmp_path: Path) -> None:
    broken = configure(aws, aws.image(tmp_path, serve="exit 1"), unique("model"))
    job = ended(aws, request(aws, broken, {"in/a": "x"}))
    assert job["FailureReason"].startswith("AlgorithmError: ")
    assert not left_behind(aws)


def test_a_stopped_job_leaves_no_process(aws: Aws, model: str) -> None:
    sagemaker = aws.client("sagemaker")
    asked = request(aws, model, {f"in/{n}": "wait" for n in range(9)})
    sagemaker.create_transform_job(**asked)
    name = asked["TransformJobName"]
    ask = sagemaker.describe_transform_job
    wait(lambda: "TransformStartTime" in ask(TransformJobName=name))
    wait(lambda: "waits" in logs(aws, name)[0])
    sagemaker.stop_transform_job(TransformJobName=name)
    job = settled(lambda: ask(TransformJobName=name), "TransformJobStatus", "Stopping")
    assert job["TransformJobStatus"] == "Stopped"
    assert len(outputs(aws, job)) < 9  # what was under way was answered
    assert not left_behind(aws)
    said = refusal(sagemaker.stop_transform_job, TransformJobName=name)
    assert "the transform job is in status Stopped" in said


def test_a_job_is_listed_and_its_name_is_never_free_again(aws: Aws, model: str) -> None:
    asked = request(aws, model, {"in/a": "x"})
    ended(aws, asked)
    sagemaker, name = aws.client("sagemaker"), asked["TransformJobName"]
    (row,) = sagemaker.list_transform_jobs(NameContains=name)["TransformJobSummaries"]
    assert (row["TransformJobStatus"], "LastModifiedTime" in row) == ("Completed", True)
    assert refusal(sagemaker.create_transform_job, **asked).startswith("ResourceInUse")
    said = refusal(sagemaker.describe_transform_job, TransformJobName="none")
    assert said == "ValidationException: Could not find requested job with name: none"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TransformInput": {"SplitType": "RecordIO"}}, "RecordIO"),
        ({"TransformInput": {"CompressionType": "Gzip"}}, "Gzip"),
        ({"TransformResources": {"InstanceCount": 2}}, "InstanceCount"),
        ({"MaxPayloadInMB": 0}, "MaxPayloadInMB 0"),
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "must not exceed 100"),
        ({"ModelName": "none"}, 'Could not find model "arn'),
    ],
)
def test_what_is_not_done_is_refused_by_name(
    aws: Aws, model: str, changes: dict[str, Any], words: str
) -> None:
    asked = request(aws, model, {}, **changes)
    with pytest.raises(ClientError, match=words):
        aws.client("sagemaker").create_transform_job(**asked)
