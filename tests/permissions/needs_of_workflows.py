"""What the three workflows must be able to do: what their states call, and what the integrations of
Step Functions ask for beside. "state X" is a state of the definition as it is emitted."""

from collections.abc import Iterator

from tests.permissions.deployed import ACCOUNT, TUNING, VERSION, Deployed
from tests.permissions.need import Need, need, of_any_workflow

# Step Functions Developer Guide
_JOBS = "Manage SageMaker AI jobs with Step Functions: IAM policies, CreateTrainingJob"
_PROCESSING = "Manage SageMaker AI jobs with Step Functions: IAM policies, CreateProcessingJob"
_STARTED = "Start workflow executions from a task state: IAM policies, asynchronous"
_TUNING = (
    "Manage SageMaker AI jobs with Step Functions: IAM policies, CreateHyperParameterTuningJob"
)
_NESTED = "Start workflow executions from a task state: IAM policies, synchronous"
# Of other guides
_LENT = "SageMaker API permissions reference: kms:CreateGrant where a key for volumes is named"
_SEEN = "Requirements for Amazon EBS encryption (EBS User Guide): kms:DescribeKey"
_PUBLISH = "Key management (SNS Developer Guide): publishing to an encrypted topic"
_HEAD = "HeadObject (S3 API Reference), permissions: s3:GetObject"
_COPY = "CopyObject (S3 API Reference), permissions: read the source, write the destination"
_ENCRYPT = "Using SSE-KMS (S3 User Guide): kms:GenerateDataKey to write an object"
_ENDPOINT = "CreateEndpoint, UpdateEndpoint: endpoint and endpoint-config (Service Authorization)"
_CONDITIONAL = "How to prevent object overwrites with conditional writes (S3 User Guide)"
_DECRYPT = "Using SSE-KMS (S3 User Guide): kms:Decrypt to read an object"
_PACKAGES = "model packages of a group: model-package/GROUP/NUMBER (Service Authorization)"
_SCALING = (
    "Auto scaling prerequisites (SageMaker Developer Guide); Permissions validation (Application "
    "Auto Scaling User Guide)"
)
_RETAG = "Retagging an image (ECR User Guide): batch-get-image and put-image"
_TAGS = "a request with Tags asks for sagemaker:AddTags (SageMaker API permissions)"
_ASK = "sagemaker:InvokeEndpoint on an endpoint (Service Authorization)"
_METRIC = (
    "cloudwatch:PutMetricData has no resource level; cloudwatch:namespace (Service Authorization)"
)
_PASS = "Grant a user permissions to pass a role to a service (IAM User Guide)"
_ALARMS = "Auto-Rollback Configuration and Monitoring (SageMaker Developer Guide): DescribeAlarms"
# A configuration that Application Auto Scaling has left (github.com/aws-controllers-k8s/community,
# issue 2110)
_SCALED = "1a2b3c4d-0a1b-2c3d"

_RULE = "events:PutTargets PutRule DescribeRule"
_TO_SAGEMAKER = {"iam:PassedToService": "sagemaker.amazonaws.com"}
_FOR_AWS = {"kms:GrantIsForAWSResource": "true"}


def needs(at: Deployed) -> Iterator[Need]:
    yield from _of_training(at, "TrainingWorkflowRole")
    yield from _of_deployment(at, "DeploymentWorkflowRole")
    yield from _of_approval(at, "ApprovalWorkflowRole")
    key = at.arns["Key"]
    for role in ("TrainingWorkflowRole", "DeploymentWorkflowRole", "ApprovalWorkflowRole"):
        yield from of_any_workflow(role)
        yield from need(role, "sns:Publish", at.arns["NotificationTopic"], "state Notify")
        yield from need(role, "kms:Decrypt GenerateDataKey", key, _PUBLISH, at.via("sns"))
    for role in ("TrainingWorkflowRole", "DeploymentWorkflowRole"):
        yield from need(role, "kms:CreateGrant", key, _LENT, _FOR_AWS)
        yield from need(role, "kms:DescribeKey", key, _SEEN)


def _of_training(at: Deployed, role: str) -> Iterator[Need]:
    data, job = at.arns["DataBucket"], at.arn("sagemaker", f"training-job/{VERSION}-spot-0")
    own = {"cloudwatch:namespace": "MLOps/mlops"}
    published = f"state PublishAccuracy; {_METRIC}"
    yield from need(role, "cloudwatch:PutMetricData", "*", published, own)
    yield from need(role, "s3:ListBucket", data, "state FindData", {"s3:prefix": "data/"})
    manifest = f"{data}/data/manifest.json"
    yield from need(role, "s3:GetObject", manifest, f"state FindManifest; {_HEAD}")
    for name in ("train", "validation", "eval"):
        file = f"data/{name}.tfrecords"
        seed = at.under("BootstrapBucket", f"seed/{file}")
        yield from need(role, "s3:GetObject", seed, f"state CopyFile; {_COPY}")
        yield from need(role, "s3:PutObject", f"{data}/{file}", f"state CopyFile; {_COPY}")
    yield from need(role, "kms:GenerateDataKey", at.arns["Key"], _ENCRYPT, at.via("s3"))
    run = "sagemaker:CreateTrainingJob DescribeTrainingJob StopTrainingJob ListTags"
    yield from need(role, run, job, f"state Train; {_JOBS}")
    yield from need(role, "sagemaker:AddTags", job, f"state Train; {_TAGS}")
    yield from need(role, "iam:PassRole", at.arns["TrainingJobRole"], _PASS, _TO_SAGEMAKER)
    jobs = at.arn("events", "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule")
    yield from need(role, _RULE, jobs, f"state Train; {_JOBS}")
    yield from need(role, "sagemaker:ListTrainingJobs", "*", "state ListJobs")
    yield from need(role, "sagemaker:StopTrainingJob", job, "state StopJob")
    door = f"states WriteQueue, TakeMark, KeepNewest, RememberTrained; {_CONDITIONAL}"
    for name in ("queue", "waiting", "newest", "newest-good", "last"):
        mark = at.under("ArtifactBucket", f"retraining/{name}.json")
        yield from need(role, "s3:GetObject PutObject", mark, door)
    event = at.under("ArtifactBucket", "retraining/events/data/0a1b")
    seen = f"states NoteEvent, ReadEvent; {_CONDITIONAL}"
    yield from need(role, "s3:GetObject PutObject", event, seen)
    newest = {"s3:prefix": "retraining/newest"}
    yield from need(role, "s3:ListBucket", at.arns["ArtifactBucket"], "state FindNewest", newest)
    # As whoever starts one asks: by what id depends on who that is
    name = "mlops-train-0a1b" if at.partition == "aws-cn" else "1a2b"
    others = at.arn("states", f"execution:mlops-training:{name}")
    yield from need(role, "states:DescribeExecution", others, "states DescribeFirst, DescribeOther")
    yield from _of_tuning(at, role)
    yield from _of_preparation(at, role)
    yield from _of_evaluation(at, role)
    yield from _of_registration(at, role)
    approval = at.arn("states", "stateMachine:mlops-approval")
    yield from need(role, "states:StartExecution", approval, f"state WaitForDecision; {_STARTED}")
    yield from _of_who_deploys(at, role)


def _of_who_deploys(at: Deployed, role: str) -> Iterator[Need]:
    machine = at.arn("states", "stateMachine:mlops-deployment")
    execution = at.arn("states", f"execution:mlops-deployment:{VERSION}")
    yield from need(role, "states:StartExecution", machine, f"state Deploy; {_NESTED}")
    follow = "states:DescribeExecution StopExecution"
    yield from need(role, follow, execution, f"state Deploy; {_NESTED}")
    executions = at.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
    yield from need(role, _RULE, executions, f"state Deploy; {_NESTED}")


def _of_approval(at: Deployed, role: str) -> Iterator[Need]:
    package, key = at.arn("sagemaker", "model-package/mlops/7"), at.arns["Key"]
    see = "sagemaker:DescribeModelPackage"
    yield from need(role, see, package, f"state DescribePackage; {_PACKAGES}")
    change = "sagemaker:UpdateModelPackage"
    yield from need(role, change, package, f"states Stamp, Expire; {_PACKAGES}")
    for name in (f"registry/{VERSION}.json", f"decisions/{VERSION}/Approved-2026-11-28T10:00:00Z"):
        kept = at.under("ArtifactBucket", name)
        states = f"states WriteRecord, RecordDecision; {_CONDITIONAL}"
        yield from need(role, "s3:GetObject PutObject", kept, states)
    yield from need(role, "kms:Decrypt", key, _DECRYPT, at.via("s3"))
    yield from need(role, "kms:GenerateDataKey", key, _ENCRYPT, at.via("s3"))
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    yield from need(role, "sagemaker:DescribeEndpoint", endpoint, "state FindServing")
    yield from _of_who_deploys(at, role)


def _of_tuning(at: Deployed, role: str) -> Iterator[Need]:
    job = at.arn("sagemaker", f"hyper-parameter-tuning-job/{TUNING}")
    verbs = " ".join(f"{verb}HyperParameterTuningJob" for verb in ("Create", "Describe", "Stop"))
    yield from need(role, f"sagemaker:{verbs} ListTags", job, f"state Tune; {_TUNING}")
    yield from need(role, "sagemaker:AddTags", job, f"state Tune; {_TAGS}")
    rule = at.arn("events", "rule/StepFunctionsGetEventsForSageMakerTuningJobsRule")
    yield from need(role, _RULE, rule, f"state Tune; {_TUNING}")
    listed = "sagemaker:ListHyperParameterTuningJobs"
    yield from need(role, listed, "*", "state ListTuningJobs")
    best = at.arn("sagemaker", f"training-job/{TUNING}-001-0a1b2c3d")
    yield from need(role, "sagemaker:DescribeTrainingJob", best, "state TakeBest")


def _of_preparation(at: Deployed, role: str) -> Iterator[Need]:
    job = at.arn("sagemaker", f"processing-job/{VERSION}-prepare-0")
    run = "sagemaker:CreateProcessingJob DescribeProcessingJob StopProcessingJob ListTags"
    yield from need(role, run, job, f"state Prepare; {_PROCESSING}")
    yield from need(role, "sagemaker:AddTags", job, f"state Prepare; {_TAGS}")
    yield from need(role, "iam:PassRole", at.arns["PreparationJobRole"], _PASS, _TO_SAGEMAKER)
    prepared = {"s3:prefix": f"prepared/{VERSION}/"}
    artifacts = at.arns["ArtifactBucket"]
    yield from need(role, "s3:ListBucket", artifacts, "state FindPrepared", prepared)


def _of_evaluation(at: Deployed, role: str) -> Iterator[Need]:
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    config = at.arn("sagemaker", f"endpoint-config/{VERSION}")
    model = at.arn("sagemaker", f"model/{VERSION}")
    yield from need(role, "sagemaker:DescribeEndpoint", endpoint, "state FindServing")
    yield from need(role, "sagemaker:DescribeEndpointConfig", config, "state FindServingConfig")
    yield from need(role, "sagemaker:DescribeModel", model, "state FindServingModel")
    yield from need(
        role, "sagemaker:ListTags", model, "state ReadServingTags: taken back from where"
    )
    artifacts, archive = at.arns["ArtifactBucket"], f"models/{VERSION}-0/output/model.tar.gz"
    listed = {"s3:prefix": archive}
    yield from need(role, "s3:ListBucket", artifacts, "state FindArchive", listed)
    job = at.arn("sagemaker", f"processing-job/{VERSION}-0")
    run = "sagemaker:CreateProcessingJob DescribeProcessingJob StopProcessingJob ListTags"
    yield from need(role, run, job, f"state Evaluate; {_PROCESSING}")
    yield from need(role, "sagemaker:AddTags", job, f"state Evaluate; {_TAGS}")
    yield from need(role, "iam:PassRole", at.arns["EvaluationJobRole"], _PASS, _TO_SAGEMAKER)
    rule = at.arn("events", "rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule")
    yield from need(role, _RULE, rule, f"state Evaluate; {_PROCESSING}")
    yield from need(role, "sagemaker:ListProcessingJobs", "*", "state ListEvaluationJobs")
    summary = f"{artifacts}/evaluations/{VERSION}/summary.json"
    yield from need(role, "s3:GetObject", summary, "state ReadSummary")
    yield from need(role, "kms:Decrypt", at.arns["Key"], _DECRYPT, at.via("s3"))


def _of_registration(at: Deployed, role: str) -> Iterator[Need]:
    group = at.arn("sagemaker", "model-package-group/mlops")
    package = at.arn("sagemaker", "model-package/mlops/1")
    yield from need(role, "sagemaker:DescribeModelPackageGroup", group, "state FindGroup")
    yield from need(role, "sagemaker:CreateModelPackageGroup", group, "state CreateGroup")
    yield from need(role, "sagemaker:AddTags", group, f"state CreateGroup; {_TAGS}")
    yield from need(role, "sagemaker:CreateModelPackage", package, "state Register")
    for key in (f"registry/{VERSION}.json", "registry/unavailable"):
        record = at.under("ArtifactBucket", key)
        yield from need(role, "s3:PutObject", record, f"state WriteRecord; {_CONDITIONAL}")


def _of_deployment(at: Deployed, role: str) -> Iterator[Need]:
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    config = at.arn("sagemaker", f"endpoint-config/{VERSION}")
    model = at.arn("sagemaker", f"model/{VERSION}")
    yield from need(role, "sagemaker:CreateModel", model, "state CreateModel")
    tagging = f"states CreateModel, MarkAsServed, WithdrawWrong; {_TAGS}"
    yield from need(role, "sagemaker:AddTags", model, tagging)
    yield from need(role, "iam:PassRole", at.arns["HostingRole"], _PASS, _TO_SAGEMAKER)
    yield from need(role, "sagemaker:CreateEndpointConfig", config, "state CreateConfig")
    yield from need(role, "sagemaker:AddTags", config, f"state CreateConfig; {_TAGS}")
    yield from need(role, "sagemaker:DescribeEndpoint", endpoint, "state FindEndpoint")
    for served in (config, at.arn("sagemaker", f"endpoint-config/{_SCALED}")):
        see = "sagemaker:DescribeEndpointConfig"
        yield from need(role, see, served, "states FindServingConfig, LookBehind")
    for alarm in at.alarms():
        yield from need(role, "cloudwatch:DescribeAlarms", alarm, f"state FindRinging; {_ALARMS}")
    for resource in (endpoint, config):
        yield from need(role, "sagemaker:CreateEndpoint", resource, _ENDPOINT)
        yield from need(role, "sagemaker:UpdateEndpoint", resource, _ENDPOINT)
    yield from need(role, "sagemaker:AddTags", endpoint, f"state CreateEndpoint; {_TAGS}")
    yield from need(role, "sagemaker:DeleteEndpoint", endpoint, "state DeleteEndpoint")
    queue, image = at.under("ArtifactBucket", "deployments/queue.json"), at.arns["ImageRepository"]
    yield from need(role, "s3:GetObject PutObject", queue, f"state WriteQueue; {_CONDITIONAL}")
    yield from need(role, "kms:Decrypt", at.arns["Key"], _DECRYPT, at.via("s3"))
    yield from need(role, "kms:GenerateDataKey", at.arns["Key"], _ENCRYPT, at.via("s3"))
    others = at.arn("states", f"execution:mlops-deployment:{VERSION}")
    yield from need(role, "states:DescribeExecution", others, "state DescribeFirst")
    yield from need(role, "sagemaker:ListTags", model, "states ReadAge, ReadTags")
    yield from need(role, "ecr:BatchGetImage PutImage", image, f"state KeepImage; {_RETAG}")
    yield from need(role, "ecr:BatchDeleteImage", image, "state ReleaseImage: by its tag")
    yield from need(role, "sagemaker:ListModels", "*", "state ListVersions")
    yield from need(role, "sagemaker:DeleteEndpointConfig", config, "state DeleteConfig")
    yield from need(role, "sagemaker:DeleteModel", model, "state DeleteModel")
    yield from _of_golden_requests(at, role)
    yield from _of_a_rollback(at, role)
    yield from _of_scaling(at, role)


def _of_a_rollback(at: Deployed, role: str) -> Iterator[Need]:
    model = at.arn("sagemaker", f"model/{VERSION}")
    yield from need(role, "sagemaker:DescribeModel", model, "states FindKeptModel, FindLeftModel")
    listed = {"s3:prefix": f"models/{VERSION}-0/output/model.tar.gz"}
    artifacts = at.arns["ArtifactBucket"]
    yield from need(role, "s3:ListBucket", artifacts, "state FindKeptArchive", listed)


def _of_scaling(at: Deployed, role: str) -> Iterator[Need]:
    manage = " ".join(f"{each}ScalableTarget" for each in ("Register", "Deregister"))
    target = at.arn("application-autoscaling", "scalable-target/0a1b2c3d")
    states = "states RegisterScaling, PutScalingPolicy, StopScaling"
    kind = {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    act = f"application-autoscaling:{manage} PutScalingPolicy"
    yield from need(role, act, target, states, kind)
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    see = "sagemaker:DescribeEndpoint UpdateEndpointWeightsAndCapacities"
    yield from need(role, see, endpoint, f"state RegisterScaling; {_SCALING}")
    config = at.arn("sagemaker", f"endpoint-config/{VERSION}")
    describe = "sagemaker:DescribeEndpointConfig"
    yield from need(role, describe, config, f"state RegisterScaling; {_SCALING}")
    alarm = at.arn("cloudwatch", "alarm:TargetTracking-endpoint/mlops/variant/AllTraffic-High-1")
    watch = "cloudwatch:DescribeAlarms PutMetricAlarm DeleteAlarms"
    yield from need(role, watch, alarm, f"state PutScalingPolicy; {_SCALING}")
    service = "sagemaker.application-autoscaling.amazonaws.com"
    name = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    linked = f"arn:{at.partition}:iam::{ACCOUNT}:role/aws-service-role/{service}/{name}"
    once = {"iam:AWSServiceName": service}
    make = "iam:CreateServiceLinkedRole"
    yield from need(role, make, linked, f"state RegisterScaling; {_SCALING}", once)


def _of_golden_requests(at: Deployed, role: str) -> Iterator[Need]:
    file = f"evaluations/{VERSION}/golden.json"
    listed = {"s3:prefix": file}
    yield from need(role, "s3:ListBucket", at.arns["ArtifactBucket"], "state FindGolden", listed)
    yield from need(role, "s3:GetObject", at.under("ArtifactBucket", file), "state FetchGolden")
    endpoint = at.arn("sagemaker", "endpoint/mlops")
    yield from need(role, "sagemaker:InvokeEndpoint", endpoint, f"state Ask; {_ASK}")
    limit = {"cloudwatch:namespace": "MLOps/mlops"}
    yield from need(role, "cloudwatch:PutMetricData", "*", f"state WarnSageMaker; {_METRIC}", limit)
