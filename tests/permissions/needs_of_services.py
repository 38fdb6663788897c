"""Who must be able to assume each role, and what services do without a role."""

from collections.abc import Iterator

from tests.permissions.deployed import ACCOUNT, VERSION, Deployed, suffix
from tests.permissions.need import Need, need

_DEPUTY = "the confused deputy pages: aws:SourceArn and aws:SourceAccount are sent ({})"
_NO_KEYS = "Create the CodePipeline service role: no condition keys are documented"
_LOGS = "Encrypt log data in CloudWatch Logs using AWS KMS: step 2, key policy"
_LOGGING = "Enabling Amazon S3 server access logging: bucket policy"
_TOPIC = "Use resource-based policies for EventBridge: Amazon SNS permissions"
_TOPIC_KEY = "Encrypting Amazon SNS topics with EventBridge sources"

# Which service assumes a role, and for what
_TRUST = {
    "TrainingJobRole": ("sagemaker", f"training-job/{VERSION}-0", "SageMaker"),
    "EvaluationJobRole": ("sagemaker", f"processing-job/{VERSION}-0", "SageMaker"),
    "PreparationJobRole": ("sagemaker", f"processing-job/{VERSION}-prepare-0", "SageMaker"),
    "BatchRole": ("sagemaker", "transform-job/mlops-1a2b3c4d-batch-0a1b2c3d-0", "SageMaker"),
    "HostingRole": ("sagemaker", f"model/{VERSION}", "SageMaker"),
    "NotebookRole": ("sagemaker", "notebook-instance/mlops", "SageMaker"),
    "TrainingWorkflowRole": ("states", "stateMachine:mlops-training", "Step Functions"),
    "DeploymentWorkflowRole": ("states", "stateMachine:mlops-deployment", "Step Functions"),
    "BatchWorkflowRole": ("states", "stateMachine:mlops-batch", "Step Functions"),
    "ApprovalWorkflowRole": ("states", "stateMachine:mlops-approval", "Step Functions"),
    "TestBuildRole": ("codebuild", "project/mlops-test", "CodeBuild"),
    "ImageBuildRole": ("codebuild", "project/mlops-image", "CodeBuild"),
    "TrainBuildRole": ("codebuild", "project/mlops-train", "CodeBuild"),
    "PushTriggerRole": ("events", "rule/mlops-push", "EventBridge"),
    "DecisionTriggerRole": ("events", "rule/mlops-decision", "EventBridge"),
    "DataTriggerRole": ("events", "rule/mlops-data", "EventBridge"),
    "RetrainingScheduleRole": ("scheduler", "schedule-group/default", "EventBridge Scheduler"),
    "DriftScheduleRole": ("scheduler", "schedule-group/default", "EventBridge Scheduler"),
    "DriftWorkflowRole": ("states", "stateMachine:mlops-drift", "Step Functions"),
    "DriftJobRole": ("sagemaker", "processing-job/mlops-1a2b3c4d-drift-0a1b2c3d-0", "SageMaker"),
}
_LATE = "Configuring a schedule's dead-letter queue (EventBridge Scheduler User Guide): its role"
_DEAD = "Using dead-letter queues (EventBridge User Guide): a policy of the queue, for the rule"
_ENCRYPT = (
    "kms:Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext "
    "DescribeKey"
)


def needs(at: Deployed) -> Iterator[Need]:
    pipeline = at.arn("codepipeline", "mlops")
    rule = "rule PushTrigger: a push starts the pipeline"
    yield from need("PushTriggerRole", "codepipeline:StartPipelineExecution", pipeline, rule)
    approval = at.arn("states", "stateMachine:mlops-approval")
    rule = "rule DecisionTrigger: a decision starts the approval workflow"
    yield from need("DecisionTriggerRole", "states:StartExecution", approval, rule)
    training = at.arn("states", "stateMachine:mlops-training")
    rule = "rule DataTrigger: data that arrives starts the training workflow"
    yield from need("DataTriggerRole", "states:StartExecution", training, rule)
    drift = at.arn("states", "stateMachine:mlops-drift")
    for role, machine in (("RetrainingScheduleRole", training), ("DriftScheduleRole", drift)):
        yield from need(role, "states:StartExecution", machine, "a schedule starts the workflow")
        yield from need(role, "sqs:SendMessage", at.arns["UndeliveredEvents"], _LATE)
    yield from _trust(at)
    events, topic, key = "events.amazonaws.com", at.arns["NotificationTopic"], at.arns["Key"]
    yield from need(events, "sns:Publish", topic, f"rule StageAlert; {_TOPIC}")
    yield from need(events, "kms:Decrypt GenerateDataKey", key, _TOPIC_KEY)
    queue = at.arns["UndeliveredEvents"]
    for rule in ("push", "decision", "data"):
        sent = {"aws:SourceArn": at.arn("events", f"rule/mlops-{rule}")}
        yield from need(events, "sqs:SendMessage", queue, _DEAD, sent)
    for group in ("/aws/codebuild/mlops-test", "/aws/vendedlogs/states/mlops-training"):
        context = {"kms:EncryptionContext:aws:logs:arn": at.arn("logs", f"log-group:{group}")}
        yield from need(f"logs.{at.region}.{suffix(at.region)}", _ENCRYPT, key, _LOGS, context)
    for name in ("DataBucket", "ArtifactBucket"):
        log = at.under("AccessLogBucket", f"{name}/2026-11-28-00-00-00-0A1B")
        sent = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": at.arns[name]}
        yield from need("logging.s3.amazonaws.com", "s3:PutObject", log, _LOGGING, sent)


def _trust(at: Deployed) -> Iterator[Need]:
    for role, (service, resource, guide) in _TRUST.items():
        if role in at.arns:
            sent = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": at.arn(service, resource)}
            source = _DEPUTY.format(guide)
            who = f"{service}.amazonaws.com"
            yield from need(who, "sts:AssumeRole", at.arns[role], source, sent)
    pipeline = at.arns["PipelineRole"]
    yield from need("codepipeline.amazonaws.com", "sts:AssumeRole", pipeline, _NO_KEYS)
