"""Names of versions: `<ProjectName>-<8 digits of the stack>-<commit>-<8 digits of the run>`, at
most 63 characters.

The stack's digits keep two projects apart where one's name begins with the other's: the services
only search by NameContains. Models, endpoint configurations and training jobs share these names.

The name of a tuning job has at most 32 characters (CreateHyperParameterTuningJob): it is
`<8 digits of the stack>-<8 digits of the run>-…`, and so begin those of the jobs that it trains.
"""

from troposphere import Select, Split, StackId, Sub
from troposphere.s3 import Bucket

from templates.kit.iam import arn

# Folders of the artifact bucket: what jobs resume from, what was made of the data, what is kept of
# each version where there is no registry, and of each decision about one, of requests and answers,
# and of work in heaps
CHECKPOINTS, PREPARED = "checkpoints/", "prepared/"
RECORDS, DECISIONS = "registry/", "decisions/"
CAPTURED, BATCH = "capture/", "batch/"
# What asked for a training, what waits for one, and what the newest push has built
RETRAINING = "retraining/"
SEEN_EVENTS = f"{RETRAINING}events/"
# What looks at drift have found, where the last one ended, and which files each has taken
DRIFT = "drift/"
LOOKED_AT = f"{DRIFT}manifests/"
# As whom AWS scales endpoints, and the account's one role for it ("Amazon SageMaker AI and
# Application Auto Scaling", Application Auto Scaling User Guide)
SCALING_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
SCALING_ROLE = (
    f"aws-service-role/{SCALING_SERVICE}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


def stack_digits() -> Select:
    """The first group of the GUID that ends arn:…:stack/NAME/GUID."""
    return Select(0, Split("-", Select(2, Split("/", StackId))))


def version_prefix() -> Sub:
    """How every version's name begins."""
    return Sub("${ProjectName}-${Digits}", Digits=stack_digits())


def version_arns(kind: str) -> Sub:
    """The ARN pattern of one kind of thing (`model`, `training-job` …) in all versions."""
    return arn("sagemaker", f"{kind}/${{ProjectName}}-${{Digits}}-*", Digits=stack_digits())


def tuned_arns(kind: str) -> Sub:
    """The same of what tuning jobs begin: themselves, and the jobs that they train."""
    return arn("sagemaker", f"{kind}/${{Digits}}-*", Digits=stack_digits())


def batch_model_prefix() -> Sub:
    """How the name of a batch's own model begins. It is no version's, so that who tidies up among
    versions does not take it away from under its job."""
    return Sub("${ProjectName}-batch-${Digits}", Digits=stack_digits())


def batch_model_arns() -> Sub:
    """The ARN pattern of the models that batches have of their own."""
    return arn("sagemaker", "model/${ProjectName}-batch-${Digits}-*", Digits=stack_digits())


def version_objects(bucket: Bucket, folder: str, file: str = "") -> Sub:
    """The ARN pattern of what all versions have in a folder (`models/`) of a bucket, or of one file
    (`/summary.json`) that each has."""
    pattern = f"${{{bucket.title}.Arn}}/{folder}${{ProjectName}}-${{Digits}}-*{file}"
    return Sub(pattern, Digits=stack_digits())


def job_log_streams(group: str) -> Sub:
    """The ARN pattern of the log streams of this stack's jobs in a group of the account's."""
    streams = f"log-group:{group}:log-stream:${{ProjectName}}-${{Digits}}-*"
    return arn("logs", streams, Digits=stack_digits())


def tuned_log_streams(group: str) -> Sub:
    """The same of the jobs that a tuning job trains."""
    return arn("logs", f"log-group:{group}:log-stream:${{Digits}}-*", Digits=stack_digits())
