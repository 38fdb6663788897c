"""What the drift workflow, and the job that compares, must be able to do."""

from collections.abc import Iterator

from tests.permissions.deployed import VERSION, Deployed
from tests.permissions.need import Need, need, of_any_workflow

# SageMaker Developer Guide
_JOB = "SageMaker execution roles: CreateProcessingJob API"
_VOLUME = "Encrypt output data and storage volume with AWS KMS: kms:CreateGrant, kms:DescribeKey"
_LENT = "SageMaker API permissions reference: kms:CreateGrant where a key for volumes is named"
_GROUP = "Overview of managing access permissions (CloudWatch Logs): with and without :*"
_PARTS = "Uploading and copying objects using multipart upload (S3 User Guide): permissions, key"
# Step Functions Developer Guide
_JOBS = "Manage SageMaker AI jobs with Step Functions: IAM policies, CreateProcessingJob"
_PUBLISH = "Key management (SNS Developer Guide): publishing to an encrypted topic"
_TAGS = "SageMaker API permissions: sagemaker:AddTags of a request with Tags"
_PASS = "Grant a user permissions to pass a role to a service (IAM User Guide)"
_OBJECTS = "GetObject, PutObject, ListObjectsV2 (S3 API Reference): permissions, and of the key"

_PULL = "ecr:BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"
_FOR_AWS = {"kms:GrantIsForAWSResource": "true"}
_RUN = "mlops-1a2b3c4d-drift-0a1b2c3d-0"
_LEFT = f"drift/{VERSION}/0a1b/drift.json"
_BASELINE = f"evaluations/{VERSION}/baseline.json"
_CAPTURED = "capture/mlops/AllTraffic/2026/11/28/10/00-00-0a1b.jsonl"


def needs(at: Deployed) -> Iterator[Need]:
    yield from _of_workflow(at, "DriftWorkflowRole")
    yield from _of_job(at, "DriftJobRole")


def _of_workflow(at: Deployed, role: str) -> Iterator[Need]:
    key, artifacts = at.arns["Key"], at.arns["ArtifactBucket"]
    yield from of_any_workflow(role)
    yield from need(role, "sns:Publish", at.arns["NotificationTopic"], "states Notify, TellDrift")
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PUBLISH, at.via("sns"))
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    yield from need(role, "sagemaker:DescribeEndpoint", endpoint, "state FindEndpoint")
    for name in (VERSION, "1a2b3c4d-0a1b-2c3d"):  # one that Application Auto Scaling has left
        config = at.arn("sagemaker", f"endpoint-config/{name}")
        yield from need(role, "sagemaker:DescribeEndpointConfig", config, "state FindServingConfig")
    model = at.arn("sagemaker", f"model/{VERSION}")
    yield from need(role, "sagemaker:ListTags", model, "state ReadServedTags")
    for prefix in ("capture/mlops/AllTraffic/", _BASELINE, "drift/last.json"):
        yield from need(role, "s3:ListBucket", artifacts, _OBJECTS, {"s3:prefix": prefix})
    newest = "retraining/newest.json"
    yield from need(role, "s3:ListBucket", artifacts, _OBJECTS, {"s3:prefix": newest})
    for name in (newest, "drift/last.json", _LEFT):
        yield from need(role, "s3:GetObject", f"{artifacts}/{name}", _OBJECTS)
    for name in ("drift/last.json", "drift/manifests/0a1b.json"):
        yield from need(role, "s3:PutObject", f"{artifacts}/{name}", _OBJECTS)
    yield from need(role, "kms:Decrypt", key, _OBJECTS, at.via("s3"))
    yield from need(role, "kms:GenerateDataKey", key, _OBJECTS, at.via("s3"))
    job = at.arn("sagemaker", f"processing-job/{_RUN}")
    run = "sagemaker:CreateProcessingJob DescribeProcessingJob StopProcessingJob ListTags"
    yield from need(role, run, job, f"state Compare; {_JOBS}")
    yield from need(role, "sagemaker:AddTags", job, f"state Compare; {_TAGS}")
    yield from need(role, "sagemaker:ListProcessingJobs", "*", "state ListDriftJobs")
    to_sagemaker = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    yield from need(role, "iam:PassRole", at.arns["DriftJobRole"], _PASS, to_sagemaker)
    rule = at.arn("events", "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule")
    yield from need(role, "events:PutTargets PutRule DescribeRule", rule, _JOBS)
    yield from need(role, "kms:CreateGrant", key, _LENT, _FOR_AWS)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)
    own = {"cloudwatch:namespace": "MLOps/mlops"}
    yield from need(role, "cloudwatch:PutMetricData", "*", "state PutDrift", own)
    training = at.arn("states", "stateMachine:mlops-training")
    yield from need(role, "states:StartExecution", training, "state AskForTraining")


def _of_job(at: Deployed, role: str) -> Iterator[Need]:
    artifacts, key = at.arns["ArtifactBucket"], at.arns["Key"]
    yield from need(role, "ecr:GetAuthorizationToken", "*", _JOB)
    yield from need(role, _PULL, at.arns["ImageRepository"], _JOB)
    for name in (_CAPTURED, _BASELINE, "drift/manifests/0a1b.json"):
        yield from need(role, "s3:GetObject", f"{artifacts}/{name}", _JOB)
        yield from need(role, "s3:ListBucket", artifacts, _JOB, {"s3:prefix": name})
    yield from need(role, "s3:PutObject AbortMultipartUpload", f"{artifacts}/{_LEFT}", _PARTS)
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _PARTS, at.via("s3"))
    yield from need(role, "kms:Encrypt", key, f"{_JOB}: a key for the output")
    yield from need(role, "kms:CreateGrant", key, _VOLUME, _FOR_AWS)
    yield from need(role, "kms:DescribeKey", key, _VOLUME)
    group = "/aws/sagemaker/ProcessingJobs"
    for form in (f"log-group:{group}", f"log-group:{group}:*"):
        find = "logs:CreateLogGroup DescribeLogStreams"
        yield from need(role, find, at.arn("logs", form), f"{_JOB}; {_GROUP}")
    stream = at.arn("logs", f"log-group:{group}:log-stream:{_RUN}/algo-1-17")
    yield from need(role, "logs:CreateLogStream PutLogEvents", stream, _JOB)
    namespace = {"cloudwatch:namespace": group}
    yield from need(role, "cloudwatch:PutMetricData", "*", _JOB, namespace)
