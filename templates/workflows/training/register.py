"""Training: every candidate is registered, also what was refused, before anything is deployed.

By API in all partitions: the type of a group is missing in CloudFormation in China. Where a region
has no registry, a record of the same fields is kept in S3 in its place.
"""

from awacs import kms, s3, sagemaker
from troposphere import Ref, Sub
from troposphere.sns import Topic

from templates.kit.grants import use_key
from templates.kit.iam import allow, arn
from templates.kit.names import RECORDS, version_objects
from templates.parts.storage import Storage
from templates.workflows.failure import notify
from templates.workflows.hand_over import IMAGE
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    EXPLAIN,
    Below,
    ChoiceRule,
    State,
    Step,
    all_of,
    catch,
    choose,
    equals,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.training.champion import CHAMPION_NAME
from templates.workflows.training.data import DATA_SHA256, DATA_URI
from templates.workflows.training.evaluate import (
    EVALUATION,
    EVALUATION_JOB,
    EVALUATION_URI,
)
from templates.workflows.training.judge import (
    APPROVAL,
    FORCED,
    FORCED_BECAUSE,
    FORCED_BY,
    OUTCOME,
    STATUS,
    WORDS,
)
from templates.workflows.training.train import MODEL, RESULT

# The ARN of the package or, in its place, the address of the record
PACKAGE = "$.registered.package"

_GROUP_ARN = arn("sagemaker", "model-package-group/${ProjectName}")
_PACKAGES = arn("sagemaker", "model-package/${ProjectName}/*")
_REGISTERED, _CARD, _METADATA, _GROUP = "$.registered", "$.card", "$.metadata", "$.group"
# That a region has no registry was told
_TOLD = f"{RECORDS}unavailable"
# What a package is, as CreateModelPackage takes it and DescribeModelPackage answers
_FIELDS = (
    *("ModelPackageGroupName", "ModelPackageDescription", "ModelApprovalStatus"),
    *("InferenceSpecification", "MetadataProperties", "ModelMetrics"),
)


def register(storage: Storage, topic: Topic) -> list[Step]:
    """From the verdict to an entry in the registry, or to a record."""
    return [
        _lay_metadata(),
        _lay_card(),
        _find_group(_create_group(), _record(storage, topic)),
        _create_package(),
    ]


# ---- what is known of the candidate


def _lay_metadata() -> Step:
    """Values have 1 to 256 characters, and none is empty (CustomerMetadataProperties)."""
    known = {
        "version.$": VERSION_NAME,
        "training-image.$": "$.trainingImage",
        "serving-image.$": "$.servingImage",
        "data.$": DATA_SHA256,
        "data-uri.$": DATA_URI,
        "training-job.$": f"{RESULT}.TrainingJobName",
        "evaluation-job.$": f"{EVALUATION_JOB}.ProcessingJobName",
        "evaluation.$": EVALUATION_URI,
        "trigger.$": "$.trigger.kind",
        "triggered-by.$": "$.trigger.by",
        "champion.$": CHAMPION_NAME,
        "outcome.$": OUTCOME,
        "verdict.$": STATUS,
    }
    forced = {"forced-by.$": FORCED_BY, "forced-because.$": FORCED_BECAUSE}
    return choose(
        "IsOverridden",
        when(equals(STATUS, FORCED), [put("DescribeForced", _METADATA, {**known, **forced})]),
        otherwise=[put("Describe", _METADATA, known)],
    )


def _lay_card() -> Step:
    """The token makes a second try of the same call the same registration."""
    return put(
        "FillCard",
        _CARD,
        {
            "ModelPackageGroupName": "${ProjectName}",
            "ModelPackageDescription.$": WORDS,
            "ModelApprovalStatus.$": APPROVAL,
            "InferenceSpecification": {"Containers": [{"Image.$": IMAGE, "ModelDataUrl.$": MODEL}]},
            "MetadataProperties": {
                "CommitId.$": "$.commit",
                "Repository": "${Repository}",
                "GeneratedBy.$": "$$.Execution.Id",
            },
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri.$": f"States.Format('{{}}evaluation.json', {EVALUATION_URI})",
                    }
                }
            },
            "ClientToken.$": "States.UUID()",
        },
        tokens={
            "ProjectName": Ref("ProjectName"),
            "Repository": arn("codecommit", "${ProjectName}"),
        },
    )


def _fields(*names: str) -> State:
    """Of the card, and with what the evaluation found; of two values of one name ours stays."""
    merged = f"States.JsonMerge({EVALUATION}.metadata, {_METADATA}, false)"
    return {
        **{f"{name}.$": f"{_CARD}.{name}" for name in (*_FIELDS, *names)},
        "CustomerMetadataProperties.$": merged,
    }


# ---- where the region has a registry


def _find_group(create: Step, record: list[Step]) -> Step:
    return task(
        "FindGroup",
        "aws-sdk:sagemaker:describeModelPackageGroup",
        {"ModelPackageGroupName": "${ProjectName}"},
        grants=[allow("FindGroup", [sagemaker.DescribeModelPackageGroup], [_GROUP_ARN])],
        tokens={"ProjectName": Ref("ProjectName")},
        at=_GROUP,
        caught=[
            _catch(
                "IsGroupThere",
                when(_cause_is("*not available in the called region*"), record),
                when(_cause_is("*does not exist*"), [create]),
            )
        ],
    )


def _create_group() -> Step:
    made = when(_cause_is("*already exists*"), Below("FindGroup"))  # by another run, meanwhile
    return task(
        "CreateGroup",
        "aws-sdk:sagemaker:createModelPackageGroup",
        {
            "ModelPackageGroupName": "${ProjectName}",
            "ModelPackageGroupDescription": "Every model that was trained, also what was refused",
            "Tags": [{"Key": "project", "Value": "${ProjectName}"}],
        },
        grants=[
            allow(
                "CreateGroup", [sagemaker.CreateModelPackageGroup, sagemaker.AddTags], [_GROUP_ARN]
            )
        ],
        tokens={"ProjectName": Ref("ProjectName")},
        at=_GROUP,
        caught=[_catch("IsGroupMade", made)],
    )


def _create_package() -> Step:
    return task(
        "Register",
        "aws-sdk:sagemaker:createModelPackage",
        _fields("ClientToken"),
        grants=[allow("Register", [sagemaker.CreateModelPackage], [_PACKAGES])],
        at=_REGISTERED,
        select={"package.$": "$.ModelPackageArn"},
        # The group may be a second old
        passing=["*does not exist*"],
    )


def _catch(question: str, *ways: ChoiceRule) -> State:
    """What has no name of its own is told by its cause; what is none of these is explained."""
    return catch([choose(question, *ways, otherwise=EXPLAIN)])


def _cause_is(pattern: str) -> ChoiceRule:
    return all_of(present("$.error.Cause"), matches("$.error.Cause", pattern))


# ---- where it has none


def _record(storage: Storage, topic: Topic) -> list[Step]:
    """The same fields in S3, and one word on it for ever: who is refused to write that it was told
    need not tell (How to prevent object overwrites with conditional writes, Amazon S3 User Guide).
    """
    uri = f"States.Format('s3://${{ArtifactBucket}}/{RECORDS}{{}}.json', {VERSION_NAME})"
    made = ("CreationTime.$", "LastModifiedTime.$")
    body = {
        **_fields(),
        "ModelPackageStatus": "Completed",
        **dict.fromkeys(made, "$$.State.EnteredTime"),
    }
    tell = notify(
        "TellUnavailable",
        "${ProjectName}: this region has no model registry",
        "States.Format('Versions are recorded in S3 instead, the first one as {}. The commands "
        f"(make models …) read them there. This is not told again', {PACKAGE})",
        topic,
        storage.key,
        then=Below("Register"),
    )
    key = f"States.Format('{RECORDS}{{}}.json', {VERSION_NAME})"
    return [
        _write("WriteRecord", storage, {"Key.$": key, "Body": body}, _REGISTERED),
        put(
            "TakeRecord",
            _REGISTERED,
            {"package.$": uri},
            tokens={"ArtifactBucket": storage.artifacts.ref()},
        ),
        _write(
            "NoteUnavailable",
            storage,
            {"Key": _TOLD, "Body": "told", "IfNoneMatch": "*"},
            "$.noted",
            caught=[catch(Below("Register"), at="$.noted")],
        ),
        tell,
    ]


def _write(
    name: str, storage: Storage, what: State, at: str, caught: list[State] | None = None
) -> Step:
    records = [
        version_objects(storage.artifacts, RECORDS),
        Sub(f"${{{storage.artifacts.title}.Arn}}/{_TOLD}"),
    ]
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", **what},
        grants=[
            allow("WriteRecords", [s3.PutObject], records),
            # As whoever brings the first data
            *use_key("EncryptObjects", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=at,
        caught=caught,
    )
