"""What the batch workflow, and the model that answers a batch, must be able to do."""

from collections.abc import Iterator

from tests.permissions.deployed import TUNING, VERSION, Deployed
from tests.permissions.need import Need, need, of_any_workflow

# SageMaker Developer Guide
_MODEL = "SageMaker execution roles: CreateModel API"
_TRANSFORM = "SageMaker execution roles: CreateModel API, whose role reads and writes for a job"
_VOLUME = "Encrypt output data and storage volume with AWS KMS: kms:CreateGrant, kms:DescribeKey"
_LENT = "SageMaker API permissions reference: kms:CreateGrant where a key for volumes is named"
_GROUP = "Overview of managing access permissions (CloudWatch Logs): with and without :*"
_PARTS = "Uploading and copying objects using multipart upload (S3 User Guide): permissions, key"
# Step Functions Developer Guide
_JOBS = "Manage SageMaker AI jobs with Step Functions: IAM policies, CreateTransformJob"
_PUBLISH = "Key management (SNS Developer Guide): publishing to an encrypted topic"
_TAGS = "a request with Tags asks for sagemaker:AddTags (SageMaker API permissions)"
_PASS = "Grant a user permissions to pass a role to a service (IAM User Guide)"

_PULL = "ecr:BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"
_FOR_AWS = {"kms:GrantIsForAWSResource": "true"}
_OWN = "mlops-batch-1a2b3c4d-0a1b2c3d"
_JOB = "mlops-1a2b3c4d-batch-0a1b2c3d-0"


def needs(at: Deployed) -> Iterator[Need]:
    yield from _of_workflow(at, "BatchWorkflowRole")
    yield from _of_model(at, "BatchRole")


def _of_workflow(at: Deployed, role: str) -> Iterator[Need]:
    key = at.arns["Key"]
    yield from of_any_workflow(role)
    yield from need(role, "sns:Publish", at.arns["NotificationTopic"], "state Notify")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PUBLISH, at.via("sns"))
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    yield from need(role, "sagemaker:DescribeEndpoint", endpoint, "state FindEndpoint")
    for name in (VERSION, "1a2b3c4d-0a1b-2c3d"):  # one that Application Auto Scaling has left
        config = at.arn("sagemaker", f"endpoint-config/{name}")
        yield from need(role, "sagemaker:DescribeEndpointConfig", config, "state FindServingConfig")
    version, own = (at.arn("sagemaker", f"model/{name}") for name in (VERSION, _OWN))
    yield from need(role, "sagemaker:DescribeModel", version, "state FindVersion")
    yield from need(role, "sagemaker:CreateModel DeleteModel", own, "states CreateModel, Delete…")
    yield from need(role, "sagemaker:AddTags", own, f"state CreateModel; {_TAGS}")
    to_sagemaker = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    yield from need(role, "iam:PassRole", at.arns["BatchRole"], _PASS, to_sagemaker)
    job = at.arn("sagemaker", f"transform-job/{_JOB}")
    run = "sagemaker:CreateTransformJob DescribeTransformJob StopTransformJob ListTags"
    yield from need(role, run, job, f"state Transform; {_JOBS}")
    yield from need(role, "sagemaker:AddTags", job, f"state Transform; {_TAGS}")
    yield from need(role, "sagemaker:ListTransformJobs", "*", "state ListBatchJobs")
    rule = at.arn("events", "rule/StepFunctionsGetEventsForSageMakerTransformJobsRule")
    yield from need(role, "events:PutTargets PutRule DescribeRule", rule, _JOBS)
    yield from need(role, "kms:CreateGrant", key, _LENT, _FOR_AWS)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)


def _of_model(at: Deployed, role: str) -> Iterator[Need]:
    data, artifacts, key = at.arns["DataBucket"], at.arns["ArtifactBucket"], at.arns["Key"]
    yield from need(role, "ecr:GetAuthorizationToken", "*", _MODEL)
    yield from need(role, _PULL, at.arns["ImageRepository"], _MODEL)
    for folder in (f"{VERSION}-0", f"{VERSION}/{TUNING}-001-0a1b2c3d"):
        model = f"{artifacts}/models/{folder}/output/model.tar.gz"
        yield from need(role, "s3:GetObject", model, _MODEL)
    for prefix in ("", "data/", "pictures/"):
        yield from need(role, "s3:ListBucket", data, _TRANSFORM, {"s3:prefix": prefix})
    yield from need(role, "s3:GetObject", f"{data}/pictures/1.png", _TRANSFORM)
    yield from need(role, "s3:ListBucket", artifacts, _TRANSFORM, {"s3:prefix": "batch/in/"})
    yield from need(role, "s3:GetObject", f"{artifacts}/batch/in/1.png", _TRANSFORM)
    answer = f"{artifacts}/batch/out/1.png.out"
    yield from need(role, "s3:PutObject AbortMultipartUpload", answer, f"{_TRANSFORM}; {_PARTS}")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PARTS, at.via("s3"))
    yield from need(role, "kms:CreateGrant", key, _VOLUME, _FOR_AWS)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)
    group = "/aws/sagemaker/TransformJobs"
    for form in (f"log-group:{group}", f"log-group:{group}:*"):
        find = "logs:CreateLogGroup DescribeLogStreams"
        yield from need(role, find, at.arn("logs", form), f"{_MODEL}; {_GROUP}")
    for stream in (f"{_JOB}/i-0a1b2c3d-17", f"{_JOB}/i-0a1b2c3d-17/data-log"):
        streams = at.arn("logs", f"log-group:{group}:log-stream:{stream}")
        yield from need(role, "logs:CreateLogStream PutLogEvents", streams, _MODEL)
    namespace = {"cloudwatch:namespace": group}
    yield from need(role, "cloudwatch:PutMetricData", "*", _MODEL, namespace)
