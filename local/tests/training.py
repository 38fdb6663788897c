"""Training jobs for tests: what they ask for, and what is left of them."""

import io
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws, settled, unique

GROUP = "/aws/sagemaker/TrainingJobs"
METRICS = [
    {"Name": "eval:accuracy", "Regex": "eval:accuracy=([0-9.]+)"},
    {"Name": "train:loss", "Regex": r"train:loss=(\S+)"},
    {"Name": "never", "Regex": "never=([0-9.]+)"},
]


def request(aws: Aws, image: str, **changes: Any) -> dict[str, Any]:
    bucket = aws.bucket(data__a="apple", data__sub__b="pear")
    return {
        "TrainingJobName": unique("job"),
        "RoleArn": aws.role("sagemaker"),
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": METRICS,
        },
        "HyperParameters": {"epochs": "3"},
        "Environment": {"FROM_REQUEST": "too"},
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "project", "Value": "p"}],
        **changes,
    }


def start(aws: Aws, job: dict[str, Any]) -> str:
    aws.client("sagemaker").create_training_job(**job)
    return str(job["TrainingJobName"])


def ended(aws: Aws, name: str) -> dict[str, Any]:
    ask = aws.client("sagemaker").describe_training_job
    moving = ("InProgress", "Stopping")
    return dict(settled(lambda: ask(TrainingJobName=name), "TrainingJobStatus", *moving))


def refusal(aws: Aws, job: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        start(aws, job)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def archive(aws: Aws, uri: str) -> dict[str, bytes]:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = [entry for entry in tar if entry.isfile()]
        return {entry.name: tar.extractfile(entry).read() for entry in files}  # type: ignore[union-attr]


def course(job: dict[str, Any]) -> list[str]:
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def lines(aws: Aws, job: str, host: str = "algo-1") -> list[str]:
    """What an instance has printed, over all attempts; nothing before its first."""
    logs = aws.client("logs")
    try:
        streams = logs.describe_log_streams(
            logGroupName=GROUP, logStreamNamePrefix=f"{job}/{host}-"
        )["logStreams"]
    except ClientError:
        return []
    pages = [
        logs.get_log_events(
            logGroupName=GROUP, logStreamName=each["logStreamName"], startFromHead=True
        )
        for each in sorted(streams, key=lambda each: each["logStreamName"])
    ]
    return [event["message"] for page in pages for event in page["events"]]
