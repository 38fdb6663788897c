"""What people may do: one policy for those who develop, one more for those who may remove it all.

Neither can change a resource of the stack by hand: CloudFormation does, with its own role.
"""

from awacs import (
    application_autoscaling,
    cloudformation,
    cloudwatch,
    codebuild,
    codecommit,
    codepipeline,
    ecr,
    iam,
    kms,
    logs,
    pricing,
    s3,
    sagemaker,
    states,
)
from awacs.aws import (
    PolicyDocument,
    Statement,
    StringEquals,
    StringEqualsIfExists,
)
from troposphere import Ref, Sub, Template
from troposphere.iam import ManagedPolicy, Role

from templates.kit.iam import VERSION, allow, arn, via
from templates.parts.boundary import bucket_arns, named

_BOOTSTRAP = "${ProjectName}-bootstrap-bucket-*"
_DATA = "${ProjectName}-databucket-*"
_ARTIFACTS = "${ProjectName}-artifactbucket-*"
# Tuning jobs and what they train: `<8 digits of the stack>-<8 digits of the run>-…`, told from
# others' by their tag; SageMaker gives that of a tuning job to all that it trains
# (CreateHyperParameterTuningJob, Tags)
_TUNED = "????????-????????-*"


def add_people(
    template: Template, system: Template, deployer: Role
) -> tuple[ManagedPolicy, ManagedPolicy]:
    """A policy for everyday work, and one for taking all of it down with its data."""
    developers = _policy(
        template,
        "DevelopersPolicy",
        "Deploy, push, train, watch, approve and ask the endpoint",
        [
            *_operate_stacks(deployer),
            *_upload(),
            *_push_and_ask(),
            *_train(),
            *_watch(),
            *_judge(),
        ],
    )
    removers = _policy(
        template,
        "RemovalPolicy",
        "With DevelopersPolicy: take the stack down with all its data",
        [*_stop(), *_remove(system)],
    )
    return developers, removers


def _policy(
    template: Template, title: str, description: str, statements: list[Statement]
) -> ManagedPolicy:
    document = PolicyDocument(Version=VERSION, Statement=statements)
    return template.add_resource(
        ManagedPolicy(title, Description=description, PolicyDocument=document)
    )


def _tagged() -> StringEquals:
    return StringEquals("aws:ResourceTag/project", Ref("ProjectName"))


def _bucket(pattern: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:s3:::{pattern}")


# Where jobs and notebooks write, beside those of all others of the account
JOB_STREAMS = (
    "/aws/sagemaker/NotebookInstances:log-stream:${ProjectName}/*",
    "/aws/sagemaker/ProcessingJobs:log-stream:${ProjectName}-*",
    "/aws/sagemaker/TrainingJobs:log-stream:${ProjectName}-*",
    f"/aws/sagemaker/TrainingJobs:log-stream:{_TUNED}",  # a stream has no tags
    "/aws/sagemaker/TransformJobs:log-stream:${ProjectName}-*",
)


# ---- everyday


def _operate_stacks(deployer: Role) -> list[Statement]:
    """CloudFormation's own role does the work: a stack that another role, or the person, would
    work for is refused (cloudformation:RoleArn, Service Authorization Reference)."""
    stacks = [arn("cloudformation", f"stack/${{ProjectName}}{end}/*") for end in ("", "-bootstrap")]
    role = StringEqualsIfExists("cloudformation:RoleArn", deployer.get_att("Arn"))
    return [
        allow(
            "ChangeStacks",
            named(cloudformation, "ContinueUpdateRollback CreateChangeSet DeleteStack"),
            stacks,
            role,
        ),
        allow(
            "Follow",
            [
                *named(cloudformation, "DeleteChangeSet DescribeChangeSet DescribeStackEvents"),
                *named(cloudformation, "DescribeStacks ExecuteChangeSet ListStackResources"),
            ],
            stacks,
        ),
        allow(
            "PassDeployer",
            [iam.PassRole],
            [deployer.get_att("Arn")],
            StringEquals("iam:PassedToService", "cloudformation.amazonaws.com"),
        ),
    ]


def _upload() -> list[Statement]:
    """The template, the first code, and data."""
    return [
        # And what is to be answered in one go, with the answers
        allow(
            "UploadFirst",
            named(s3, "AbortMultipartUpload GetObject PutObject"),
            [_bucket(f"{_BOOTSTRAP}/*"), _bucket(f"{_ARTIFACTS}/batch/*")],
        ),
        allow(
            "UploadData",
            named(s3, "AbortMultipartUpload DeleteObject GetObject PutObject"),
            [_bucket(f"{_DATA}/data/*")],
        ),
        allow(
            "ListBuckets",
            [s3.ListBucket],
            [_bucket(name) for name in (_ARTIFACTS, _BOOTSTRAP, _DATA)],
        ),
        allow(
            "UseKeyForData",
            named(kms, "Decrypt GenerateDataKey"),
            [arn("kms", "key/*")],
            _tagged(),
            StringEquals("kms:ViaService", via("s3")),
        ),
    ]


def _push_and_ask() -> list[Statement]:
    """Code, images and the endpoint, in one statement as above."""
    return [
        allow(
            "Use",
            [
                *named(codecommit, "GetBranch GetCommit GetRepository GitPull GitPush"),
                # A creation says beforehand what would be in its way; an image's tags tell its
                # commit
                *named(ecr, "DescribeImages DescribeRepositories"),
                sagemaker.InvokeEndpoint,
            ],
            [
                arn("codecommit", "${ProjectName}"),
                arn("ecr", "repository/${ProjectName}"),
                arn("sagemaker", "endpoint/${ProjectName}"),
            ],
        ),
    ]


def _train() -> list[Statement]:
    """One statement of two services, as below."""
    return [
        # The way back to an older model, and out of a deployment that holds up others; and where
        # there is no registry whose event would tell of a decision
        allow(
            "Start",
            [
                codepipeline.StartPipelineExecution,
                *named(states, "StartExecution StopExecution"),
            ],
            [
                arn("codepipeline", "${ProjectName}"),
                *(
                    arn("states", f"*:${{ProjectName}}-{name}")
                    for name in ("approval", "batch", "deployment", "drift", "training")
                ),
                *(
                    arn("states", f"*:${{ProjectName}}-{name}:*")
                    for name in ("batch", "deployment", "training")
                ),
            ],
        ),
    ]


def _watch() -> list[Statement]:
    groups = (
        "/aws/codebuild/${ProjectName}-*",
        "/aws/sagemaker/Endpoints/${ProjectName}",
        "/aws/sagemaker/*Jobs",
    )
    return [
        # In one, since a managed policy is short: an action is on its own service's resources only
        allow(
            "Watch",
            [
                cloudwatch.DescribeAlarms,
                codebuild.BatchGetBuilds,
                *named(codepipeline, "GetPipelineExecution GetPipelineState"),
                *named(codepipeline, "ListActionExecutions ListPipelineExecutions"),
                *named(sagemaker, "DescribeEndpoint DescribeEndpointConfig DescribeModel"),
                *named(sagemaker, "DescribeProcessingJob DescribeTrainingJob"),
                *named(sagemaker, "DescribeTransformJob ListTags"),
                *named(states, "DescribeExecution GetExecutionHistory ListExecutions"),
            ],
            [
                arn("cloudwatch", "alarm:${ProjectName}-*"),
                arn("codebuild", "project/${ProjectName}-*"),
                arn("codepipeline", "${ProjectName}"),
                *(arn("sagemaker", f"*/${{ProjectName}}{end}") for end in ("", "-*")),
                arn("states", "execution:${ProjectName}-*:*"),
                arn("states", "stateMachine:${ProjectName}-*"),
            ],
        ),
        allow(
            "WatchTuning",
            named(sagemaker, "DescribeHyperParameterTuningJob DescribeTrainingJob"),
            [arn("sagemaker", f"*-job/{_TUNED}")],
            _tagged(),
        ),
        # These have no resource level
        allow(
            "Find",
            [
                # Of a template that has no stack yet, and of stacks that are gone
                *named(cloudformation, "GetTemplateSummary ListStacks"),
                *named(sagemaker, "ListModels ListProcessingJobs ListTrainingJobs"),
                pricing.GetProducts,
            ],
            ["*"],
        ),
        allow(
            "ReadLogs",
            named(logs, "DescribeLogStreams GetLogEvents"),
            [arn("logs", f"log-group:{name}:*") for name in groups],
        ),
    ]


def _judge() -> list[Statement]:
    """What is registered, why, and a person's decision about it."""
    return [
        allow(
            "Decide",
            named(sagemaker, "DescribeModelPackage ListModelPackages UpdateModelPackage"),
            [arn("sagemaker", "model-package/${ProjectName}/*")],
        ),
        # Reports, and records where there is no registry
        allow(
            "Read",
            [s3.GetObject],
            [
                _bucket(f"{_ARTIFACTS}/{folder}/*")
                for folder in ("drift", "evaluations", "registry")
            ],
        ),
    ]


# ---- taking it down


def _stop() -> list[Statement]:
    return [
        allow(
            "StopPipeline",
            [codepipeline.StopPipelineExecution],
            [arn("codepipeline", "${ProjectName}")],
        ),
        allow(
            "StopBuilds",
            named(codebuild, "ListBuildsForProject StopBuild"),
            [arn("codebuild", "project/${ProjectName}-*")],
        ),
        allow(
            "StopWorkflows",
            [states.StopExecution],
            [arn("states", "execution:${ProjectName}-*:*")],
        ),
        allow(
            "StopJobs",
            named(sagemaker, "StopProcessingJob StopTrainingJob StopTransformJob"),
            [
                arn("sagemaker", f"{kind}-job/${{ProjectName}}-*")
                for kind in ("processing", "training", "transform")
            ],
        ),
        allow(
            "StopTuning",
            [sagemaker.StopHyperParameterTuningJob],
            [arn("sagemaker", f"hyper-parameter-tuning-job/{_TUNED}")],
            _tagged(),
        ),
        # These have no resource level
        allow(
            "FindJobs",
            named(sagemaker, "ListHyperParameterTuningJobs ListTransformJobs"),
            ["*"],
        ),
    ]


def _remove(system: Template) -> list[Statement]:
    buckets = bucket_arns(system)
    return [
        allow(
            "RemoveServed",
            named(sagemaker, "DeleteEndpoint DeleteEndpointConfig DeleteModel"),
            [
                arn("sagemaker", "endpoint/${ProjectName}"),
                arn("sagemaker", "endpoint-config/${ProjectName}-*"),
                arn("sagemaker", "model/${ProjectName}-*"),
            ],
        ),
        allow(
            "RemoveVersions",
            [
                *named(sagemaker, "DeleteModelPackage DeleteModelPackageGroup"),
                sagemaker.DescribeModelPackageGroup,
            ],
            [
                arn("sagemaker", "model-package/${ProjectName}/*"),
                arn("sagemaker", "model-package-group/${ProjectName}"),
            ],
        ),
        # These have no resource level
        allow("FindServed", named(sagemaker, "ListEndpointConfigs"), ["*"]),
        allow(
            "FindScaling",
            [application_autoscaling.DescribeScalableTargets],
            ["*"],
        ),
        allow(
            "RemoveScaling",
            [application_autoscaling.DeregisterScalableTarget],
            [arn("application-autoscaling", "scalable-target/*")],
        ),
        allow("EmptyBuckets", named(s3, "DeleteBucket ListBucketVersions ListBucket"), buckets),
        allow(
            "EmptyObjects",
            named(s3, "DeleteObject DeleteObjectVersion"),
            [_bucket("${ProjectName}-*/*")],
        ),
        allow(
            "RemoveKey",
            named(kms, "DescribeKey ScheduleKeyDeletion"),
            [arn("kms", "key/*")],
            _tagged(),
        ),
        allow(
            "RemoveCode",
            [codecommit.DeleteRepository],
            [arn("codecommit", "${ProjectName}")],
        ),
        allow("FindCode", [codecommit.ListRepositories], ["*"]),  # no resource level
        allow("RemoveImages", [ecr.DeleteRepository], [arn("ecr", "repository/${ProjectName}")]),
        allow(
            "RemoveLogs",
            named(logs, "DeleteLogGroup DeleteLogStream"),
            [
                arn("logs", "log-group:/aws/codebuild/${ProjectName}-*:*"),
                arn("logs", "log-group:/aws/sagemaker/Endpoints/${ProjectName}:*"),
                *(arn("logs", f"log-group:{group}") for group in JOB_STREAMS),
                arn("logs", "log-group:/aws/vendedlogs/states/${ProjectName}-*:*"),
            ],
        ),
        allow(
            "FindLogs",
            [logs.DescribeLogStreams],
            [arn("logs", f"log-group:{group.split(':')[0]}:*") for group in JOB_STREAMS],
        ),
        allow("FindGroups", [logs.DescribeLogGroups], [arn("logs", "log-group:*")]),
        allow(
            "RemoveReports",
            named(codebuild, "BatchGetReportGroups DeleteReportGroup"),
            [arn("codebuild", "report-group/${ProjectName}-*")],
        ),
        # Asked by a name that a stack let go of: whichever has it by now
        allow("FindHolders", [cloudformation.DescribeStackResources], ["*"]),
    ]
