"""Drift: the job that compares (container/README.md, "Drift")."""

from awacs import kms
from troposphere.iam import Role

from templates.kit.grants import list_objects, read_objects, write_objects
from templates.kit.iam import allow, objects
from templates.kit.names import CAPTURED, DRIFT, LOOKED_AT, version_objects, version_prefix
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.drift.basis import FILES, LAST, LOOK, LOOK_ID, VERSION
from templates.workflows.job import PROCESSING, VERSION_NAME, job, job_role
from templates.workflows.language import State, Step, put
from templates.workflows.settings import DriftSettings

# Where what it finds is to be
PLAN = "$.plan"
# How its end is called that is the files' fault, or may be
FAILURES = ("DriftFailed", "DriftIncomplete")
# A captured request and its answer may have 16 MiB (container/monitoring/captured.py)
_VOLUME_GB = 50
_SECONDS = 3600
_INPUT = "/opt/ml/processing/input"


def compare(settings: DriftSettings, storage: Storage, registry: Registry) -> list[Step]:
    number = f"$.run.id, {LOOK}.number"
    return [
        # As every job of a version begins
        put(
            "NameJob",
            "$.run.job",
            {"name.$": f"States.Format('${{VersionPrefix}}-drift-{{}}-{{}}', {number})"},
            tokens={"VersionPrefix": version_prefix()},
        ),
        put("TakeName", VERSION_NAME, "$.run.job.name"),
        _plan(settings, storage),
        *job(
            "Compare",
            PROCESSING,
            _request(),
            noun="Drift",
            result="$.job",
            instance_type=settings.instance_type.path,
            machines={"InstanceCount": 1, "VolumeSizeInGB": _VOLUME_GB},
            role=_role(storage, registry),
            key=storage.key,
            seconds=f"{PLAN}.timeoutSeconds",
            tokens={"Key": storage.key.get_att("Arn")},
            note=f"{PLAN}.note",
        ),
    ]


def _plan(settings: DriftSettings, storage: Storage) -> Step:
    """Numbers as text: arguments of a program."""
    arguments = ", ".join(
        f"'--{name}', States.Format('{{}}', {path})"
        for name, path in (
            ("threshold", settings.threshold.path),
            ("minimum", settings.minimum_records.path),
            ("cooldown-days", settings.cooldown_days.path),
            ("since", f"{LAST}.since"),
        )
    )
    bucket = "s3://${ArtifactBucket}"
    return put(
        "Plan",
        PLAN,
        {
            "arguments.$": f"States.Array({arguments})",
            "uri.$": f"States.Format('{bucket}/{DRIFT}{{}}/{{}}/', {VERSION}, {LOOK_ID})",
            "key.$": f"States.Format('{DRIFT}{{}}/{{}}/drift.json', {VERSION}, {LOOK_ID})",
            "captured.$": f"States.Format('{bucket}/{LOOKED_AT}{{}}.json', {LOOK_ID})",
            "baseline.$": f"States.Format('{bucket}/evaluations/{{}}/baseline.json', {VERSION})",
            "timeoutSeconds": 2 * _SECONDS,
            "note.$": f"States.Format(' (files: {{}}; no other look takes them)', {FILES}.count)",
        },
        tokens={"ArtifactBucket": storage.artifacts.ref()},
    )


def _request() -> State:
    return {
        "AppSpecification": {
            "ImageUri.$": "$.image",
            "ContainerEntrypoint": ["drift"],
            "ContainerArguments.$": f"{PLAN}.arguments",
        },
        "ProcessingInputs": [
            _input("captured", "ManifestFile"),
            _input("baseline", "S3Prefix"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "drift",
                    "S3Output": {
                        "S3Uri.$": f"{PLAN}.uri",
                        "LocalPath": "/opt/ml/processing/output/drift",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": "${Key}",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _SECONDS},
    }


def _input(name: str, kind: str) -> State:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri.$": f"{PLAN}.{name}",
            "LocalPath": f"{_INPUT}/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
        },
    }


def _role(storage: Storage, registry: Registry) -> Role:
    grants = [
        *list_objects("ListCaptured", storage.artifacts, CAPTURED),
        *list_objects("ListManifests", storage.artifacts, LOOKED_AT),
        *list_objects("ListBaselines", storage.artifacts, "evaluations/"),
        *read_objects("ReadCaptured", objects(storage.artifacts, CAPTURED)),
        *read_objects("ReadManifests", objects(storage.artifacts, LOOKED_AT)),
        *read_objects(
            "ReadBaselines", version_objects(storage.artifacts, "evaluations/", "/baseline.json")
        ),
        *write_objects("WriteDrift", version_objects(storage.artifacts, DRIFT)),
        # Asked of whoever names a key for the output (ProcessingOutputConfig, SageMaker API)
        allow("EncryptDrift", [kms.Encrypt], [storage.key.get_att("Arn")]),
    ]
    description = "What a drift job may do"
    return job_role("DriftJobRole", description, PROCESSING, registry, storage.key, grants)
