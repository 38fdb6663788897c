"""What the registry, or a record in its place, answers about versions of the model."""

import json
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from botocore.response import StreamingBody

from scripts.lib.packages import Package, package
from tests.scripts.answers import START, described
from tests.scripts.conftest import Stubs

PREFIX = "mlops-0a1b2c3d"
ARTIFACTS = "mlops-artifactbucket-1"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-"
KNOWN = {
    "ProjectName": "mlops",
    "PipelineName": "mlops",
    "EndpointName": "mlops",
    "RepositoryName": "mlops",
    "VersionPrefix": PREFIX,
    "ArtifactBucket": ARTIFACTS,
    "TrainingWorkflowArn": f"{MACHINE}training",
    "ApprovalWorkflowArn": f"{MACHINE}approval",
    "DeploymentWorkflowArn": f"{MACHINE}deployment",
    "ApprovalDays": "7",
}
COMMIT = "0123456789ab"
DIGEST = f"sha256:{'d' * 64}"
IMAGE = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlops@{DIGEST}"
PERSON = "arn:aws:sts::123456789012:assumed-role/dev/jo"
NO_REGISTRY = (
    "ValidationException",
    "The requested operation is not available in the called region.",
)
NO_GROUP = ("ValidationException", "ModelPackageGroup mlops does not exist.")


def name(number: int) -> str:
    return f"{PREFIX}-{COMMIT}-{number:08x}"


def arn(number: int) -> str:
    return f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/mlops/{number}"


def description(number: int, status: str = "Approved", **metadata: str) -> dict[str, Any]:
    """A version as DescribeModelPackage tells of it; in `metadata`, _ stands for -."""
    more = {key.replace("_", "-"): value for key, value in metadata.items()}
    when = START + timedelta(hours=number)
    data = f"s3://{ARTIFACTS}/models/{name(number)}-0/output/model.tar.gz"
    return {
        "ModelPackageName": f"mlops/{number}",
        "ModelPackageGroupName": "mlops",
        "ModelPackageVersion": number,
        "ModelPackageArn": arn(number),
        "ModelPackageDescription": "98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "ModelApprovalStatus": status,
        "InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataUrl": data}]},
        "MetadataProperties": {"CommitId": COMMIT + "f" * 28, "GeneratedBy": f"{MACHINE}x"},
        "CreationTime": when,
        "LastModifiedTime": when,
        "CustomerMetadataProperties": {
            "version": name(number),
            "accuracy": "0.981",
            "evaluation": f"s3://{ARTIFACTS}/evaluations/{name(number)}/",
            **more,
        },
    }


def version(number: int, status: str = "Approved", **metadata: str) -> Package:
    return package(arn(number), description(number, status, **metadata))


def registry(stub: Stubs, *found: dict[str, Any], read: int | None = None) -> None:
    """A listing, the newest first, and the description of each of the first `read`."""
    summaries = [
        {
            "ModelPackageArn": one["ModelPackageArn"],
            "CreationTime": one["CreationTime"],
            "ModelPackageStatus": "Completed",
        }
        for one in found
    ]
    sagemaker = stub["sagemaker"]
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": summaries})
    for one in found[:read]:
        asked = {"ModelPackageName": one["ModelPackageArn"]}
        sagemaker.add_response("describe_model_package", one, asked)


def records(stub: Stubs, *found: dict[str, Any]) -> None:
    """A region without a registry, and what is recorded in its place."""
    stub["sagemaker"].add_client_error("list_model_packages", *NO_REGISTRY)
    keys = [f"registry/{one['CustomerMetadataProperties']['version']}.json" for one in found]
    # The order in which they were last written is not that in which they were registered
    listed = [
        {"Key": key, "LastModified": START + timedelta(days=number)}
        for number, key in enumerate([*keys, "registry/unavailable"])
    ]
    stub["s3"].add_response("list_objects_v2", {"Contents": listed})
    for key, one in reversed(list(zip(keys, found, strict=True))):
        kept = {field: value for field, value in one.items() if "ModelPackage" not in field}
        kept |= {"ModelPackageDescription": one["ModelPackageDescription"]}
        record(stub, key, json.dumps(kept, default=datetime.isoformat))


def record(stub: Stubs, key: str, text: str) -> None:
    body = text.encode()
    asked = {"Bucket": ARTIFACTS, "Key": key}
    stub["s3"].add_response("get_object", {"Body": stream(body)}, asked)


def stream(body: bytes) -> StreamingBody:
    return StreamingBody(BytesIO(body), len(body))


def serves(stub: Stubs, model: str, **tags: str) -> None:
    """An endpoint, its config, its model, and the model's tags; no name is no endpoint."""
    sagemaker = stub["sagemaker"]
    if not model:
        said = ("ValidationException", "Could not find endpoint")
        sagemaker.add_client_error("describe_endpoint", *said)
        return
    place = "arn:aws:sagemaker:eu-west-1:123456789012:"
    sagemaker.add_response(
        "describe_endpoint",
        {
            "EndpointName": "mlops",
            "EndpointArn": f"{place}endpoint/mlops",
            "EndpointConfigName": f"{model}-config",
            "EndpointStatus": "InService",
            "CreationTime": START,
            "LastModifiedTime": START,
        },
    )
    sagemaker.add_response(
        "describe_endpoint_config",
        {
            "EndpointConfigName": f"{model}-config",
            "EndpointConfigArn": f"{place}endpoint-config/{model}",
            "ProductionVariants": [{"VariantName": "main", "ModelName": model}],
            "CreationTime": START,
        },
    )
    data = f"s3://{ARTIFACTS}/models/{model}-0/output/model.tar.gz"
    sagemaker.add_response(
        "describe_model",
        {
            "ModelName": model,
            "ModelArn": f"{place}model/{model}",
            "CreationTime": START,
            "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": data},
        },
    )
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    sagemaker.add_response("list_tags", {"Tags": listed})


def keeps(stub: Stubs, **found: str) -> None:
    """Models of versions, the newest first: `v3="yes"` is one whose tag `served` says so, and which
    is as registered."""
    sagemaker, listed = stub["sagemaker"], list[dict[str, Any]]()
    place = "arn:aws:sagemaker:eu-west-1:123456789012:model/"
    for each in found:
        number = int(each[1:])
        summary = {"ModelName": name(number), "ModelArn": f"{place}{name(number)}"}
        listed.append({**summary, "CreationTime": START + timedelta(hours=number)})
    sagemaker.add_response("list_models", {"Models": listed})
    for summary, said in zip(listed, found.values(), strict=True):
        container = {"Image": IMAGE, "ModelDataUrl": data_of(summary["ModelName"])}
        asked = {"ModelName": summary["ModelName"]}
        sagemaker.add_response("describe_model", summary | {"PrimaryContainer": container}, asked)
        number = int(str(summary["ModelName"]).rsplit("-", 1)[1], 16)
        tags = {"served": said, "package": arn(number), "commit": COMMIT}
        told = [{"Key": key, "Value": value} for key, value in tags.items()]
        sagemaker.add_response("list_tags", {"Tags": told})


def data_of(model: str) -> str:
    return f"s3://{ARTIFACTS}/models/{model}-0/output/model.tar.gz"


def whole(stub: Stubs, number: int, *gone: str) -> None:
    """A version's configuration, image and archive are there, but for those that are gone."""
    config = {"EndpointConfigName": name(number)}
    if "config" in gone:
        said = ("ValidationException", "Could not find endpoint configuration")
        stub["sagemaker"].add_client_error("describe_endpoint_config", *said)
    else:
        variants = [{"VariantName": "AllTraffic", "ModelName": name(number)}]
        more = {"EndpointConfigArn": f"arn:aws:sagemaker:x:1:endpoint-config/{name(number)}"}
        more |= {"ProductionVariants": variants, "CreationTime": START}  # type: ignore[dict-item]
        stub["sagemaker"].add_response("describe_endpoint_config", config | more, config)
    if "image" in gone:
        stub["ecr"].add_client_error("describe_images", "ImageNotFoundException")
    else:
        asked = {"repositoryName": "mlops", "imageIds": [{"imageDigest": DIGEST}]}
        stub["ecr"].add_response("describe_images", {"imageDetails": []}, asked)
    key = data_of(name(number)).removeprefix(f"s3://{ARTIFACTS}/")
    listed = [{"Key": f"{key}{'.old' if 'archive' in gone else ''}"}]
    stub["s3"].add_response(
        "list_objects_v2",
        {"Contents": listed},
        {"Bucket": ARTIFACTS, "Prefix": key, "MaxKeys": 1},
    )


def waits(stub: Stubs, number: int, status: str = "RUNNING", days: int = 7) -> None:
    """The workflow that waits so many days for the decision about a version, since START."""
    execution = f"{MACHINE}approval:wait-{name(number)}".replace("stateMachine", "execution")
    answer = {"executionArn": execution, "stateMachineArn": "x", "status": status}
    stub["stepfunctions"].add_response(
        "describe_execution", answer | {"startDate": START}, {"executionArn": execution}
    )
    if status != "RUNNING":
        return
    laid = {"name": "BeginToWait", "output": json.dumps({"waited": {"days": 0, "most": days}})}
    event = {"id": 2, "timestamp": START, "type": "PassStateExited"}
    begin = {"id": 1, "timestamp": START, "type": "ExecutionStarted"}
    stub["stepfunctions"].add_response(
        "get_execution_history",
        {"events": [begin, {**event, "stateExitedEventDetails": laid}]},
        {"executionArn": execution, "maxResults": 20},
    )


def deployed(stub: Stubs, number: int, begun: bool, status: str = "FAILED") -> None:
    """Whether a deployment of a version has begun."""
    execution = f"{MACHINE}deployment:{name(number)}".replace("stateMachine", "execution")
    states, asked = stub["stepfunctions"], {"executionArn": execution}
    if begun:
        answer = {"executionArn": execution, "stateMachineArn": "x", "status": status}
        states.add_response("describe_execution", answer | {"startDate": START}, asked)
    else:
        said = ("ExecutionDoesNotExist", "Execution does not exist")
        states.add_client_error("describe_execution", *said, expected_params=asked)


def stack(stub: Stubs, **parameters: str) -> None:
    """A stack with these parameters."""
    listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    answer = described("CREATE_COMPLETE", Parameters=listed)
    stub["cloudformation"].add_response("describe_stacks", answer)
