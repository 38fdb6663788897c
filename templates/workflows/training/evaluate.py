"""Training: score the candidate, and what serves now, on the same held-out data.

One SageMaker Processing job in the training image runs the program `evaluate` (container/). What it
writes is kept as evaluations/NAME/ beside the model; the story reads summary.json of it, which is
small: whatever else there is travels as an address.
"""

from awacs import kms
from troposphere.iam import Role

from templates.kit.grants import list_objects, read_objects, use_key, write_objects
from templates.kit.iam import allow
from templates.kit.names import version_objects
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.job import PROCESSING, VERSION_NAME, job, job_role
from templates.workflows.language import (
    Below,
    State,
    Step,
    all_of,
    catch,
    check,
    choose,
    compares,
    equals,
    present,
    put,
    task,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.champion import (
    CHAMPION_GONE,
    CHAMPION_MODEL,
    CHAMPION_NAME,
    NO_CHAMPION,
)
from templates.workflows.training.data import DATA_URI, read_data
from templates.workflows.training.train import MODEL

# The job's description, and what it found: the content of summary.json
EVALUATION_JOB, EVALUATION = "$.evaluationJob", "$.evaluation"
# Where it left what it found
EVALUATION_URI = "$.plan.uri"
# A summary has 16 KiB at most. A larger one is cut there, and is no JSON then: it could be more
# than a state may carry, and that error is caught by nothing (Error handling, Step Functions
# Developer Guide)
_FIRST_BYTES = "bytes=0-16383"

_FOLDER = "evaluations/"
_PLAN, _READ = "$.plan", "$.summary"
_INPUT = "/opt/ml/processing/input"


def evaluate(settings: TrainingSettings, storage: Storage, registry: Registry) -> list[Step]:
    """Until a job has completed, and what it found lies at EVALUATION, or that it is unreadable."""
    request = {
        "AppSpecification": {
            "ImageUri.$": "$.trainingImage",
            "ContainerEntrypoint": ["evaluate"],
            "ContainerArguments.$": f"{_PLAN}.arguments",
        },
        "ProcessingInputs.$": f"{_PLAN}.inputs",
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "evaluation",
                    "S3Output": {
                        "S3Uri.$": EVALUATION_URI,
                        "LocalPath": "/opt/ml/processing/output/evaluation",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": "${Key}",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds.$": settings.max_runtime_seconds.path},
    }
    return [
        _plan(settings, storage),
        *job(
            "Evaluate",
            PROCESSING,
            request,
            noun="Evaluation",
            result=EVALUATION_JOB,
            instance_type=settings.evaluation_instance_type.path,
            machines={"InstanceCount": 1, "VolumeSizeInGB.$": settings.volume_gb.path},
            role=_role(storage, registry),
            key=storage.key,
            seconds=f"{_PLAN}.timeoutSeconds",
            tokens={"Key": storage.key.get_att("Arn")},
        ),
        *_read_summary(storage),
    ]


def _role(storage: Storage, registry: Registry) -> Role:
    grants = [
        *read_data(storage),
        *list_objects("ListModels", storage.artifacts, "models/"),
        *read_objects("ReadModels", version_objects(storage.artifacts, "models/")),
        *write_objects("WriteEvaluations", version_objects(storage.artifacts, _FOLDER)),
        # Asked of whoever names a key for the output (ProcessingOutputConfig, SageMaker API)
        allow("EncryptEvaluations", [kms.Encrypt], [storage.key.get_att("Arn")]),
    ]
    description = "What an evaluation job may do"
    return job_role("EvaluationJobRole", description, PROCESSING, registry, storage.key, grants)


# ---- with whom it is compared


def _plan(settings: TrainingSettings, storage: Storage) -> Step:
    uri = f"States.Format('s3://${{ArtifactBucket}}/{_FOLDER}{{}}/', {VERSION_NAME})"
    alone = [_input("data", DATA_URI), _input("candidate", MODEL)]
    asked = f"'--version', {VERSION_NAME}, '--commit', $.commit, '--champion', {CHAMPION_NAME}"
    gone = f"{asked}, '--champion-gone', {CHAMPION_GONE}"

    def plan(name: str, arguments: str, inputs: list[State]) -> list[Step]:
        laid = {
            "arguments.$": f"States.Array({arguments})",
            "inputs": inputs,
            "uri.$": uri,
            "timeoutSeconds.$": f"States.MathAdd({settings.max_runtime_seconds.path}, 3600)",
        }
        return [put(name, _PLAN, laid, tokens={"ArtifactBucket": storage.artifacts.ref()})]

    return choose(
        "ChooseComparison",
        when(present(CHAMPION_GONE), plan("EvaluateWithoutArchive", gone, alone)),
        when(equals(CHAMPION_NAME, NO_CHAMPION), plan("EvaluateAlone", asked, alone)),
        otherwise=plan("EvaluateBoth", asked, [*alone, _input("champion", CHAMPION_MODEL)]),
    )


def _input(name: str, uri: str) -> State:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri.$": uri,
            "LocalPath": f"{_INPUT}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


# ---- what it found


def _read_summary(storage: Storage) -> list[Step]:
    """A summary that cannot be read is no error of the run: it is a candidate of which nothing is
    known, and the gate has a word for that."""
    unread = put(
        "SummaryUnreadable",
        EVALUATION,
        {
            "engine": "unknown",
            "accuracy": None,
            "words": "summary.json of the evaluation is missing, no JSON, longer than 16 KiB, or "
            "has not all that decides",
            "comparison": {"outcome": "unknown", "words": "nothing was compared"},
            "metadata": {},
        },
        then=Below("TakeSummary"),
    )
    found = f"{_READ}.content"
    texts = ("engine", "words", "comparison.outcome", "comparison.words")
    whole = all_of(
        *(all_of(present(path), compares(path, "IsString", True))
          for path in (f"{found}.{text}" for text in texts)),
        present(f"{found}.accuracy"),
        present(f"{found}.metadata"),
        *({"Not": compares(f"{found}.metadata", f"Is{kind}", True)}
          for kind in ("Null", "String", "Numeric", "Boolean")),
        {"Not": present(f"{found}.metadata[0]")},
    )  # fmt: skip
    summaries = version_objects(storage.artifacts, _FOLDER, "/summary.json")
    return [
        task(
            "ReadSummary",
            "aws-sdk:s3:getObject",
            {
                "Bucket": "${ArtifactBucket}",
                "Key.$": f"States.Format('{_FOLDER}{{}}/summary.json', {VERSION_NAME})",
                "Range": _FIRST_BYTES,
            },
            grants=[
                *read_objects("ReadSummaries", summaries),
                *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
            ],
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_READ,
            select={"content.$": "States.StringToJson($.Body)"},
            caught=[catch(unread.name, at=_READ)],
        ),
        check("IsSummaryWhole", whole, otherwise=[unread]),
        put("TakeSummary", EVALUATION, found),
    ]
