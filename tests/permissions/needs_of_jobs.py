"""What SageMaker must be able to do for jobs, an endpoint and the notebook."""

from collections.abc import Iterator

from tests.permissions.deployed import TUNING, VERSION, Deployed
from tests.permissions.need import Need, need

# SageMaker Developer Guide
_TRAIN = "SageMaker execution roles: CreateTrainingJob API"
_TUNE = "SageMaker execution roles: CreateHyperParameterTuningJob API"
_EVALUATE = "SageMaker execution roles: CreateProcessingJob API"
_SERVE = "SageMaker execution roles: CreateModel API"
_ALARMS = "Auto-Rollback Configuration and Monitoring: cloudwatch:DescribeAlarms"
_CAPTURE = "Capture data from real-time endpoint: the role of the model writes it, under the key"
_NOTEBOOK = "SageMaker execution roles: CreateNotebookInstance API"
_SYNC = "Checkpoints in SageMaker AI: copied from S3, to S3, and deleted there"
_VOLUME = "Encrypt output data and storage volume with AWS KMS: kms:CreateGrant, kms:DescribeKey"
# S3 User Guide
_LISTED = "Checkpoints in SageMaker AI; ListObjectsV2 (S3 API Reference): s3:ListBucket"
_PARTS = "Uploading and copying objects using multipart upload: permissions, abort among them"
_PARTS_KEY = "Uploading and copying objects using multipart upload: Decrypt, GenerateDataKey"
# CloudWatch Logs User Guide
_GROUP = "Overview of managing access permissions: a log group's ARN, with and without :*"

_PULL = "ecr:BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"
_WRITE = "s3:PutObject AbortMultipartUpload"


def needs(at: Deployed) -> Iterator[Need]:
    yield from _runs_image(at, "TrainingJobRole", "TrainingJobs", f"{VERSION}-0/algo-1-17", _TRAIN)
    yield from _of_training_job(at, "TrainingJobRole")
    stream = f"{TUNING}-001-0a1b2c3d/algo-1-17"
    yield from _writes_logs(at, "TrainingJobRole", "/aws/sagemaker/TrainingJobs", stream, _TUNE)
    tuned = f"models/{VERSION}/{TUNING}-001-0a1b2c3d/output/model.tar.gz"
    for role in ("EvaluationJobRole", "HostingRole"):
        yield from need(role, "s3:GetObject", at.under("ArtifactBucket", tuned), _TUNE)
    yield from need("TrainingJobRole", _WRITE, at.under("ArtifactBucket", tuned), _TUNE)
    stream = f"{VERSION}-0/algo-1-17"
    yield from _runs_image(at, "EvaluationJobRole", "ProcessingJobs", stream, _EVALUATE)
    yield from _of_evaluation_job(at, "EvaluationJobRole")
    stream = f"{VERSION}-prepare-0/algo-1-17"
    yield from _runs_image(at, "PreparationJobRole", "ProcessingJobs", stream, _EVALUATE)
    yield from _of_preparation_job(at, "PreparationJobRole")
    yield from _runs_image(at, "HostingRole", "Endpoints", "AllTraffic/i-0a1b2c3d", _SERVE)
    model = at.under("ArtifactBucket", f"models/{VERSION}-0/output/model.tar.gz")
    yield from need("HostingRole", "s3:GetObject", model, _SERVE)
    yield from need("HostingRole", "kms:Decrypt", at.arns["Key"], _SERVE, at.via("s3"))
    for alarm in at.alarms():
        yield from need("HostingRole", "cloudwatch:DescribeAlarms", alarm, _ALARMS)
    captured = at.under("ArtifactBucket", "capture/mlops/AllTraffic/2026/11/28/10/00-00-0a1b.jsonl")
    yield from need("HostingRole", "s3:PutObject", captured, _CAPTURE)
    yield from need("HostingRole", "kms:GenerateDataKey", at.arns["Key"], _CAPTURE, at.via("s3"))
    yield from _of_notebook(at, "NotebookRole")


def _runs_image(at: Deployed, role: str, kind: str, stream: str, source: str) -> Iterator[Need]:
    """What every container of SageMaker needs."""
    yield from need(role, "ecr:GetAuthorizationToken", "*", source)
    yield from need(role, _PULL, at.arns["ImageRepository"], source)
    group = f"/aws/sagemaker/{kind}" + ("/mlops" if kind == "Endpoints" else "")
    yield from _writes_logs(at, role, group, stream, source)
    namespace = {"cloudwatch:namespace": f"/aws/sagemaker/{kind}"}
    yield from need(role, "cloudwatch:PutMetricData", "*", source, namespace)


def _of_training_job(at: Deployed, role: str) -> Iterator[Need]:
    data, artifacts, key = at.arns["DataBucket"], at.arns["ArtifactBucket"], at.arns["Key"]
    yield from need(role, "s3:ListBucket", data, _TRAIN, {"s3:prefix": "data/"})
    yield from need(role, "s3:GetObject", f"{data}/data/train.tfrecords", _TRAIN)
    yield from _reads_prepared(at, role, _TRAIN)
    output = f"{artifacts}/models/{VERSION}-spot-0/output/model.tar.gz"
    yield from need(role, _WRITE, output, f"{_TRAIN}; {_PARTS}")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PARTS_KEY, at.via("s3"))
    yield from need(role, "kms:Encrypt", key, f"{_TRAIN}: a key for the output")
    lent = {"kms:GrantIsForAWSResource": "true"}
    yield from need(role, "kms:CreateGrant", key, f"{_TRAIN}; {_VOLUME}", lent)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)
    folder = "checkpoints/0a1b2c3d"
    yield from need(role, "s3:ListBucket", artifacts, _LISTED, {"s3:prefix": f"{folder}/"})
    for name in ("step.npz", "logs/0.jsonl"):
        yield from need(role, "s3:GetObject DeleteObject", f"{artifacts}/{folder}/{name}", _SYNC)
        yield from need(role, _WRITE, f"{artifacts}/{folder}/{name}", f"{_SYNC}; {_PARTS}")


def _of_evaluation_job(at: Deployed, role: str) -> Iterator[Need]:
    data, artifacts, key = at.arns["DataBucket"], at.arns["ArtifactBucket"], at.arns["Key"]
    yield from need(role, "s3:ListBucket", data, _EVALUATE, {"s3:prefix": "data/"})
    # The whole folder, as the training had it
    yield from need(role, "s3:GetObject", f"{data}/data/train.tfrecords", _EVALUATE)
    yield from _reads_prepared(at, role, _EVALUATE)
    # Of the candidate, and of what serves
    model = f"models/{VERSION}-0/output/model.tar.gz"
    yield from need(role, "s3:ListBucket", artifacts, _EVALUATE, {"s3:prefix": model})
    yield from need(role, "s3:GetObject", f"{artifacts}/{model}", _EVALUATE)
    output = f"{artifacts}/evaluations/{VERSION}/report.html"
    yield from need(role, _WRITE, output, f"{_EVALUATE}; {_PARTS}")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PARTS_KEY, at.via("s3"))
    yield from need(role, "kms:Encrypt", key, f"{_EVALUATE}: a key for the output")
    lent = {"kms:GrantIsForAWSResource": "true"}
    yield from need(role, "kms:CreateGrant", key, f"{_EVALUATE}; {_VOLUME}", lent)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)


def _of_preparation_job(at: Deployed, role: str) -> Iterator[Need]:
    data, artifacts, key = at.arns["DataBucket"], at.arns["ArtifactBucket"], at.arns["Key"]
    yield from need(role, "s3:ListBucket", data, _EVALUATE, {"s3:prefix": "data/"})
    yield from need(role, "s3:GetObject", f"{data}/data/train.tfrecords", _EVALUATE)
    output = f"{artifacts}/prepared/{VERSION}/train.tfrecords"
    yield from need(role, _WRITE, output, f"{_EVALUATE}; {_PARTS}")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PARTS_KEY, at.via("s3"))
    yield from need(role, "kms:Encrypt", key, f"{_EVALUATE}: a key for the output")
    lent = {"kms:GrantIsForAWSResource": "true"}
    yield from need(role, "kms:CreateGrant", key, f"{_EVALUATE}; {_VOLUME}", lent)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)


def _reads_prepared(at: Deployed, role: str, source: str) -> Iterator[Need]:
    folder = f"prepared/{VERSION}/"
    listed = {"s3:prefix": folder}
    yield from need(role, "s3:ListBucket", at.arns["ArtifactBucket"], source, listed)
    file = at.under("ArtifactBucket", f"{folder}train.tfrecords")
    yield from need(role, "s3:GetObject", file, source)


def _of_notebook(at: Deployed, role: str) -> Iterator[Need]:
    data, itself = at.arns["DataBucket"], at.arn("sagemaker", "notebook-instance/mlops")
    yield from need(
        role, "s3:ListBucket", data, "README: `aws s3 ls` of the data", {"s3:prefix": ""}
    )
    yield from need(role, "s3:ListBucket", data, "boto3: list_objects_v2(Bucket=…), no prefix")
    yield from need(role, "s3:GetObject", f"{data}/data/train.tfrecords", "look at the data")
    yield from need(role, "s3:GetObject", f"{data}/captured/1.jsonl", "look at what was added")
    model = at.under("ArtifactBucket", f"models/{VERSION}-0/output/model.tar.gz")
    tuned = at.under(
        "ArtifactBucket", f"models/{VERSION}/{TUNING}-001-0a1b2c3d/output/model.tar.gz"
    )
    for each in (model, tuned):
        yield from need(role, "s3:GetObject", each, "look at a model")
    yield from need(role, _WRITE, f"{data}/data/new.tfrecords", f"add data; {_PARTS}")
    yield from need(role, "kms:Decrypt GenerateDataKey", at.arns["Key"], _PARTS_KEY, at.via("s3"))
    pull = "Associate Git repositories with notebook instances: DefaultCodeRepository"
    yield from need(role, "codecommit:GitPull GitPush", at.arns["CodeRepository"], pull)
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    yield from need(role, "sagemaker:InvokeEndpoint", endpoint, "ask the model")
    yield from need(role, "ecr:DescribeImages", at.arns["ImageRepository"], "see what was built")
    yield from need(role, "sagemaker:StopNotebookInstance", itself, "stop-when-idle calls it")
    group = "/aws/sagemaker/NotebookInstances"
    yield from _writes_logs(at, role, group, "mlops/jupyter.log", _NOTEBOOK)


def _writes_logs(at: Deployed, role: str, group: str, stream: str, source: str) -> Iterator[Need]:
    for form in (f"log-group:{group}", f"log-group:{group}:*"):
        find = f"{source}; {_GROUP}"
        yield from need(role, "logs:CreateLogGroup DescribeLogStreams", at.arn("logs", form), find)
    streams = at.arn("logs", f"log-group:{group}:log-stream:{stream}")
    yield from need(role, "logs:CreateLogStream PutLogEvents", streams, source)
