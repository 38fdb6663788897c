"""Training: a program of the repository may make other data of what was found, before anything is
trained.

One SageMaker Processing job in the training image runs the program `prepare` (container/README.md).
What it writes is kept as prepared/NAME/, and is from there on the data of the run.
"""

from awacs import kms
from troposphere.iam import Role

from templates.kit.grants import list_objects, read_objects, write_objects
from templates.kit.iam import allow, objects
from templates.kit.names import PREPARED, version_objects
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.failure import problem
from templates.workflows.job import PROCESSING, VERSION_NAME, job, job_role
from templates.workflows.language import Step, check, choose, compares, equals, put, task, when
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.data import DATA, DATA_SHA256, DATA_URI

_PLAN, _JOB, _PREPARED = "$.preparation", "$.preparationJob", "$.prepared"
_FROM, _TO = "/opt/ml/processing/input/data", "/opt/ml/processing/output/data"


def prepare(settings: TrainingSettings, storage: Storage, registry: Registry) -> Step:
    """Only where the commit has such a program; else the data stays as it was found."""
    steps = [
        _plan(settings, storage),
        *_run(settings, storage, registry),
        *_find_prepared(storage),
    ]
    return choose("NeedsPreparation", when(equals("$.prepare", True), steps), otherwise=None)


def _plan(settings: TrainingSettings, storage: Storage) -> Step:
    """The job's name is its version's with `-prepare`: that of the evaluation is taken. With the
    retry count it has SageMaker's 63 characters at most."""
    return put(
        "PlanPreparation",
        _PLAN,
        {
            "job.$": f"States.Format('{{}}-prepare', {VERSION_NAME})",
            "uri.$": f"States.Format('s3://${{ArtifactBucket}}/{PREPARED}{{}}/', {VERSION_NAME})",
            "timeoutSeconds.$": f"States.MathAdd({settings.max_runtime_seconds.path}, 3600)",
        },
        tokens={"ArtifactBucket": storage.artifacts.ref()},
    )


def _run(settings: TrainingSettings, storage: Storage, registry: Registry) -> list[Step]:
    request = {
        "AppSpecification": {
            "ImageUri.$": "$.trainingImage",
            "ContainerEntrypoint": ["prepare"],
        },
        "ProcessingInputs": [
            {
                "InputName": "data",
                "S3Input": {
                    "S3Uri.$": DATA_URI,
                    "LocalPath": _FROM,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "data",
                    "S3Output": {
                        "S3Uri.$": f"{_PLAN}.uri",
                        "LocalPath": _TO,
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": "${Key}",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds.$": settings.max_runtime_seconds.path},
    }
    return job(
        "Prepare",
        PROCESSING,
        request,
        noun="Preparation",
        result=_JOB,
        job_name=f"{_PLAN}.job",
        instance_type=settings.evaluation_instance_type.path,
        machines={"InstanceCount": 1, "VolumeSizeInGB.$": settings.volume_gb.path},
        role=_role(storage, registry),
        key=storage.key,
        seconds=f"{_PLAN}.timeoutSeconds",
        tokens={"Key": storage.key.get_att("Arn")},
    )


def _role(storage: Storage, registry: Registry) -> Role:
    grants = [
        *list_objects("ListData", storage.data, "data/"),
        *read_objects("ReadData", objects(storage.data, "data/")),
        *write_objects("WritePrepared", version_objects(storage.artifacts, PREPARED)),
        # Asked of whoever names a key for the output (ProcessingOutputConfig, SageMaker API)
        allow("EncryptPrepared", [kms.Encrypt], [storage.key.get_att("Arn")]),
    ]
    description = "What a preparation job may do"
    return job_role("PreparationJobRole", description, PROCESSING, registry, storage.key, grants)


def _find_prepared(storage: Storage) -> list[Step]:
    """It is known by what it was made of and by whom: the raw data and the image. Its own files are
    written anew by each run, and an ETag of an encrypted object is none of its content (Object,
    Amazon S3 API Reference): by those no run would find the checkpoints of another.
    """
    nothing = problem(
        "NothingPrepared",
        f"States.Format('Preparation job {{}} left no file in {_TO}: the program prepare has to "
        f"write all that is trained and evaluated on there', {_JOB}.ProcessingJobName)",
        error="NoData",
    )
    made = f"States.Hash(States.Format('{{}} {{}}', {DATA_SHA256}, $.trainingImage), 'SHA-256')"
    return [
        task(
            "FindPrepared",
            "aws-sdk:s3:listObjectsV2",
            {
                "Bucket": "${ArtifactBucket}",
                "Prefix.$": f"States.Format('{PREPARED}{{}}/', {VERSION_NAME})",
                "MaxKeys": 1,
            },
            grants=list_objects("ListPrepared", storage.artifacts, PREPARED),
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_PREPARED,
            select={"count.$": "$.KeyCount"},
        ),
        check(
            "HasPrepared",
            compares(f"{_PREPARED}.count", "NumericGreaterThan", 0),
            otherwise=[nothing],
        ),
        put("IdentifyPrepared", DATA, {"sha256.$": made, "uri.$": f"{_PLAN}.uri"}),
    ]
