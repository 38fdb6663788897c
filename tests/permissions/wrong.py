"""What must be denied: each need with one thing wrong, and what nobody here is ever to do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tests.permissions.deployed import ACCOUNT, ADMINISTRATOR, OTHER_ACCOUNT, Call, Deployed
from tests.permissions.need import Need

# What would make more of a role than it is, or destroy what it works on. `{…}` is the ARN of a
# resource of the stack by its logical ID, `{arn}` is what an ARN of the account begins with
ESCALATIONS = """
iam:AddUserToGroup iam::{account}:group/admins
iam:AttachRolePolicy {PipelineRole}
iam:AttachUserPolicy iam::{account}:user/somebody
iam:CreateAccessKey iam::{account}:user/somebody
iam:CreateLoginProfile iam::{account}:user/somebody
iam:CreatePolicyVersion iam::{account}:policy/any
iam:CreateRole iam::{account}:role/new
iam:CreateUser iam::{account}:user/new
iam:DeleteRole {TestBuildRole}
iam:DeleteRolePermissionsBoundary {TestBuildRole}
iam:DeleteRolePolicy {TrainingJobRole}
iam:PassRole iam::{account}:role/administrator
iam:PassRole {PipelineRole}
iam:PutRolePolicy {TrainingJobRole}
iam:PutUserPolicy iam::{account}:user/somebody
iam:SetDefaultPolicyVersion iam::{account}:policy/any
iam:UpdateAssumeRolePolicy {TrainingJobRole}
sts:AssumeRole iam::{account}:role/administrator
sts:AssumeRole {PipelineRole}
sts:AssumeRole {TrainingJobRole}
kms:CancelKeyDeletion {Key}
kms:DisableKey {Key}
kms:DisableKeyRotation {Key}
kms:PutKeyPolicy {Key}
kms:ReEncryptFrom {Key}
kms:RetireGrant {Key}
kms:RevokeGrant {Key}
kms:ScheduleKeyDeletion {Key}
kms:UpdateAlias {Key}
s3:BypassGovernanceRetention {ArtifactBucket}/models/x
s3:DeleteBucket {DataBucket}
s3:DeleteBucketPolicy {DataBucket}
s3:DeleteObject {ArtifactBucket}/models/x
s3:DeleteObject {DataBucket}/data/x
s3:DeleteObjectVersion {ArtifactBucket}/checkpoints/x
s3:DeleteObjectVersion {DataBucket}/data/x
s3:ListAllMyBuckets *
s3:PutBucketAcl {ArtifactBucket}
s3:PutBucketLogging {ArtifactBucket}
s3:PutBucketPolicy {DataBucket}
s3:PutBucketPublicAccessBlock {DataBucket}
s3:PutBucketVersioning {ArtifactBucket}
s3:PutEncryptionConfiguration {ArtifactBucket}
s3:PutLifecycleConfiguration {ArtifactBucket}
s3:PutObject {AccessLogBucket}/DataBucket/x
s3:PutObject {ArtifactBucket}/models/somebody-elses/output/model.tar.gz
s3:PutObject {BootstrapBucket}/seed/code.zip
s3:PutObjectAcl {DataBucket}/data/x
cloudformation:CreateStack {arn:cloudformation}:stack/new/1
cloudformation:UpdateStack {arn:cloudformation}:stack/mlops/1
cloudtrail:StopLogging {arn:cloudtrail}:trail/any
codebuild:CreateProject {arn:codebuild}:project/new
codebuild:UpdateProject {arn:codebuild}:project/mlops-image
codecommit:DeleteRepository {CodeRepository}
codecommit:PutFile {CodeRepository}
codepipeline:PutApprovalResult {arn:codepipeline}:mlops/Train/Train
codepipeline:UpdatePipeline {arn:codepipeline}:mlops
ec2:RunInstances {arn:ec2}:instance/*
ecr:BatchDeleteImage {ImageRepository}
ecr:DeleteRepository {ImageRepository}
ecr:PutImage {arn:ecr}:repository/mirror/python
ecr:PutImageTagMutability {ImageRepository}
ecr:SetRepositoryPolicy {ImageRepository}
events:DeleteRule {arn:events}:rule/mlops-push
events:PutRule {arn:events}:rule/mlops-push
events:PutTargets {arn:events}:rule/mlops-push
lambda:CreateFunction {arn:lambda}:function:new
lambda:InvokeFunction {arn:lambda}:function:any
logs:DeleteLogGroup {arn:logs}:log-group:/aws/codebuild/mlops-test
logs:DeleteLogStream {arn:logs}:log-group:/aws/codebuild/mlops-test:log-stream:x
sagemaker:CreateNotebookInstance {arn:sagemaker}:notebook-instance/new
sagemaker:CreatePresignedNotebookInstanceUrl {arn:sagemaker}:notebook-instance/mlops
sagemaker:CreateProcessingJob {arn:sagemaker}:processing-job/mlops-00000000-x
sagemaker:DeleteEndpoint {arn:sagemaker}:endpoint/another
sagemaker:UpdateEndpointWeightsAndCapacities {arn:sagemaker}:endpoint/mlops
secretsmanager:GetSecretValue {arn:secretsmanager}:secret:any
sns:AddPermission {NotificationTopic}
sns:DeleteTopic {NotificationTopic}
sns:SetTopicAttributes {NotificationTopic}
sns:Subscribe {NotificationTopic}
ssm:GetParameter {arn:ssm}:parameter/any
states:CreateStateMachine {arn:states}:stateMachine:new
states:UpdateStateMachine {arn:states}:stateMachine:mlops-training
"""


def escalations(at: Deployed, needs: Iterable[Need]) -> Iterator[Call]:
    """By every role, unless it is what that role is for."""
    wanted = {(need.call.who, need.call.action, need.call.resource) for need in needs}
    places = {**at.arns, "account": ACCOUNT}
    for line in ESCALATIONS.split("\n")[1:-1]:
        action, place = line.split()
        if place.startswith("iam:"):
            place = f"arn:{at.partition}:{place}"
        if place.startswith("{arn:"):
            service, _, resource = place.removeprefix("{arn:").partition("}:")
            place = at.arn(service, resource)
        resource = place.format_map(places)
        context = {"iam:PassedToService": "sagemaker.amazonaws.com"} if "Pass" in action else {}
        for role in at.roles:
            if (role, action, resource) not in wanted:
                yield Call(role, action, resource, context)


def past_denials(at: Deployed) -> Iterator[tuple[str, Call]]:
    """What not even an administrator may do, because a resource's own policy denies it to all."""
    plain = {"aws:SecureTransport": "false"}
    for arn in at.arns.values():
        match arn.split(":")[2]:
            case "s3":
                yield "without TLS", Call(ADMINISTRATOR, "s3:ListBucket", arn, plain)
                yield "without TLS", Call(ADMINISTRATOR, "s3:GetObject", f"{arn}/x", plain)
            case "sqs":
                yield "without TLS", Call(ADMINISTRATOR, "sqs:SendMessage", arn, plain)
            case "sns":
                yield "without TLS", Call(ADMINISTRATOR, "sns:Publish", arn, plain)
            case "kms":
                for context in ({"kms:GrantIsForAWSResource": "false"}, {}):
                    call = Call(ADMINISTRATOR, "kms:CreateGrant", arn, context)
                    yield "a grant to somebody else", call


def wrong(at: Deployed, needs: Iterable[Need]) -> Iterator[tuple[str, Call]]:
    """Each need with one thing wrong, and the word for what it is; none of them is a need."""
    needs = list(needs)
    right = {str(need.call) for need in needs}
    for need in needs:
        for what, call in [*_variants(at, need.call), *_others(at, need.call)]:
            if str(call) not in right:
                yield what, call


def _variants(at: Deployed, call: Call) -> Iterator[tuple[str, Call]]:
    for what, resource in _other_resources(at, call):
        yield what, replace(call, resource=resource)
    for what, context in _other_contexts(at, call):
        yield what, replace(call, context=context)
    if call.who not in at.roles:
        yield "another service", replace(call, who="lambda.amazonaws.com")
        if not call.context:
            other = {"aws:SourceAccount": OTHER_ACCOUNT}
            yield "for another account", replace(call, context=other)


def _others(at: Deployed, call: Call) -> Iterator[tuple[str, Call]]:
    """The same, by the other roles."""
    if call.who in at.roles:
        for role in at.roles:
            yield "another's work", replace(call, who=role)


def _other_resources(at: Deployed, call: Call) -> Iterator[tuple[str, str]]:
    arn, service = call.resource, call.action.partition(":")[0]
    if arn == "*":
        return
    yield "another account", arn.replace(ACCOUNT, OTHER_ACCOUNT)
    yield "another region", arn.replace(f":{at.region}:", ":eu-central-1:")
    if service == "s3":
        bucket, slash, key = arn.partition("/")
        yield "another bucket", f"{bucket}-of-another{slash}{key}"
        if slash:
            yield "another prefix", f"{bucket}/elsewhere/{key}"
    elif service == "kms":
        yield "another key", arn + "-of-another"
    elif call.action == "iam:PassRole":
        for role in at.roles:
            yield "another role", at.arns[role]
        yield "another role", arn + "-admin"
    elif service != "sts":
        # of another project or stack: mlops and what follows is not ours any more
        yield "another project", arn.replace("mlops", "another")
        yield "another name", arn.replace("mlops", "mlopsx")
        by_colon = service in ("sns", "codecommit") or ":log-stream:" in arn
        lead, sep, rest = arn.rpartition(":" if by_colon else "/")
        if "mlops" not in arn:
            yield "another name", f"{lead}{sep}another-{rest}"


def _other_contexts(at: Deployed, call: Call) -> Iterator[tuple[str, Mapping[str, str]]]:
    if call.action.startswith(("s3:", "sns:", "sqs:")):
        yield "without TLS", {**call.context, "aws:SecureTransport": "false"}
    for key, value in call.context.items():
        rest = {name: each for name, each in call.context.items() if name != key}
        yield f"without {key}", rest
        for other in _other_values(at, key, value):
            yield f"another {key}", {**rest, key: other}


def _other_values(at: Deployed, key: str, value: str) -> Iterator[str]:
    match key:
        case "aws:SourceAccount":
            yield OTHER_ACCOUNT
        case "aws:SourceArn" if ":s3:::" in value:
            yield at.arn("sqs", "queue")
        case "aws:SourceArn":
            yield value.replace(ACCOUNT, OTHER_ACCOUNT)
            yield value.replace("mlops", "another")
            yield at.arn("lambda", "function:any")
        case "kms:EncryptionContext:aws:logs:arn":
            yield value.replace(ACCOUNT, OTHER_ACCOUNT)
            yield value.replace(":logs:", ":rds:")
        case "kms:GrantIsForAWSResource":
            yield "false"
        case "kms:ViaService":
            yield f"secretsmanager.{at.region}.amazonaws.com"
            yield value.replace(at.region, "eu-central-1")
        case "iam:AWSServiceName":
            yield "lambda.amazonaws.com"
        case "iam:PassedToService":
            yield "lambda.amazonaws.com"
            yield "ec2.amazonaws.com"
        case "application-autoscaling:scalable-dimension":
            yield "ecs:service:DesiredCount"
        case "application-autoscaling:service-namespace":
            yield "ecs"
        case "cloudwatch:namespace":
            yield "AWS/EC2"
        case "s3:prefix":
            yield "elsewhere/"
