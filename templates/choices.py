"""Every launch-time choice as data, in the order and groups in which the console shows them."""

from dataclasses import dataclass, field
from typing import Any

PROJECT, TRAINING, SERVING = "Project", "Training", "Serving"
BUILD, NOTEBOOK, OPERATION = "Image build", "Notebook", "Operation"
MONITORING = "Retraining and monitoring"

# The image is built for x86_64; the families with Graviton (c6g, m7gd, r8g …) or Grace (p6e) are
# arm64 and could not start it
_INSTANCE = r"^ml\.(?!(c|m|r|x)[6-9]g|p6e)[a-z0-9-]+\.[a-z0-9]+$"
_INSTANCE_HELP = "be a type such as ml.m5.xlarge, not of arm64 as Graviton is (the image is x86_64)"
# Six fields, exactly one of the days a ? (Schedule types, EventBridge Scheduler User Guide)
_MINUTE, _HOUR = "[0-5]?[0-9]", "([01]?[0-9]|2[0-3])"
_TIMES = "{0}(,{0})*"
_MINUTES, _HOURS = (
    _TIMES.format(rf"(\*|{one}(-{one})?)(/[1-9][0-9]?)?") for one in (_MINUTE, _HOUR)
)
_MONTH = "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
_DATE, _DAY = "(0?[1-9]|[12][0-9]|3[01])", "([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)"
_MONTHS, _DATES, _WEEKDAYS = (
    _TIMES.format(rf"(\*|{one}(-{one})?)(/[1-9][0-9]?)?") for one in (_MONTH, _DATE, _DAY)
)
_CRON = (
    rf"^$|^cron\({_MINUTES} {_HOURS} "
    rf"(\? {_MONTHS} ({_WEEKDAYS}|{_DAY}L|{_DAY}#[1-5])|({_DATES}|L|LW|{_DATE}W) {_MONTHS} \?) "
    r"[0-9,*/-]+\)$"
)
_SHARE = r"^(0(\.[0-9]+)?|1(\.0+)?)$"
# Of jobs and workflows, in the artifact bucket
_FOLDERS = (
    *("models", "checkpoints", "evaluations", "prepared"),
    *("registry", "decisions", "deployments", "capture", "batch", "retraining", "drift"),
)
_DAYS = [
    *("1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545"),
    *("731", "1827", "3653"),
]


@dataclass(frozen=True)
class Choice:
    """A parameter. `must` completes the sentence "NAME must …" that a refused value is told."""

    group: str
    name: str
    label: str
    help: str
    default: str | None
    must: str = ""
    rules: dict[str, Any] = field(default_factory=dict)


def _pattern(pattern: str, **more: Any) -> dict[str, Any]:
    return {"AllowedPattern": pattern, **more}


def _whole(least: int, most: int, note: str = "") -> tuple[str, dict[str, Any]]:
    """What a whole number must be, in words and as a rule.

    It reaches a workflow's definition, a script or an address as text. CloudFormation's own Number
    takes 1.5, 030 and +2 as well, and ignores a pattern (Parameters section syntax reference).
    """
    ends = [10**digits - 1 for digits in range(len(str(least)), len(str(most)))] + [most]
    starts = [least, *(end + 1 for end in ends)]
    parts = [part for pair in zip(starts, ends, strict=False) for part in _digits(*map(str, pair))]
    return f"be a whole number from {least} to {most}{note}", _pattern(f"^({'|'.join(parts)})$")


def _digits(low: str, high: str) -> list[str]:
    """Patterns that together are the numbers from `low` to `high`, which are equally long."""
    rest = len(low) - 1
    zeros, nines = "0" * rest, "9" * rest
    if low[1:] == zeros and high[1:] == nines:
        first = low[0] if low[0] == high[0] else f"[{low[0]}-{high[0]}]"
        return [first + "[0-9]" * rest]
    if low[0] == high[0]:
        return [low[0] + part for part in _digits(low[1:], high[1:])]
    if low[1:] != zeros:
        return _digits(low, low[0] + nines) + _digits(str(int(low[0]) + 1) + zeros, high)
    return _digits(low, str(int(high[0]) - 1) + nines) + _digits(high[0] + zeros, high)


CHOICES = (
    Choice(
        PROJECT,
        "ProjectName",
        "Project name",
        "Names the repository, the image repository, the pipeline and the endpoint.",
        "mlops",
        "be 2 to 20 lower-case letters, digits and single hyphens, start with a letter, and not be "
        f"{', '.join(_FOLDERS[:-1])} or {_FOLDERS[-1]}",
        # CodePipeline cuts its folder in the bucket to 20 characters, and grants name that folder;
        # the others stand beside it
        _pattern(f"^(?!({'|'.join(_FOLDERS)})$)[a-z](-?[a-z0-9]){{1,19}}$", MaxLength=20),
    ),
    Choice(
        PROJECT,
        "BranchName",
        "Branch",
        "A push to this branch trains, and deploys a model that is good enough.",
        "main",
        "be a branch's name for git and CodeCommit: at most 100 letters, digits and . _ / -, first "
        "a letter or digit, no two of . and / together or one at the end, no part that ends in "
        ".lock, and not HEAD or 40 hexadecimal digits",
        # Branch names: Quotas in AWS CodeCommit, which refers to git-check-ref-format
        _pattern(
            r"^(?!(.*\.lock(/.*)?|[0-9A-Fa-f]{40}|HEAD)$)"
            r"[A-Za-z0-9]([A-Za-z0-9_-]|[./](?![./]|$))*$",
            MaxLength=100,
        ),
    ),
    Choice(
        PROJECT,
        "BootstrapBucket",
        "Bootstrap bucket",
        "Holds the first code and data: the output Bucket of the bootstrap stack.",
        None,
        "be the name of a bucket, without s3://",
        _pattern("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
    ),
    Choice(
        PROJECT,
        "CodeKey",
        "Code archive",
        "Key of the zip file that becomes the first commit; read once, when the stack is created.",
        "seed/code.zip",
        "be the key of a .zip file in the bootstrap bucket, without a leading slash",
        _pattern(r"^[^/].*\.zip$"),
    ),
    Choice(
        PROJECT,
        "SeedDataPrefix",
        "Seed data",
        "Folder of train, validation and eval .tfrecords, copied once if there is no data yet.",
        "seed/data/",
        "end with a slash, not begin with one, and hold only letters, digits and . _ -",
        # Goes into the text of the workflow and into CopySource, which is read as part of a URL
        _pattern("^[A-Za-z0-9._-][A-Za-z0-9._/-]*/$"),
    ),
    Choice(
        TRAINING,
        "TrainingInstanceType",
        "Instance type",
        "What a training job runs on. GPU types need another TensorFlow, see the Dockerfile.",
        "ml.m5.xlarge",
        _INSTANCE_HELP,
        _pattern(_INSTANCE),
    ),
    Choice(
        TRAINING,
        "TrainingInstanceCount",
        "Instances",
        "Two or more share each batch: worth it where one step takes much longer than the network.",
        "1",
        *_whole(1, 20),
    ),
    Choice(
        TRAINING,
        "TrainingVolumeGB",
        "Volume (GB)",
        "Disk of each training instance: data, checkpoints and model have to fit.",
        "30",
        *_whole(1, 16384),
    ),
    Choice(
        TRAINING,
        "TrainingMaxRuntimeSeconds",
        "Longest run (seconds)",
        "A job that runs longer is stopped, and its model is not deployed.",
        "3600",
        # A day: in China a build waits for the workflow, and no build outlives 36 hours
        *_whole(60, 86400, " (a day)"),
    ),
    Choice(
        TRAINING,
        "TrainingUseSpot",
        "Spot instances",
        "Cheaper, may be interrupted: the job resumes by itself, in the end once on demand.",
        "false",
        rules={"AllowedValues": ["false", "true"]},
    ),
    Choice(
        TRAINING,
        "TrainingSpotWaitSeconds",
        "Extra time for spot (seconds)",
        "A spot job ends so long after its longest run, waiting included; then on demand. China: a "
        "build waits for all of it, 36 hours at most.",
        "3600",
        # Added to the run, as MaxWaitTimeInSeconds must not be less than MaxRuntimeInSeconds: a
        # wrong pair cannot be chosen. In China the build that waits stops a workflow of more than
        # 36 hours; its next run resumes.
        *_whole(60, 86400, " (a day)"),
    ),
    Choice(
        TRAINING,
        "MinimumAccuracy",
        "Minimum accuracy",
        "A model whose accuracy on the held-out data is lower, or missing, is not deployed.",
        "0.6",
        "be a number from 0 to 1, such as 0.75",
        _pattern(_SHARE),
    ),
    Choice(
        TRAINING,
        "AccuracyTolerance",
        "Tolerated loss",
        "A model whose accuracy is lower by more than that than what serves is not deployed.",
        "0.01",
        "be a number from 0 to 1, such as 0.01",
        _pattern(_SHARE),
    ),
    Choice(
        TRAINING,
        "EvaluationInstanceType",
        "Evaluation instance type",
        "What the candidate and what serves are scored on, side by side, and data is prepared on.",
        "ml.m5.large",
        _INSTANCE_HELP,
        _pattern(_INSTANCE),
    ),
    Choice(
        TRAINING,
        "TuningJobs",
        "Tuning jobs",
        "So many trainings try what tuning.json of the commit allows, and the best one goes on; 0 "
        "trains once.",
        "0",
        *_whole(0, 100),
    ),
    Choice(
        TRAINING,
        "TuningParallelJobs",
        "Tuning jobs at once",
        "More end sooner, and learn less from each other. Each needs its own instances.",
        "2",
        # Automatic model tuning quotas: 10 at once
        *_whole(1, 10),
    ),
    Choice(
        SERVING,
        "EndpointKind",
        "Kind of endpoint",
        "RealTime runs on instances; Serverless costs nothing while idle. Chosen before the first "
        "deployment. Serverless has no network isolation, capture, scaling or rollout.",
        "RealTime",
        rules={"AllowedValues": ["RealTime", "Serverless"]},
    ),
    Choice(
        SERVING,
        "ServerlessMemoryMB",
        "Serverless: memory (MB)",
        "What a request may use; the share of a processor grows with it.",
        "3072",
        rules={"AllowedValues": [str(1024 * size) for size in range(1, 7)]},
    ),
    Choice(
        SERVING,
        "ServerlessConcurrency",
        "Serverless: requests at once",
        "More at once are refused as throttled.",
        "5",
        *_whole(1, 200),
    ),
    Choice(
        SERVING,
        "EndpointInstanceType",
        "Instance type",
        "What the endpoint runs on.",
        "ml.m5.large",
        _INSTANCE_HELP,
        _pattern(_INSTANCE),
    ),
    Choice(
        SERVING,
        "EndpointInstanceCount",
        "Instances",
        "Two or more survive the loss of an Availability Zone. With scaling: at least so many.",
        "1",
        *_whole(1, 50),
    ),
    Choice(
        SERVING,
        "EndpointMaxInstanceCount",
        "Most instances",
        "More than Instances turns scaling on: as many run as the requests need. 0: no scaling.",
        "0",
        *_whole(0, 50, ", 0 or not less than EndpointInstanceCount"),
    ),
    Choice(
        SERVING,
        "ScalingTargetInvocations",
        "Scaling: requests for an instance",
        "So many requests in a minute one instance should have.",
        "600",
        *_whole(1, 1_000_000),
    ),
    Choice(
        SERVING,
        "Rollout",
        "Rollout",
        "How requests come to a new version: all at once, a part first (Canary), or step by step "
        "(Linear). Each is watched, and goes back by itself.",
        "Canary",
        rules={"AllowedValues": ["AllAtOnce", "Canary", "Linear"]},
    ),
    Choice(
        SERVING,
        "RolloutPercent",
        "First part, or step (%)",
        "Of the instances. Where that is less than one: one; where one instance runs: all at once.",
        "20",
        rules={"AllowedValues": ["10", "20", "25", "50"]},
    ),
    Choice(
        SERVING,
        "RolloutBakeSeconds",
        "Watch for (seconds)",
        "So long alarms are watched after each step, both versions running. 0: not watched.",
        "300",
        # An alarm looks at two minutes (parts/alarms.py), and metrics come a minute late
        f"be 0, or {_whole(180, 1800)[0].removeprefix('be ')}",
        _pattern(_whole(180, 1800)[1]["AllowedPattern"].replace("^(", "^(0|")),
    ),
    Choice(
        SERVING,
        "ModelLatencyMicroseconds",
        "Slow is (microseconds)",
        "A version goes back if one of a hundred of its answers takes longer. 1 s is 1000000.",
        "2000000",
        *_whole(1000, 60_000_000),
    ),
    Choice(
        SERVING,
        "GoldenSeconds",
        "Golden requests: time (seconds)",
        "Each request whose answer is known has to be answered in that time.",
        "10",
        *_whole(1, 60),
    ),
    Choice(
        SERVING,
        "CapturePercent",
        "Capture (%)",
        "So many of the requests are kept with their answers in S3, for 30 days. They may be "
        "personal data. 0: none.",
        "0",
        *_whole(0, 100),
    ),
    Choice(
        SERVING,
        "BatchInstanceType",
        "Batch instance type",
        "What `make batch` runs on.",
        "ml.m5.large",
        _INSTANCE_HELP,
        _pattern(_INSTANCE),
    ),
    Choice(
        SERVING,
        "KeepVersions",
        "Versions to keep",
        "How many of the newest versions that have served stay, with their images, to go back to.",
        "3",
        *_whole(1, 50),
    ),
    Choice(
        SERVING,
        "Approval",
        "Approval",
        "Automatic deploys a model that is good enough; Manual waits until a person approves it.",
        "Automatic",
        rules={"AllowedValues": ["Automatic", "Manual"]},
    ),
    Choice(
        SERVING,
        "ApprovalDays",
        "Wait for approval (days)",
        "With Manual: a model that nobody approved or rejected for so long is rejected.",
        "7",
        *_whole(1, 90),
    ),
    Choice(
        MONITORING,
        "RetrainSchedule",
        "Retrain at",
        "When to train without a push, such as cron(0 3 ? * SUN *). Empty: never.",
        "",
        "be a cron expression with six fields, one of the two days a ?, such as "
        "cron(0 3 ? * SUN *), or empty",
        _pattern(_CRON),
    ),
    Choice(
        MONITORING,
        "DriftSchedule",
        "Look for drift at",
        "When to compare what was captured with the baseline, such as cron(0 4 * * ? *). Empty: "
        "never. Set CapturePercent too.",
        "",
        "be a cron expression with six fields, one of the two days a ?, such as "
        "cron(0 4 * * ? *), or empty",
        _pattern(_CRON),
    ),
    Choice(
        MONITORING,
        "DriftThreshold",
        "Drift is (PSI)",
        "Population stability index from which on requests have drifted: 0.1 is little, 0.25 much.",
        "0.25",
        "be a number above 0 and at most 10, such as 0.25",
        _pattern(r"^(0\.0*[1-9][0-9]*|[1-9](\.[0-9]+)?|10)$"),
    ),
    Choice(
        MONITORING,
        "DriftMinimumRecords",
        "Records to look at",
        "Fewer captured requests since the last look say nothing yet.",
        "500",
        *_whole(50, 100_000),
    ),
    Choice(
        MONITORING,
        "RetrainOnDrift",
        "Retrain on drift",
        "Whether drift starts a training.",
        "no",
        rules={"AllowedValues": ["no", "yes"]},
    ),
    Choice(
        MONITORING,
        "DriftCooldownDays",
        "Not again for (days)",
        "So long drift starts no other training, nor in the first days of a model.",
        "7",
        *_whole(1, 365),
    ),
    Choice(
        MONITORING,
        "ScheduleTimezone",
        "Time zone",
        "Of the schedules, such as Europe/Berlin or Asia/Shanghai.",
        "UTC",
        "be the name of a time zone, such as UTC or Asia/Shanghai",
        _pattern(r"^[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}$", MaxLength=50),
    ),
    Choice(
        BUILD,
        "BaseImage",
        "Base image",
        "What the Dockerfile starts from. In China choose one that can be pulled there.",
        "public.ecr.aws/docker/library/python:3.11-slim-bookworm",
        "be an image such as public.ecr.aws/docker/library/python:3.11-slim-bookworm",
        # Docker's grammar of a reference: registry, path, tag, digest (distribution, reference)
        _pattern(
            r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+((/|[._-]+)[a-z0-9]+)*"
            r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"
        ),
    ),
    Choice(
        BUILD,
        "PipIndexUrl",
        "Python package index",
        "Where pip installs from. In China choose a mirror there.",
        "https://pypi.org/simple",
        "be an http or https address",
        _pattern(r"^https?://[^\s\"'$`\\]+$"),
    ),
    Choice(
        NOTEBOOK,
        "NotebookEnabled",
        "Notebook",
        "Whether to add a notebook instance with the repository checked out.",
        "false",
        rules={"AllowedValues": ["false", "true"]},
    ),
    Choice(
        NOTEBOOK,
        "NotebookInstanceType",
        "Instance type",
        "What the notebook runs on.",
        "ml.t3.medium",
        "be a type such as ml.t3.medium",
        _pattern(r"^ml\.[a-z0-9-]+\.[a-z0-9]+$"),
    ),
    Choice(
        NOTEBOOK,
        "NotebookIdleMinutes",
        "Stop when idle (minutes)",
        "The notebook stops when nothing ran for so long; its disk is kept.",
        "60",
        *_whole(10, 1440),
    ),
    Choice(
        OPERATION,
        "NotificationEmail",
        "E-mail for failures",
        "Receives a message for each failure, once the subscription is confirmed.",
        "",
        "be one e-mail address of at most 64 characters, or empty",
        # It is a part of the budget's name, which has 100 (Budget, AWS Billing API Reference)
        _pattern(r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$", MaxLength=64),
    ),
    Choice(
        OPERATION,
        "LogRetentionDays",
        "Keep logs (days)",
        "How long the logs of builds, workflows, the endpoint and bucket access are kept.",
        "90",
        rules={"AllowedValues": _DAYS},
    ),
    Choice(
        OPERATION,
        "Tracing",
        "Tracing",
        "Whether AWS X-Ray gets a trace of each run of the workflows, with the time of each call.",
        "false",
        rules={"AllowedValues": ["false", "true"]},
    ),
    Choice(
        OPERATION,
        "PermissionsBoundary",
        "Permissions boundary",
        "Policy that bounds each role of the stack: output of the deployer stack, if you have one.",
        "",
        "be the ARN of a policy, or empty",
        _pattern(r"^$|^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+$"),
    ),
    Choice(
        OPERATION,
        "MonthlyBudget",
        "Monthly budget (dollars)",
        "NotificationEmail hears when the account's bill of a month is more, or will be. In China "
        "in yuan. 0: no budget.",
        "0",
        *_whole(0, 1_000_000),
    ),
)
