"""Who may bring the stack up: a role for CloudFormation, and what the roles that it makes can have
at most.

The actions are those that CloudFormation's own resource handlers list for our resource types
(`handlers` of the published resource provider schemas), without those for properties that the
templates do not set. A role that may make roles without bounds is an administrator, so each role of
the stack needs the boundary (Permissions boundaries for IAM entities, IAM User Guide).
"""

from awacs import (
    billing,
    budgets,
    cloudwatch,
    codebuild,
    codecommit,
    codepipeline,
    ecr,
    events,
    iam,
    kms,
    logs,
    s3,
    sagemaker,
    scheduler,
    sns,
    sqs,
    states,
)
from awacs.aws import (
    Action,
    Bool,
    PolicyDocument,
    Statement,
    StringEquals,
    StringEqualsIfExists,
)
from troposphere import Ref, Sub, Template
from troposphere.iam import ManagedPolicy, Role
from troposphere.sns import Topic

from templates.kit.iam import VERSION, allow, arn, policy, trust, via
from templates.parts.boundary import bucket_arns, made, make_boundary, named, passed_to, role_arns


def add_deployer(template: Template, system: Template) -> tuple[Role, ManagedPolicy]:
    """The role and the boundary for stacks of one ProjectName, which is also their name.

    `system` is the template that the role brings up: names that CloudFormation makes begin with the
    stack's name and the logical ID.
    """
    boundary = template.add_resource(make_boundary(system))
    # A policy of its own: a role's inline policies have 10,240 characters (IAM and STS quotas)
    make_roles = template.add_resource(
        ManagedPolicy(
            "MakeRoles",
            Description="How CloudFormation may make the roles of the stack",
            PolicyDocument=PolicyDocument(Version=VERSION, Statement=_make_roles(system, boundary)),
        )
    )
    role = template.add_resource(
        Role(
            "DeployerRole",
            Description="What CloudFormation may do to bring the stack up, change and remove it",
            # No page says that CloudFormation sends a source when it assumes a stack's role
            AssumeRolePolicyDocument=trust("cloudformation", None),
            ManagedPolicyArns=[make_roles.ref()],
            Policies=[
                policy(
                    "Work",
                    [
                        *_make_key(),
                        *_make_buckets(system),
                        *_make_topic(system),
                        *_make_repositories(),
                        *_make_work(),
                        *_make_logs(),
                        *_make_alarms(),
                        *_make_budget(),
                        *_make_notebook(),
                    ],
                )
            ],
        )
    )
    return role, boundary


# ---- roles


def _make_roles(system: Template, boundary: ManagedPolicy) -> list[Statement]:
    roles = role_arns(system)
    return [
        allow(
            "MakeBoundedRoles",
            named(iam, "CreateRole PutRolePermissionsBoundary PutRolePolicy"),
            roles,
            StringEquals("iam:PermissionsBoundary", boundary.ref()),
        ),
        allow(
            "ManageRoles",
            [
                *named(iam, "DeleteRole DeleteRolePolicy GetRole GetRolePolicy"),
                *named(iam, "ListAttachedRolePolicies ListRolePolicies TagRole UntagRole"),
                *named(iam, "UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription"),
            ],
            roles,
        ),
        allow("PassRoles", [iam.PassRole], roles, passed_to()),
    ]


# ---- what holds data


def _make_key() -> list[Statement]:
    """The key is known by its tag, as its ID is not known before it exists."""
    key, alias = arn("kms", "key/*"), arn("kms", "alias/${ProjectName}")
    asked = StringEquals("aws:RequestTag/project", Ref("ProjectName"))
    tagged = StringEquals("aws:ResourceTag/project", Ref("ProjectName"))
    return [
        allow("MakeKey", [kms.CreateKey], ["*"], asked),  # no resource level
        allow(
            "TagKey",
            [kms.TagResource],
            [key],
            asked,
            # A key that has another project's tag is not taken over
            StringEqualsIfExists("aws:ResourceTag/project", Ref("ProjectName")),
        ),
        allow(
            "ManageKey",
            [
                *named(kms, "CreateAlias DeleteAlias DescribeKey EnableKeyRotation GetKeyPolicy"),
                *named(kms, "GetKeyRotationStatus ListResourceTags PutKeyPolicy"),
                *named(kms, "ScheduleKeyDeletion UpdateAlias UpdateKeyDescription"),
            ],
            [key],
            tagged,
        ),
        allow("NameKey", named(kms, "CreateAlias DeleteAlias UpdateAlias"), [alias]),
        allow("SeeAliases", [kms.ListAliases], ["*"]),  # no resource level
        # ECR and SageMaker use the key by grants that they ask for in the caller's name
        allow(
            "LendKey",
            named(kms, "CreateGrant RetireGrant"),
            [key],
            tagged,
            Bool("kms:GrantIsForAWSResource", "true"),
        ),
    ]


def _make_buckets(system: Template) -> list[Statement]:
    return [
        allow(
            "MakeBuckets",
            [
                *named(s3, "CreateBucket DeleteBucket DeleteBucketPolicy GetBucketPolicy"),
                *named(s3, "ListBucket PutBucketLogging"),
                *named(s3, "PutBucketNotification PutBucketOwnershipControls PutBucketPolicy"),
                *named(s3, "PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning"),
                *named(s3, "PutEncryptionConfiguration PutLifecycleConfiguration"),
            ],
            bucket_arns(system),
        ),
        # CloudFormation reads a bucket with all its settings, those too that have none
        allow(
            "ReadBuckets",
            [
                *named(s3, "GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAcl"),
                *named(s3, "GetBucketCORS GetBucketLogging GetBucketNotification"),
                *named(s3, "GetBucketObjectLockConfiguration GetBucketOwnershipControls"),
                *named(s3, "GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning"),
                *named(s3, "GetBucketWebsite GetEncryptionConfiguration"),
                *named(s3, "GetIntelligentTieringConfiguration GetInventoryConfiguration"),
                *named(s3, "GetLifecycleConfiguration GetMetricsConfiguration"),
                *named(s3, "GetReplicationConfiguration"),
                *(Action("s3", name) for name in ("GetBucketAbac", "ListTagsForResource")),
                s3.GetBucketMetadataTableConfiguration,
            ],
            bucket_arns(system),
        ),
        # CloudFormation reads the first commit from there
        allow(
            "ReadSeed",
            named(s3, "GetObject GetObjectVersion"),
            [Sub("arn:${AWS::Partition}:s3:::${ProjectName}-bootstrap-bucket-*/seed/*")],
        ),
    ]


def _make_repositories() -> list[Statement]:
    return [
        allow(
            "MakeCode",
            [
                *named(codecommit, "CreateCommit CreateRepository DeleteRepository GetRepository"),
                codecommit.GetRepositoryTriggers,
                *named(codecommit, "ListTagsForResource TagResource UntagResource"),
                *named(codecommit, "UpdateRepositoryDescription"),
            ],
            [arn("codecommit", "${ProjectName}")],
        ),
        allow("SeeCode", [codecommit.ListRepositories], ["*"]),  # no resource level
        allow(
            "MakeImages",
            [
                *named(ecr, "CreateRepository DeleteLifecyclePolicy DeleteRepository"),
                *named(ecr, "DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy"),
                *named(ecr, "ListTagsForResource PutImageScanningConfiguration"),
                *named(ecr, "PutImageTagMutability PutLifecyclePolicy TagResource UntagResource"),
            ],
            [arn("ecr", "repository/${ProjectName}")],
        ),
    ]


# ---- what works


def _make_topic(system: Template) -> list[Statement]:
    return [
        allow(
            "MakeTopic",
            [
                *named(sns, "CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes"),
                sns.ListSubscriptionsByTopic,
                *named(sns, "ListTagsForResource SetTopicAttributes Subscribe TagResource"),
                *named(sns, "UntagResource"),
            ],
            [arn("sns", name) for name in made(system, Topic)],
        ),
        # A subscription is told by its own ARN, which begins with its topic's
        allow(
            "ManageSubscriptions",
            named(sns, "GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe"),
            [arn("sns", f"{name}:*") for name in made(system, Topic)],
        ),
    ]


def _make_work() -> list[Statement]:
    return [
        allow(
            "MakeBuilds",
            [
                *named(codebuild, "BatchGetProjects CreateProject DeleteProject UpdateProject"),
                *named(codebuild, "BatchGetReportGroups CreateReportGroup DeleteReportGroup"),
                codebuild.UpdateReportGroup,
            ],
            [
                arn("codebuild", "project/${ProjectName}-*"),
                arn("codebuild", "report-group/${ProjectName}-*"),
            ],
        ),
        allow(
            "MakePipeline",
            [
                *named(codepipeline, "CreatePipeline DeletePipeline GetPipeline GetPipelineState"),
                *named(codepipeline, "ListTagsForResource TagResource UntagResource"),
                *named(codepipeline, "UpdatePipeline"),
            ],
            [arn("codepipeline", "${ProjectName}")],
        ),
        allow(
            "MakeWorkflows",
            [
                *named(states, "CreateStateMachine DeleteStateMachine DescribeStateMachine"),
                *named(states, "ListTagsForResource TagResource UntagResource"),
                *named(states, "UpdateStateMachine"),
            ],
            [arn("states", "stateMachine:${ProjectName}-*")],
        ),
        allow(
            "MakeRules",
            [
                *named(events, "DeleteRule DescribeRule ListTagsForResource ListTargetsByRule"),
                *named(events, "PutRule PutTargets RemoveTargets TagResource UntagResource"),
            ],
            [arn("events", "rule/${ProjectName}-*")],
        ),
        allow(
            "MakeQueue",
            [
                *named(sqs, "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags"),
                *named(sqs, "SetQueueAttributes TagQueue UntagQueue"),
            ],
            [arn("sqs", "${ProjectName}-undelivered")],
        ),
        allow(
            "MakeSchedules",
            named(scheduler, "CreateSchedule DeleteSchedule GetSchedule UpdateSchedule"),
            [arn("scheduler", "schedule/default/${ProjectName}-*")],
        ),
    ]


def _make_logs() -> list[Statement]:
    groups = (
        "/aws/codebuild/${ProjectName}-*",
        "/aws/sagemaker/Endpoints/${ProjectName}",
        "/aws/vendedlogs/states/${ProjectName}-*",
    )
    return [
        allow(
            "MakeLogs",
            [
                *named(logs, "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy"),
                *named(logs, "DescribeIndexPolicies DisassociateKmsKey GetDataProtectionPolicy"),
                *named(logs, "ListTagsForResource PutRetentionPolicy"),
                *named(logs, "TagResource UntagResource"),
            ],
            # Some of these actions name the group with `:*` behind it, others without
            [arn("logs", f"log-group:{name}{end}") for name in groups for end in ("", ":*")],
        ),
        allow("SeeLogs", [logs.DescribeLogGroups], [arn("logs", "log-group:*")]),
        allow("SeeLogPolicies", [logs.DescribeResourcePolicies], ["*"]),  # no resource level
    ]


def _make_alarms() -> list[Statement]:
    """And the dashboard, which is the account's, not a region's (Service Authorization
    Reference)."""
    return [
        allow(
            "MakeAlarms",
            [
                *named(cloudwatch, "DeleteAlarms DescribeAlarms ListTagsForResource"),
                *named(cloudwatch, "PutMetricAlarm TagResource UntagResource"),
                *named(cloudwatch, "DeleteDashboards GetDashboard PutDashboard"),
            ],
            [
                arn("cloudwatch", "alarm:${ProjectName}-*"),
                Sub(
                    "arn:${AWS::Partition}:cloudwatch::${AWS::AccountId}:dashboard/"
                    "${ProjectName}-${AWS::Region}"
                ),
            ],
        )
    ]


def _make_budget() -> list[Statement]:
    account = "arn:${AWS::Partition}:%s::${AWS::AccountId}:"
    return [
        allow(
            "MakeBudget",
            [
                *named(budgets, "ListTagsForResource ModifyBudget TagResource ViewBudget"),
                Action("budgets", "UntagResource"),
            ],
            [Sub(account % "budgets" + "budget/${ProjectName}-${AWS::Region}-*")],
        ),
        # What a budget counts is the account's own view of its bill
        allow(
            "CountBill",
            [billing.GetBillingViewData],
            [Sub(account % "billing" + "billingview/primary")],
        ),
    ]


def _make_notebook() -> list[Statement]:
    """The configuration's name is made from its logical ID alone; ARNs of SageMaker may have it in
    small letters."""
    return [
        allow(
            "MakeNotebook",
            [
                *named(sagemaker, "AddTags CreateNotebookInstance DeleteNotebookInstance"),
                *named(sagemaker, "DeleteTags DescribeNotebookInstance ListTags"),
                *named(sagemaker, "StartNotebookInstance StopNotebookInstance"),
                *named(sagemaker, "UpdateNotebookInstance"),
            ],
            [arn("sagemaker", "notebook-instance/${ProjectName}")],
        ),
        allow(
            "MakeNotebookLifecycle",
            [
                *named(sagemaker, "CreateNotebookInstanceLifecycleConfig"),
                *named(sagemaker, "DeleteNotebookInstanceLifecycleConfig"),
                *named(sagemaker, "DescribeNotebookInstanceLifecycleConfig"),
                *named(sagemaker, "UpdateNotebookInstanceLifecycleConfig"),
            ],
            [
                arn("sagemaker", f"notebook-instance-lifecycle-config/{name}-*")
                for name in ("NotebookLifecycle", "notebooklifecycle")
            ],
        ),
        allow(
            "UseKeyForNotebook",
            [kms.Decrypt],
            [arn("kms", "key/*")],
            StringEquals("aws:ResourceTag/project", Ref("ProjectName")),
            StringEquals("kms:ViaService", via("sagemaker")),
        ),
    ]
