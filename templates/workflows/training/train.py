"""Training: one SageMaker job, on spot capacity first where that is wanted, then once on demand.

Managed spot training restarts an interrupted job by itself. One that lacked capacity for too long
ends as Stopped, MaxWaitTimeExceeded (Managed Spot Training Lifecycle, SageMaker Developer Guide).
"""

from collections.abc import Sequence

from awacs import kms, logs, s3
from awacs.aws import Statement
from troposphere import Sub
from troposphere.iam import Role

from templates.kit.grants import list_objects, read_objects, write_objects
from templates.kit.iam import allow, objects
from templates.kit.names import CHECKPOINTS, tuned_log_streams, version_objects
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.job import TRAINING, VERSION_NAME, job, job_role
from templates.workflows.language import (
    ChoiceRule,
    State,
    Step,
    all_of,
    any_of,
    choose,
    equals,
    matches,
    present,
    put,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.data import CHECKPOINT_CONFIG, DATA_URI, read_data

# Where the job's description is kept
RESULT = "$.training"
# Where the job left the model
MODEL = f"{RESULT}.ModelArtifacts.S3ModelArtifacts"
# What training/job.py writes to output/failure
LOST_WORKER = "another worker of the job was lost"

# What the job prints, as NAME=NUMBER
REPORTED = (
    *(
        f"{part}:{kind}"
        for part in ("train", "validation", "eval")
        for kind in ("loss", "accuracy")
    ),
    "train:images_per_second",
    "export:onnx",
)
_CAPACITY = "$.capacity"
# What a request says of a training, whether it is one alone or one of a tuning job's
TRAINED: State = {
    "AlgorithmSpecification": {
        "TrainingImage.$": "$.trainingImage",
        "TrainingInputMode": "File",
        "MetricDefinitions": [
            {"Name": name, "Regex": f"{name}=([0-9.eE+-]+)"} for name in REPORTED
        ],
    },
    "InputDataConfig": [
        {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri.$": DATA_URI,
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }
    ],
    "StoppingCondition.$": f"{_CAPACITY}.stopping",
    "EnableManagedSpotTraining.$": f"{_CAPACITY}.spot",
}


def train(settings: TrainingSettings, storage: Storage, role: Role) -> list[Step]:
    """Until a job has completed."""
    request = {
        **TRAINED,
        "HyperParameters.$": "$.hyperparameters",
        "OutputDataConfig": {"S3OutputPath": "${ModelsUri}", "KmsKeyId": "${Key}"},
        # LocalPath is /opt/ml/checkpoints unless it is given (CheckpointConfig)
        "CheckpointConfig.$": CHECKPOINT_CONFIG,
    }
    return job(
        "Train",
        TRAINING,
        request,
        noun="Training",
        infix="",
        result=RESULT,
        job_name=f"{_CAPACITY}.job",
        instance_type=settings.instance_type.path,
        machines=training_machines(settings),
        role=role,
        key=storage.key,
        seconds=f"{_CAPACITY}.timeoutSeconds",
        tokens={
            "ModelsUri": Sub("s3://${Bucket}/models/", Bucket=storage.artifacts.ref()),
            "Key": storage.key.get_att("Arn"),
        },
        before=[choose_capacity(settings)],
        fall_back=_fall_back(settings),
        note=f"{_CAPACITY}.note",
    )


def training_machines(settings: TrainingSettings) -> State:
    return {
        "InstanceCount.$": settings.instance_count.path,
        "VolumeSizeInGB.$": settings.volume_gb.path,
    }


def training_role(storage: Storage, registry: Registry) -> Role:
    """Of a job that is trained alone, and of those that a tuning job trains."""
    grants = [
        *read_data(storage),
        *write_objects("WriteModels", version_objects(storage.artifacts, "models/")),
        *_keep_checkpoints(storage),
        # Asked of whoever names a key for the output (OutputDataConfig, SageMaker API)
        allow("EncryptModels", [kms.Encrypt], [storage.key.get_att("Arn")]),
        allow(
            "WriteLogsOfTuning",
            [logs.CreateLogStream, logs.PutLogEvents],
            [tuned_log_streams(TRAINING.log_group)],
        ),
    ]
    description = "What a training job may do"
    return job_role("TrainingJobRole", description, TRAINING, registry, storage.key, grants)


def _keep_checkpoints(storage: Storage) -> list[Statement]:
    """SageMaker copies the folder from S3 when a job starts, and while it runs each change back:
    what "is deleted in the SageMaker container, it will also be deleted in the S3 folder"
    (Checkpoints in Amazon SageMaker AI, SageMaker Developer Guide).
    """
    folder = objects(storage.artifacts, CHECKPOINTS)
    return [
        *list_objects("ListCheckpoints", storage.artifacts, CHECKPOINTS),
        *read_objects("ReadCheckpoints", folder),
        *write_objects("WriteCheckpoints", folder),
        allow("DeleteCheckpoints", [s3.DeleteObject], [folder]),
    ]


# ---- on which capacity


def choose_capacity(settings: TrainingSettings, infix: str = "") -> Step:
    """`infix` is in the names of the states, as that of the job."""
    run, wait = settings.max_runtime_seconds.path, settings.spot_wait_seconds.path
    both = f"States.MathAdd({run}, {wait})"
    spot = {
        "spot": True,
        "job.$": f"States.Format('{{}}-spot', {VERSION_NAME})",
        "note": "",
        "stopping": {"MaxRuntimeInSeconds.$": run, "MaxWaitTimeInSeconds.$": both},
        "timeoutSeconds.$": f"States.MathAdd({both}, 3600)",
    }
    return choose(
        f"Choose{infix}Capacity",
        when(equals(settings.use_spot.path, True), [put(f"Use{infix}Spot", _CAPACITY, spot)]),
        otherwise=[put(f"Use{infix}OnDemand", _CAPACITY, {**_on_demand(settings), "note": ""})],
    )


def _on_demand(settings: TrainingSettings) -> State:
    run = settings.max_runtime_seconds.path
    return {
        "spot": False,
        "job.$": VERSION_NAME,
        "stopping": {"MaxRuntimeInSeconds.$": run},
        "timeoutSeconds.$": f"States.MathAdd({run}, 3600)",
    }


def _fall_back(settings: TrainingSettings) -> Sequence[ChoiceRule]:
    """A spot job that lacked capacity is done once more, on demand.

    A job on demand does not fall back again, and a job that a person stopped (SecondaryStatus
    Stopped) not at all. The lifecycle of spot jobs knows no failure for lack of capacity; that of
    jobs does, as seen in public (github.com/DIAGNijmegen/rse-grand-challenge, issue 2631).
    """
    reason = f"{RESULT}.FailureReason"
    lost = [
        equals(f"{RESULT}.SecondaryStatus", "MaxWaitTimeExceeded"),
        all_of(present(reason), matches(reason, "CapacityError*")),
        # One of several machines was taken away, and the program of another said so
        all_of(present(reason), matches(reason, f"*{LOST_WORKER}*")),
    ]
    note = (
        "States.Format(' (on demand, after {} ended as {})', "
        f"{RESULT}.TrainingJobName, {RESULT}.SecondaryStatus)"
    )
    once_more = put("FallBack", _CAPACITY, {**_on_demand(settings), "note.$": note}, then="Train")
    return [when(all_of(equals(f"{_CAPACITY}.spot", True), any_of(*lost)), [once_more])]
