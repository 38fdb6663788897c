"""Processing jobs for tests: what they ask for, and how they end."""

from typing import Any

from local.tests.aws import Aws, settled, unique

GROUP = "/aws/sagemaker/ProcessingJobs"
ML = "/opt/ml/processing"


def request(aws: Aws, image: str, **changes: Any) -> dict[str, Any]:
    bucket = aws.bucket(data__a="apple", data__sub__b="pear", models__one="weights")
    return {
        "ProcessingJobName": unique("job"),
        "RoleArn": aws.role("sagemaker"),
        "AppSpecification": {"ImageUri": image},
        "ProcessingInputs": [
            given("data", f"s3://{bucket}/data/", f"{ML}/input/data"),
            given("model", f"s3://{bucket}/models/one", f"{ML}/input/candidate"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [left("report", f"s3://{bucket}/reports/", f"{ML}/output/report")]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Tags": [{"Key": "project", "Value": "p"}],
        **changes,
    }


def given(name: str, uri: str, path: str) -> dict[str, Any]:
    """An input."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def left(name: str, uri: str, path: str) -> dict[str, Any]:
    """An output."""
    place = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": place}


def start(aws: Aws, job: dict[str, Any]) -> str:
    aws.client("sagemaker").create_processing_job(**job)
    return str(job["ProcessingJobName"])


def ended(aws: Aws, name: str) -> dict[str, Any]:
    ask = aws.client("sagemaker").describe_processing_job
    moving = ("InProgress", "Stopping")
    return dict(settled(lambda: ask(ProcessingJobName=name), "ProcessingJobStatus", *moving))


def outputs(aws: Aws, job: dict[str, Any]) -> dict[str, bytes]:
    """What lies where the job's outputs go, by the names there."""
    s3, found = aws.client("s3"), {}
    for each in job["ProcessingOutputConfig"]["Outputs"]:
        bucket, prefix = each["S3Output"]["S3Uri"].removeprefix("s3://").split("/", 1)
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[item["Key"].removeprefix(prefix).lstrip("/")] = body
    return found
