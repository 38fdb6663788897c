"""The emitted templates as they are deployed in one region, as far as permissions are concerned:
what every policy says once its expressions are resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import generate
from local.authorization.conditions import as_list, like_action
from local.authorization.evaluate import Request, Statement, decide, statements
from local.cfn.functions import Scope
from local.cfn.plan import Plan
from local.cfn.records import Resource
from local.cfn.template import parse
from templates.kit.render import render

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
# Somebody of the account who may do everything, but for what a resource's policy denies to all
ADMINISTRATOR = "administrator"
_EVERYTHING: list[Statement] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
REGIONS = {"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}
_GUID = "1a2b3c4d-0001-11ee-8c9a-0a1b2c3d4e5f"
# What all names of versions begin with: the project, and the first digits of the stack's GUID
VERSION = "mlops-1a2b3c4d-0123456789ab-cafe1234"
# And those of tuning jobs, and of the jobs that they train: the same digits alone
TUNING = "1a2b3c4d-cafe1234-0"
# Which property names a resource of a type, the form of its ARN, and whether Ref gives that
_TYPES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:{0}:alarm:{1}", False),
    "AWS::CloudWatch::Dashboard": ("DashboardName", "cloudwatch::{2}:dashboard/{1}", False),
    "AWS::CodeBuild::Project": ("Name", "codebuild:{0}:project/{1}", False),
    "AWS::CodeBuild::ReportGroup": ("Name", "codebuild:{0}:report-group/{1}", True),
    "AWS::CodeCommit::Repository": ("RepositoryName", "codecommit:{0}:{1}", False),
    "AWS::CodePipeline::Pipeline": ("Name", "codepipeline:{0}:{1}", False),
    "AWS::ECR::Repository": ("RepositoryName", "ecr:{0}:repository/{1}", False),
    "AWS::Events::Rule": ("Name", "events:{0}:rule/{1}", False),
    "AWS::Scheduler::Schedule": ("Name", "scheduler:{0}:schedule/default/{1}", False),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "iam::{2}:policy/{1}", True),
    "AWS::IAM::Role": ("RoleName", "iam::{2}:role/{1}", False),
    "AWS::KMS::Key": ("", "kms:{0}:key/{1}", False),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{0}:log-group:{1}:*", False),
    "AWS::S3::Bucket": ("BucketName", "s3:::{1}", False),
    "AWS::SNS::Topic": ("TopicName", "sns:{0}:{1}", True),
    "AWS::SQS::Queue": ("QueueName", "sqs:{0}:{1}", False),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states:{0}:stateMachine:{1}", True),
}


@dataclass(frozen=True)
class Call:
    """What somebody asks for. `who` is the logical ID of a role, a service's principal, or the
    administrator."""

    who: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        keys = ", ".join(f"{name}={value}" for name, value in sorted(self.context.items()))
        return f"{self.who}: {self.action} on {self.resource}" + (f" ({keys})" if keys else "")


@dataclass(frozen=True)
class Deployed:
    """What is in one region: ARNs by logical ID, the statements of each role by its logical ID, and
    those of the policies of resources by their ARN, roles' trust among them."""

    region: str
    arns: Mapping[str, str]
    roles: Mapping[str, list[Statement]]
    policies: Mapping[str, list[Statement]]

    @property
    def partition(self) -> str:
        return REGIONS[self.region]

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{ACCOUNT}:{resource}"

    def under(self, bucket: str, key: str) -> str:
        """The ARN of an object."""
        return f"{self.arns[bucket]}/{key}"

    def alarms(self) -> list[str]:
        """The ARNs of those that take a version back."""
        faults = ("server-errors", "container-errors", "model-latency", "wrong-answers")
        return [self.arn("cloudwatch", f"alarm:mlops-{fault}") for fault in faults]

    def via(self, service: str) -> dict[str, str]:
        """How KMS is told that a service calls: "Use the .amazonaws.com suffix of the AWS KMS
        ViaService name in all AWS partitions" (AWS KMS condition keys, KMS Developer Guide)."""
        return {"kms:ViaService": f"{service}.{self.region}.amazonaws.com"}

    def policy_of(self, call: Call) -> str:
        """The ARN of the resource whose policy has a say, or "" where none has."""
        if call.action.startswith("iam:"):
            return ""  # who may pass a role on is not in its trust policy
        bucket = call.resource.partition("/")[0] if call.action.startswith("s3:") else ""
        return next((arn for arn in (call.resource, bucket) if arn in self.policies), "")

    def allows(
        self,
        call: Call,
        identity: Iterable[Statement] | None = None,
        resource: Iterable[Statement] | None = None,
    ) -> bool:
        """The verdict on a call; `identity` and `resource` stand in for the policies that apply."""
        if call.who == ADMINISTRATOR:
            principal, own = f"arn:{self.partition}:iam::{ACCOUNT}:role/{call.who}", _EVERYTHING
        else:
            principal, own = self.arns.get(call.who, call.who), self.roles.get(call.who, [])
        keys = {"aws:SecureTransport": "true", **call.context}
        return decide(
            Request(principal, call.action, call.resource, keys),
            own if identity is None else identity,
            self.policies.get(self.policy_of(call), []) if resource is None else resource,
        ).allowed


def concerned(statement: Statement, calls: Iterable[Call]) -> list[Call]:
    """Those with an action of the statement: without it, or with another condition, the verdict on
    any other call is the same."""
    actions = as_list(statement["Action"])
    return [
        call for call in calls if any(like_action(each, call.action.lower()) for each in actions)
    ]


def deploy(region: str, texts: Mapping[str, str], **parameters: str) -> Deployed:
    """The bootstrap stack and the stack, the notebook, a base image of the account and capture
    among it."""
    pseudo = _pseudo(region)
    first = resolve(texts["bootstrap"], pseudo, "mlops-bootstrap", {})
    given = {
        "BootstrapBucket": first.arns["Bucket"].rpartition(":")[2],
        "NotebookEnabled": "true",
        "NotificationEmail": "somebody@example.com",
        "BaseImage": f"{registry(region)}/mirror/python:3.11-slim",
        "CapturePercent": "10",
        "Tracing": "true",
        "RetrainSchedule": "cron(0 3 ? * SUN *)",
        "DriftSchedule": "cron(0 4 * * ? *)",
        **parameters,
    }
    then = resolve(texts["mlops"], pseudo, "mlops", given)
    arns = {**then.arns, "BootstrapBucket": first.arns["Bucket"]}
    return replace(then, arns=arns, policies={**first.policies, **then.policies})


def deploy_deployer(region: str, texts: Mapping[str, str]) -> Deployed:
    """The deployer's stack. Its managed policies stand among the roles, by their logical IDs."""
    return resolve(texts["deployer"], _pseudo(region), "mlops-deployer", {})


def _pseudo(region: str) -> dict[str, str]:
    return {
        "AWS::AccountId": ACCOUNT,
        "AWS::Partition": REGIONS[region],
        "AWS::Region": region,
        "AWS::StackId": f"arn:x:cloudformation:{region}:{ACCOUNT}:stack/mlops/{_GUID}",
        "AWS::URLSuffix": suffix(region),
    }


def suffix(region: str) -> str:
    return "amazonaws.com.cn" if REGIONS[region] == "aws-cn" else "amazonaws.com"


def registry(region: str) -> str:
    """Where the account's images are."""
    return f"{ACCOUNT}.dkr.ecr.{region}.{suffix(region)}"


def emit() -> dict[str, str]:
    """The templates, as generate.py writes them."""
    files = (Path(generate.__file__).parent / "buildspec").glob("*.yml")
    system = generate.mlops({file.stem: file.read_text(encoding="utf-8") for file in files})
    books = {
        "bootstrap": generate.bootstrap(),
        "mlops": system,
        "deployer": generate.deployer(system),
    }
    return {name: render(book) for name, book in books.items()}


def resolve(text: str, pseudo: Mapping[str, str], stack: str, given: Mapping[str, str]) -> Deployed:
    """One template. A resource of a type that is not in _TYPES cannot be named in a policy here."""
    template = parse(text)
    made: dict[str, Resource] = {}
    scope = Scope(template, Plan.of(template, given).values(), pseudo, made)
    live = {name: each for name, each in template.resources.items() if scope.calls_for(each)}
    place = f"{pseudo['AWS::Region']}:{ACCOUNT}"
    for logical, resource in live.items():
        kind, properties = resource["Type"], resource["Properties"]
        if kind in _TYPES:
            naming, form, by_arn = _TYPES[kind]
            made_up = f"{stack}-{logical}-0A1B2C3D4E5F"
            made_up = made_up.lower() if kind == "AWS::S3::Bucket" else made_up
            name = scope.evaluate(properties.get(naming, made_up))
            arn = f"arn:{pseudo['AWS::Partition']}:{form.format(place, name, ACCOUNT)}"
            attributes = {"Arn": arn, "Name": name}
            made[logical] = Resource(logical, kind, {}, arn if by_arn else name, attributes)
    arns = {logical: resource.attributes["Arn"] for logical, resource in made.items()}
    roles, policies = {}, {}
    for logical, resource in live.items():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::IAM::Role":
                written = scope.evaluate(properties["Policies"])
                documents = [statements(policy["PolicyDocument"]) for policy in written]
                roles[logical] = [statement for each in documents for statement in each]
                trust = scope.evaluate(properties["AssumeRolePolicyDocument"])
                policies[arns[logical]] = statements(trust)
            case "AWS::IAM::ManagedPolicy":
                roles[logical] = statements(scope.evaluate(properties["PolicyDocument"]))
            case "AWS::KMS::Key":
                policies[arns[logical]] = statements(scope.evaluate(properties["KeyPolicy"]))
            case "AWS::S3::BucketPolicy":
                bucket = properties["Bucket"]["Ref"]
                document = scope.evaluate(properties["PolicyDocument"])
                policies[arns[bucket]] = statements(document)
            case "AWS::SNS::TopicPolicy":
                document = scope.evaluate(properties["PolicyDocument"])
                for topic in scope.evaluate(properties["Topics"]):
                    policies[topic] = statements(document)
            case "AWS::SQS::QueuePolicy":
                document = scope.evaluate(properties["PolicyDocument"])
                for queue in properties["Queues"]:
                    policies[arns[queue["Ref"]]] = statements(document)
    return Deployed(pseudo["AWS::Region"], arns, roles, policies)
