"""The deployer's template: enough for CloudFormation to make, change and remove the stack, and for
people to work with it; not enough to become more than that.

What CloudFormation calls is read from the handlers of AWS's published resource provider schemas,
which cfn-lint brings.
"""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import generate
from local.authorization.evaluate import Request, Statement, as_list, decide
from local.cfn.template import parse
from tests.permissions.deployed import (
    ACCOUNT,
    Call,
    Deployed,
    concerned,
    deploy,
    deploy_deployer,
)
from tests.permissions.needs import all_needs

DEPLOYER = "DeployerRole"
# What making, changing and removing calls for properties that the templates do not set
UNUSED = (
    r"s3:\w*(Abac|Accelerate|Analytics|C(ors|ORS)|IntelligentTiering|Inventory|Metadata\w*Table|"
    r"MetadataJournal|MetadataInventory|MetadataAnnotation|Metrics|ObjectLock|Replication|Website)\w*",
    r"s3:(DeleteBucketEncryption|DeleteBucketLifecycle)",  # they are always set
    r"s3:(PutObjectAcl|PutBucketAcl|DeleteObject|REST\.PUT\.OBJECT)",
    r"s3:(TagResource|UntagResource)",  # buckets have no tags
    r"(s3tables|firehose|ec2|codestar-connections):\w+",
    r"logs:\w*(DataProtection|IndexPolicy|BearerToken|DeletionProtection|LogDelivery)\w*",
    r"logs:(Put|Delete)ResourcePolicy",
    r"sns:PutDataProtectionPolicy",
    r"ecr:(Set|Delete)RepositoryPolicy",
    r"codecommit:(PutRepositoryTriggers|UpdateRepository(Name|EncryptionKey))",
    r"codepipeline:((En|Dis)ableStageTransition|StartPipelineExecution)",
    r"kms:(DisableKey|DisableKeyRotation|EnableKey|UntagResource)",  # always on, with one tag
    r"kms:GenerateDataKey",  # the state machines' definitions are under AWS's own key
    r"iam:(Attach|Detach)RolePolicy",  # no role of the stack has a managed policy
    r"iam:DeleteRolePermissionsBoundary",  # the boundary stays
)
# The schema of a project names no handlers
PROJECT = "codebuild:BatchGetProjects CreateProject DeleteProject UpdateProject"
# Actions that know no resources, or that a handler asks of more than the one it makes
WITHOUT_RESOURCE = {
    *("kms:CreateKey", "kms:ListAliases", "codecommit:ListRepositories"),
    "logs:DescribeResourcePolicies",
}
NAMELESS = {
    "AWS::KMS::Alias": "Key",
    "AWS::S3::BucketPolicy": "DataBucket",
    "AWS::SNS::Subscription": "NotificationTopic",
    "AWS::SNS::TopicPolicy": "NotificationTopic",
    "AWS::SQS::QueuePolicy": "UndeliveredEvents",
}


@pytest.fixture(scope="session")
def stack(region: str, texts: Mapping[str, str]) -> Deployed:
    return deploy(region, texts)


@pytest.fixture(scope="session")
def deployer(region: str, texts: Mapping[str, str]) -> Deployed:
    return deploy_deployer(region, texts)


def statements_of(deployer: Deployed, who: str) -> list[Statement]:
    """A role with the policies that are attached to it, or a policy for people."""
    return [*deployer.roles[who], *(deployer.roles["MakeRoles"] if who == DEPLOYER else [])]


def allows(call: Call, statements: list[Statement], deployer: Deployed) -> bool:
    """By these identity policies; a key's own policy leaves it to them."""
    request = Request(deployer.arns[DEPLOYER], call.action, call.resource, call.context)
    account = {"AWS": f"arn:{deployer.partition}:iam::{ACCOUNT}:root"}
    leaves = {"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": account}
    return decide(request, statements, [leaves]).allowed


def handled(stack: Deployed, texts: Mapping[str, str]) -> Iterator[Call]:
    """What CloudFormation's handlers call, on the stack's own resources."""
    for name in ("bootstrap", "mlops"):
        for logical, resource in parse(texts[name]).resources.items():
            kind = resource["Type"]
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
            if kind == "AWS::CodeBuild::Project":
                actions = {f"codebuild:{one}" for one in PROJECT.split(":")[1].split()}
            else:
                actions = {
                    action
                    for handler, asked in schema["handlers"].items()
                    for action in asked["permissions"]
                    if handler != "list"
                    and (
                        not any(re.fullmatch(each, action) for each in UNUSED)
                        or (handler == "read" and not action.startswith(("ec2:", "s3tables:")))
                    )
                }
            title = "BootstrapBucket" if name == "bootstrap" else NAMELESS.get(kind, logical)
            known = title in stack.arns or kind.startswith("AWS::SageMaker::")
            assert known or "Condition" in resource, f"_TYPES in deployed.py says nothing of {kind}"
            for action in sorted(actions):
                yield from _calls(stack, kind, title, action)


def _calls(stack: Deployed, kind: str, title: str, action: str) -> Iterator[Call]:
    """One action of a handler as it is asked of us."""
    nameless = ("AWS::SageMaker::", "AWS::Budgets::")
    if title not in stack.arns and not kind.startswith(nameless):
        return  # made in China only
    arn = stack.arns.get(title, "")
    service = action.split(":")[0]
    if action in WITHOUT_RESOURCE:
        asked = {"aws:RequestTag/project": "mlops"} if action == "kms:CreateKey" else {}
        yield Call(DEPLOYER, action, "*", asked)
    elif action == "iam:PassRole":
        for role in (name for name, one in stack.arns.items() if ":role/" in one):
            (trust,) = stack.policies[stack.arns[role]]
            passed = {"iam:PassedToService": trust["Principal"]["Service"]}
            yield Call(DEPLOYER, action, stack.arns[role], passed)
    elif action in ("iam:GetRole",) and kind != "AWS::IAM::Role":
        yield Call(DEPLOYER, action, stack.arns["PipelineRole"])
    elif service == "iam":
        bound = {"iam:PermissionsBoundary": "BOUNDARY"}
        yield Call(DEPLOYER, action, arn, bound if "Put" in action or "Create" in action else {})
    elif service == "kms":
        yield from _key_calls(stack, kind, action)
    elif service == "s3" and kind != "AWS::S3::Bucket" and kind != "AWS::S3::BucketPolicy":
        if kind == "AWS::CodeCommit::Repository":  # the definitions of state machines are inline
            yield Call(DEPLOYER, action, stack.under("BootstrapBucket", "seed/code.zip"))
    elif kind.startswith("AWS::SageMaker::"):
        named = {"Notebook": "notebook-instance/mlops"}
        where = named.get(title, "notebook-instance-lifecycle-config/notebooklifecycle-0a1b2c")
        if action not in ("sagemaker:AddTags", "sagemaker:DeleteTags", "sagemaker:ListTags") or (
            title == "Notebook"
        ):
            yield Call(DEPLOYER, action, stack.arn("sagemaker", where))
    elif action in ("logs:DescribeLogGroups",):
        yield Call(DEPLOYER, action, stack.arn("logs", "log-group:*"))
    elif kind == "AWS::Budgets::Budget":  # of the account, in no region
        named = {"budgets": f"budget/mlops-{stack.region}-somebody@example.com"}
        what = named.get(service, "billingview/primary")
        yield Call(DEPLOYER, action, f"arn:{stack.partition}:{service}::{ACCOUNT}:{what}")
    elif kind == "AWS::Logs::LogGroup":
        yield Call(DEPLOYER, action, arn)
        yield Call(DEPLOYER, action, arn.removesuffix(":*"))
    elif ("Subscription" in action and "ByTopic" not in action) or action == "sns:Unsubscribe":
        yield Call(DEPLOYER, action, f"{arn}:1a2b3c4d-0000")
    else:
        yield Call(DEPLOYER, action, arn)


def _key_calls(stack: Deployed, kind: str, action: str) -> Iterator[Call]:
    tagged = {"aws:ResourceTag/project": "mlops"}
    key = stack.arns["Key"]
    match action:
        case "kms:TagResource":
            yield Call(DEPLOYER, action, key, {"aws:RequestTag/project": "mlops"})
        case "kms:CreateAlias" | "kms:DeleteAlias" | "kms:UpdateAlias":
            yield Call(DEPLOYER, action, key, tagged)
            yield Call(DEPLOYER, action, stack.arn("kms", "alias/mlops"))
        case "kms:CreateGrant" | "kms:RetireGrant":
            yield Call(DEPLOYER, action, key, {**tagged, "kms:GrantIsForAWSResource": "true"})
        case "kms:Decrypt" if kind == "AWS::SageMaker::NotebookInstance":
            yield Call(DEPLOYER, action, key, {**tagged, **stack.via("sagemaker")})
        case "kms:Decrypt":
            return  # of definitions under a key of the customer's, which these are not
        case _:
            yield Call(DEPLOYER, action, key, tagged)


def bounded(call: Call, deployer: Deployed) -> Call:
    context = {
        name: deployer.arns["Boundary"] if value == "BOUNDARY" else value
        for name, value in call.context.items()
    }
    return Call(call.who, call.action, call.resource, context)


@pytest.fixture(scope="session")
def calls(stack: Deployed, deployer: Deployed, texts: Mapping[str, str]) -> list[Call]:
    return [bounded(call, deployer) for call in handled(stack, texts)]


def test_cloudformation_may_do_all_that_its_handlers_call(
    deployer: Deployed, calls: list[Call]
) -> None:
    statements = statements_of(deployer, DEPLOYER)
    assert [str(call) for call in calls if not allows(call, statements, deployer)] == []


def test_every_action_of_the_deployer_is_one_that_a_handler_calls(
    deployer: Deployed, calls: list[Call]
) -> None:
    asked = {call.action for call in calls}
    written = {
        action for each in statements_of(deployer, DEPLOYER) for action in as_list(each["Action"])
    }
    assert sorted(written - asked) == []


def test_every_statement_of_the_deployer_is_needed(deployer: Deployed, calls: list[Call]) -> None:
    statements = statements_of(deployer, DEPLOYER)
    for one in statements:
        rest = [each for each in statements if each is not one]
        assert any(not allows(call, rest, deployer) for call in concerned(one, calls)), (
            f"nothing needs {one['Sid']}"
        )


DENIED = """
iam:CreateRole iam::{account}:role/mlops-HostingRole-1
iam:PutRolePolicy iam::{account}:role/mlops-HostingRole-1
iam:CreateRole iam::{account}:role/admin {bound}={boundary}
iam:CreateRole iam::{account}:role/mlops-OtherRole-1 {bound}={boundary}
iam:PutRolePolicy iam::{account}:role/mlops-HostingRole-1 {bound}={other}
iam:PutRolePermissionsBoundary iam::{account}:role/mlops-HostingRole-1 {bound}={other}
iam:DeleteRolePermissionsBoundary iam::{account}:role/mlops-HostingRole-1
iam:PutRolePolicy {deployer} {bound}={boundary}
iam:UpdateAssumeRolePolicy {deployer}
iam:AttachRolePolicy {deployer}
iam:AttachRolePolicy iam::{account}:role/mlops-HostingRole-1
iam:CreatePolicyVersion {boundary}
iam:DeletePolicy {boundary}
iam:SetDefaultPolicyVersion {boundary}
iam:CreatePolicy iam::{account}:policy/new
iam:CreateUser iam::{account}:user/new
iam:CreateAccessKey iam::{account}:user/somebody
iam:PassRole iam::{account}:role/admin iam:PassedToService=codebuild.amazonaws.com
iam:PassRole iam::{account}:role/mlops-HostingRole-1 iam:PassedToService=lambda.amazonaws.com
iam:PassRole iam::{account}:role/mlops-HostingRole-1 iam:PassedToService=ec2.amazonaws.com
iam:PassRole {deployer} iam:PassedToService=codebuild.amazonaws.com
sts:AssumeRole iam::{account}:role/admin
kms:CreateKey *
kms:CreateKey * aws:RequestTag/project=other
kms:ScheduleKeyDeletion {key} {tag}=other
kms:ScheduleKeyDeletion {key}
kms:PutKeyPolicy {key}
kms:TagResource {key} aws:RequestTag/project=mlops {tag}=other
kms:CreateGrant {key} {tag}=mlops kms:GrantIsForAWSResource=false
kms:Decrypt {key} {tag}=mlops {via_s3}
s3:DeleteBucket s3:::other
s3:PutBucketPolicy s3:::mlops2-databucket-1
s3:GetObject s3:::mlops-databucket-1/data/train.tfrecords
s3:PutObject s3:::mlops-artifactbucket-1/models/m
codecommit:DeleteRepository codecommit:{region}:{account}:other
codebuild:CreateProject codebuild:{region}:{account}:project/other
codepipeline:DeletePipeline codepipeline:{region}:{account}:other
ecr:DeleteRepository ecr:{region}:{account}:repository/other
ecr:BatchGetImage ecr:{region}:{account}:repository/mlops
events:PutRule events:{region}:{account}:rule/other
budgets:ModifyBudget budgets::{account}:budget/other
budgets:ModifyBudget budgets::{account}:budget/mlops-ap-south-1-somebody@example.com
logs:DeleteLogGroup logs:{region}:{account}:log-group:/aws/lambda/other
logs:GetLogEvents logs:{region}:{account}:log-group:/aws/codebuild/mlops-test:log-stream:1
sagemaker:CreateTrainingJob sagemaker:{region}:{account}:training-job/mlops-1
sagemaker:CreateNotebookInstance sagemaker:{region}:{account}:notebook-instance/other
sns:Publish sns:{region}:{account}:mlops-NotificationTopic-1
sns:DeleteTopic sns:{region}:{account}:other
states:DeleteStateMachine states:{region}:{account}:stateMachine:other
states:StartExecution states:{region}:{account}:stateMachine:mlops-training
cloudformation:CreateStack cloudformation:{region}:{account}:stack/other/1
organizations:LeaveOrganization *
"""


def denied(deployer: Deployed, text: str) -> Iterator[Call]:
    values = {
        "account": ACCOUNT,
        "region": deployer.region,
        "deployer": deployer.arns[DEPLOYER],
        "boundary": deployer.arns["Boundary"],
        "key": f"kms:{deployer.region}:{ACCOUNT}:key/1",
        "tuning": f"sagemaker:{deployer.region}:{ACCOUNT}:"
        "hyper-parameter-tuning-job/0a1b2c3d-0a1b2c3d-0",
        "tag": "aws:ResourceTag/project",
        "bound": "iam:PermissionsBoundary",
        "via_s3": f"kms:ViaService=s3.{deployer.region}.amazonaws.com",
        "by_another": f"cloudformation:RoleArn=arn:aws:iam::{ACCOUNT}:role/another",
        "other": f"arn:{deployer.partition}:iam::{ACCOUNT}:policy/other",
    }
    for line in text.strip().splitlines():
        action, resource, *keys = line.format(**values).split()
        if resource != "*" and not resource.startswith("arn:"):
            resource = f"arn:{deployer.partition}:{resource}"
        yield Call(DEPLOYER, action, resource, dict(key.rsplit("=", 1) for key in keys))


def test_the_deployer_cannot_become_more_than_it_is(deployer: Deployed) -> None:
    statements = statements_of(deployer, DEPLOYER)
    possible = [
        str(call) for call in denied(deployer, DENIED) if allows(call, statements, deployer)
    ]
    assert possible == []


def test_a_role_within_the_boundary_keeps_all_that_it_needs(
    stack: Deployed, deployer: Deployed
) -> None:
    boundary = deployer.roles["Boundary"]
    lost = [
        str(need)
        for need in all_needs(stack)
        if need.call.who in stack.roles and not allows(need.call, boundary, deployer)
    ]
    assert lost == []


OUTSIDE = """
ecr:PutImage ecr:{region}:{account}:repository/other
ecr:DeleteRepository ecr:{region}:{account}:repository/mlops
ecr:SetRepositoryPolicy ecr:{region}:{account}:repository/mlops
logs:GetLogEvents logs:{region}:{account}:log-group:/aws/codebuild/mlops-test:log-stream:1
logs:PutLogEvents logs:{region}:{account}:log-group:/aws/lambda/other:log-stream:1
logs:DeleteLogGroup logs:{region}:{account}:log-group:/aws/codebuild/mlops-test:*
kms:Decrypt {key} {tag}=other
kms:CreateGrant {key} {tag}=mlops kms:GrantIsForAWSResource=false
kms:ScheduleKeyDeletion {key} {tag}=mlops
kms:PutKeyPolicy {key} {tag}=mlops
events:DeleteRule events:{region}:{account}:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule
events:PutRule events:{region}:{account}:rule/other
cloudwatch:DescribeAlarms cloudwatch:{region}:{account}:alarm:mlops2-server-errors
cloudwatch:DeleteAlarms cloudwatch:{region}:{account}:alarm:mlops-server-errors
sagemaker:UpdateEndpoint sagemaker:{region}:{account}:endpoint/mlops2
sagemaker:UpdateEndpoint sagemaker:{region}:{account}:endpoint/mlops-prod
codepipeline:StartPipelineExecution codepipeline:{region}:{account}:mlops2
states:StartExecution states:{region}:{account}:stateMachine:mlops-other
s3:GetObject s3:::mlops2-databucket-1/data/train.tfrecords
s3:PutBucketPolicy s3:::mlops-databucket-1
s3:DeleteBucket s3:::mlops-databucket-1
sns:DeleteTopic sns:{region}:{account}:mlops-NotificationTopic-1
iam:PassRole iam::{account}:role/admin iam:PassedToService=sagemaker.amazonaws.com
iam:PassRole iam::{account}:role/mlops-HostingRole-1 iam:PassedToService=lambda.amazonaws.com
iam:CreateRole iam::{account}:role/mlops-HostingRole-1 {bound}={boundary}
iam:PutRolePolicy iam::{account}:role/mlops-HostingRole-1 {bound}={boundary}
sts:AssumeRole iam::{account}:role/admin
ec2:RunInstances ec2:{region}:{account}:instance/*
lambda:InvokeFunction lambda:{region}:{account}:function:any
secretsmanager:GetSecretValue secretsmanager:{region}:{account}:secret:any
"""


def test_a_role_within_the_boundary_can_be_no_more_than_of_this_project(
    deployer: Deployed,
) -> None:
    boundary = deployer.roles["Boundary"]
    possible = [str(call) for call in denied(deployer, OUTSIDE) if allows(call, boundary, deployer)]
    assert possible == []


BEYOND = """
iam:CreateUser iam::{account}:user/new
iam:CreateRole iam::{account}:role/mlops-HostingRole-1 {bound}={boundary}
iam:PutRolePolicy iam::{account}:role/mlops-HostingRole-1 {bound}={boundary}
iam:CreatePolicyVersion {boundary}
iam:PassRole iam::{account}:role/admin iam:PassedToService=cloudformation.amazonaws.com
iam:PassRole iam::{account}:role/mlops-HostingRole-1 iam:PassedToService=sagemaker.amazonaws.com
iam:PassRole {deployer} iam:PassedToService=codebuild.amazonaws.com
sts:AssumeRole {deployer}
states:StartExecution states:{region}:{account}:stateMachine:other-training
s3:GetObject s3:::other/secret
s3:PutObject s3:::mlops-artifactbucket-1/models/m
s3:PutBucketPolicy s3:::mlops-databucket-1
kms:PutKeyPolicy {key} {tag}=mlops
kms:ScheduleKeyDeletion {key} {tag}=other
ecr:PutImage ecr:{region}:{account}:repository/mlops
sagemaker:CreateEndpoint sagemaker:{region}:{account}:endpoint/mlops
sagemaker:DeleteEndpoint sagemaker:{region}:{account}:endpoint/other
sagemaker:UpdateModelPackage sagemaker:{region}:{account}:model-package/other/1
sagemaker:CreateModelPackage sagemaker:{region}:{account}:model-package/mlops/1
sagemaker:DeleteModelPackageGroup sagemaker:{region}:{account}:model-package-group/other
sagemaker:StopHyperParameterTuningJob {tuning} {tag}=other
sagemaker:StopHyperParameterTuningJob {tuning}
sagemaker:DescribeHyperParameterTuningJob {tuning} {tag}=other
s3:PutObject s3:::mlops-artifactbucket-1/evaluations/mlops-1/report.html
s3:PutObject s3:::mlops-artifactbucket-1/registry/mlops-1.json
s3:GetObject s3:::mlops-artifactbucket-1/models/m
states:UpdateStateMachine states:{region}:{account}:stateMachine:mlops-training
codebuild:UpdateProject codebuild:{region}:{account}:project/mlops-image
codecommit:DeleteRepository codecommit:{region}:{account}:other
logs:DeleteLogGroup logs:{region}:{account}:log-group:/aws/lambda/other:*
cloudwatch:DescribeAlarms cloudwatch:{region}:{account}:alarm:other
cloudwatch:SetAlarmState cloudwatch:{region}:{account}:alarm:mlops-server-errors
cloudformation:DeleteStack cloudformation:{region}:{account}:stack/other/1
cloudformation:CreateChangeSet cloudformation:{region}:{account}:stack/mlops/1 {by_another}
"""


@pytest.mark.parametrize("policy", ["DevelopersPolicy", "RemovalPolicy"])
def test_people_change_the_stack_through_cloudformation_only(
    deployer: Deployed, policy: str
) -> None:
    possible = [
        str(call)
        for call in denied(deployer, BEYOND)
        if allows(call, deployer.roles[policy], deployer)
    ]
    assert possible == []


# What a client's method asks for where it is not called as the method is (Service Authorization
# Reference, and "Required permissions for Amazon S3 API operations")
ASKS = {
    "DeleteObjects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "GetCallerIdentity": set(),  # whoever asks may ask
    "HeadBucket": {"s3:ListBucket"},
    "HeadObject": {"s3:GetObject"},
    "ListObjectVersions": {"s3:ListBucketVersions"},
    "ListObjectsV2": {"s3:ListBucket"},
    "UploadFileobj": {"s3:PutObject"},
}


# What people's policies have beside what the commands call
BESIDES = {
    *("codecommit:GitPull", "codecommit:GitPush"),  # git
    *("kms:Decrypt", "kms:GenerateDataKey"),  # by S3, for data
    "s3:AbortMultipartUpload",  # of what is uploaded in parts, and is cut off
    "iam:PassRole",  # of the deployer's role, to CloudFormation
    "cloudformation:ContinueUpdateRollback",  # told by `make deploy` after a failed way back
}
SERVICES = (
    *("application-autoscaling", "cloudformation", "cloudwatch", "codebuild", "codecommit"),
    *("codepipeline", "ecr", "kms", "logs", "pricing", "s3", "sagemaker"),
    *("sagemaker-runtime", "stepfunctions", "sts"),
)
PREFIXES = {"sagemaker-runtime": "sagemaker", "stepfunctions": "states"}


def called() -> Iterator[tuple[str, str]]:
    """(file, method or paginator) of all calls in the commands."""
    for file in sorted((Path(generate.__file__).parent / "scripts").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first = node.args[0] if node.args else None
                if node.func.attr == "get_paginator" and isinstance(first, ast.Constant):
                    yield file.name, str(first.value)
                else:
                    yield file.name, node.func.attr


def test_people_may_do_what_the_commands_do(deployer: Deployed) -> None:
    """By the names of the actions: on which resources, tests/system shows."""
    granted = {
        action
        for policy in ("DevelopersPolicy", "RemovalPolicy")
        for each in deployer.roles[policy]
        for action in as_list(each["Action"])
    }
    session = botocore.session.get_session()
    operations: dict[str, list[set[str]]] = defaultdict(list)
    for service in SERVICES:
        prefix = PREFIXES.get(service, service)
        for name in session.get_service_model(service).operation_names:
            operations[xform_name(name)].append(ASKS.get(name, {f"{prefix}:{name}"}))
    operations["upload_fileobj"].append(ASKS["UploadFileobj"])
    found = [(file, name) for file, name in called() if name in operations and "_" in name]
    assert len(found) > 40
    asked = {action for _, name in found for each in operations[name] for action in each}
    assert granted - asked == BESIDES
    assert [
        (file, method)
        for file, method in found
        if not any(asked <= granted for asked in operations[method])
    ] == []


# Characters without spaces (IAM and AWS STS quotas)
LIMITS = {"managed": 6144, "inline": 10_240}


@pytest.mark.parametrize("name", ["Boundary", "MakeRoles", "DevelopersPolicy", "RemovalPolicy"])
def test_a_managed_policy_fits(deployer: Deployed, name: str) -> None:
    assert size(deployer.roles[name]) <= LIMITS["managed"]


def test_the_roles_own_policy_fits(deployer: Deployed) -> None:
    assert size(deployer.roles[DEPLOYER]) <= LIMITS["inline"]


def size(statements: list[Statement]) -> int:
    """With the longest project name in place of the one here."""
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return len(text.replace("mlops", "p" * 20))
