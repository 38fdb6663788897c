"""What the roles of a stack can have at most, and how its names are known before it is there."""

from types import ModuleType

from awacs import (
    ecr,
    events,
    iam,
    kms,
    logs,
    s3,
    sagemaker,
    sns,
    sqs,
)
from awacs.aws import (
    Action,
    Bool,
    PolicyDocument,
    StringEquals,
    StringEqualsIfExists,
)
from troposphere import Ref, Sub, Template, encode_to_dict
from troposphere.iam import ManagedPolicy, Role
from troposphere.s3 import Bucket
from troposphere.sns import Topic

from templates.kit.iam import VERSION, allow, arn
from templates.kit.names import SCALING_SERVICE

# Who a role of the stack is passed to
SERVICES = ("codebuild", "codepipeline", "events", "sagemaker", "scheduler", "states")

# Of which a role may do all that there is, with what is this project's
_WHOLE = (
    *("application-autoscaling", "cloudwatch", "codebuild", "codecommit", "codepipeline"),
    *("sagemaker", "states"),
)


def make_boundary(system: Template) -> ManagedPolicy:
    """What a role of the stack can have at most, whatever a changed template says: what is
    this project's, by its name. Versions and jobs have eight digits behind the project's.

    A key is told by another project's tag only, as its own may take five minutes to count (ABAC for
    AWS KMS), and the first run begins before that.
    """
    ends = ("", "-????????", "-????????-*")
    jobs = [
        *(arn("sagemaker", f"*/${{ProjectName}}{end}") for end in ends),
        arn("sagemaker", "model-package/${ProjectName}/*"),
        arn("sagemaker", "model/${ProjectName}-batch-????????-*"),
    ]
    machines = ("training", "deployment", "approval", "batch", "drift")
    buckets = bucket_arns(system)
    key = [arn("kms", "key/*")]
    not_anothers = StringEqualsIfExists("aws:ResourceTag/project", Ref("ProjectName"))
    pull = named(ecr, "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer")
    statements = [
        # One statement of several services, as a policy has 6,144 characters: each action is of
        # the resources of its own service only
        allow(
            "Own",
            [Action(service, "*") for service in _WHOLE],
            [
                *jobs,
                arn("cloudwatch", "alarm:TargetTracking-endpoint/${ProjectName}/*"),
                # The ID of a target is AWS's own
                arn("application-autoscaling", "scalable-target/*"),
                arn("codebuild", "*/${ProjectName}-*"),
                arn("codecommit", "${ProjectName}"),
                arn("codepipeline", "${ProjectName}"),
                arn("codepipeline", "${ProjectName}/*"),
                # Of machines and their executions: each action is of one of these
                *(arn("states", f"*:${{ProjectName}}-{one}") for one in machines),
                *(arn("states", f"*:${{ProjectName}}-{one}:*") for one in machines),
            ],
        ),
        # Their names have no room for the project's (names.py). The tags of a tuning job are those
        # of its training jobs too (CreateHyperParameterTuningJob)
        allow(
            "OwnTuning",
            [Action("sagemaker", "*")],
            [arn("sagemaker", "*-job/????????-????????-*")],
            not_anothers,
        ),
        # Of several services again. What the endpoint serves may be under any name: scaling was
        # seen to leave one of its own (github.com/aws-controllers-k8s/community, issue 2110)
        allow(
            "Beside",
            [
                Action("cloudwatch", "DescribeAlarms"),
                sagemaker.DescribeEndpointConfig,
                *named(events, "DescribeRule PutRule PutTargets"),
                iam.CreateServiceLinkedRole,
                sns.Publish,
                sqs.SendMessage,
            ],
            [
                arn("cloudwatch", "alarm:${ProjectName}-*"),
                arn("sagemaker", "endpoint-config/*"),
                arn("events", "rule/StepFunctionsGetEventsFor*"),
                _global_arn("iam", f"role/aws-service-role/{SCALING_SERVICE}/*"),
                *(arn("sns", name) for name in made(system, Topic)),
                arn("sqs", "${ProjectName}-undelivered"),
            ],
        ),
        # The pattern of a bucket's ARN is that of its objects too
        allow(
            "OwnObjects",
            [
                *(Action("s3", name) for name in ("GetBucket*", "ListBucket*", "GetObject*")),
                *named(s3, "AbortMultipartUpload DeleteObject"),
                *named(s3, "ListMultipartUploadParts PutObject"),
            ],
            buckets,
        ),
        allow(
            "OwnImages",
            [
                *(Action("ecr", name) for name in ("DescribeImage*", "*LayerUpload")),
                *named(ecr, "BatchDeleteImage ListImages PutImage"),
                *named(ecr, "StartImageScan UploadLayerPart"),
            ],
            [arn("ecr", "repository/${ProjectName}")],
        ),
        # A base image may lie in any repository of the account
        allow("PullImages", pull, [arn("ecr", "repository/*")]),
        allow(
            "UseKeys", named(kms, "Decrypt DescribeKey Encrypt GenerateDataKey"), key, not_anothers
        ),
        allow(
            "LendKeys",
            [kms.CreateGrant],
            key,
            not_anothers,
            Bool("kms:GrantIsForAWSResource", "true"),
        ),
        allow(
            "WriteLogs",
            named(logs, "CreateLogGroup CreateLogStream DescribeLogStreams PutLogEvents"),
            [
                arn("logs", f"log-group:{group}")
                for group in (
                    "/aws/codebuild/${ProjectName}-*",
                    "/aws/sagemaker/Endpoints/${ProjectName}",
                    "/aws/sagemaker/Endpoints/${ProjectName}:*",
                    "/aws/sagemaker/*Jobs*",
                    "/aws/sagemaker/NotebookInstances*",
                )
            ],
        ),
        # These have no resource level
        allow(
            "WithoutResource",
            [
                Action("cloudwatch", "PutMetricData"),
                ecr.GetAuthorizationToken,
                *named(sagemaker, "ListEndpointConfigs ListModels"),
                Action("sagemaker", "List*Jobs"),
                Action("logs", "*LogDeliver*"),
                *named(logs, "DescribeLogGroups DescribeResourcePolicies PutResourcePolicy"),
                *(Action("xray", name) for name in ("GetSampling*", "Put*")),
            ],
            ["*"],
        ),
        # CloudFormation passes on the others
        allow(
            "PassOwnRoles", [iam.PassRole], role_arns(system, "sagemaker"), passed_to("sagemaker")
        ),
    ]
    return ManagedPolicy(
        "Boundary",
        Description="What a role of the stack can have at most",
        PolicyDocument=PolicyDocument(Version=VERSION, Statement=statements),
    )


def passed_to(*services: str) -> StringEquals:
    names = [f"{one}.amazonaws.com" for one in services or SERVICES]
    return StringEquals("iam:PassedToService", names)


# ---- names, as CloudFormation makes them


def role_arns(system: Template, service: str = "") -> list[Sub]:
    """The stack's roles, or those that a service may assume. Their names are CloudFormation's:
    `<stack>-<logical ID>-<random>`."""
    return [
        _global_arn("iam", f"role/{_pattern(title)}")
        for title, role in system.resources.items()
        if isinstance(role, Role)
        and f"{service}.amazonaws.com" in str(encode_to_dict(role.AssumeRolePolicyDocument))
    ]


def bucket_arns(system: Template) -> list[Sub]:
    """The buckets of the stack and of its bootstrap stack."""
    titles = [title for title, one in system.resources.items() if isinstance(one, Bucket)]
    return [
        Sub(f"arn:${{AWS::Partition}}:s3:::${{ProjectName}}-{title}-*")
        for title in (*(title.lower() for title in titles), "bootstrap-bucket")
    ]


def named(service: ModuleType, actions: str) -> list[Action]:
    """Actions of one service by name; one that the service does not have is an AttributeError."""
    return [getattr(service, name) for name in actions.split()]


def made(system: Template, kind: type) -> list[str]:
    """Patterns of the names that CloudFormation makes for the resources of one kind."""
    return [_pattern(title) for title, one in system.resources.items() if isinstance(one, kind)]


def _pattern(title: str) -> str:
    return f"${{ProjectName}}-{title}-*"


def _global_arn(service: str, resource: str) -> Sub:
    """An ARN of a service that knows no regions."""
    return Sub(f"arn:${{AWS::Partition}}:{service}::${{AWS::AccountId}}:{resource}")
