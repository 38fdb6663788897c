"""Drift: what looks keep in S3, read and written."""

from collections.abc import Sequence

from awacs import kms, s3
from troposphere import Sub

from templates.kit.grants import list_objects, use_key
from templates.kit.iam import allow, objects
from templates.kit.names import DRIFT, LOOKED_AT, RETRAINING, version_objects
from templates.parts.storage import Storage
from templates.workflows.language import State, Step, check, compares, task

# Where the last look ended, and what it has found
LAST_FILE = f"{DRIFT}last.json"
READ, WRITTEN = "$.read", "$.written"
# drift.json has at most 64 KiB
_FIRST_BYTES = "bytes=0-131071"


def if_there(
    what: str, key: str, storage: Storage, absent: list[Step], folder: str = DRIFT
) -> list[Step]:
    """A listing tells what is absent from what is forbidden (GetObject, S3 API Reference)."""
    prefix = {"Prefix.$": key} if key.startswith("States.") else {"Prefix": key}
    return [
        task(
            f"Find{what}",
            "aws-sdk:s3:listObjectsV2",
            {"Bucket": "${ArtifactBucket}", **prefix, "MaxKeys": 1},
            grants=list_objects(f"List{folder.strip('/').capitalize()}", storage.artifacts, folder),
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=READ,
            select={"count.$": "$.KeyCount"},
        ),
        check(
            f"Is{what}There",
            compares(f"{READ}.count", "NumericGreaterThan", 0),
            otherwise=absent,
        ),
    ]


def read_mark(name: str, key: State, storage: Storage, at: str, caught: list[State]) -> Step:
    left = version_objects(storage.artifacts, DRIFT, "/drift.json")
    files = [_file(storage, each) for each in (LAST_FILE, f"{RETRAINING}newest.json")]
    return task(
        name,
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", **key, "Range": _FIRST_BYTES},
        grants=[
            allow("ReadDrift", [s3.GetObject], [left, *files]),
            *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=at,
        select={"document.$": "States.StringToJson($.Body)"},
        caught=caught,
    )


def write_mark(
    name: str, what: State, storage: Storage, caught: Sequence[State] | None = None
) -> Step:
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", **what},
        grants=[
            allow(
                "WriteDrift",
                [s3.PutObject],
                [_file(storage, LAST_FILE), objects(storage.artifacts, LOOKED_AT)],
            ),
            *use_key("EncryptObjects", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=WRITTEN,
        caught=caught,
    )


def _file(storage: Storage, key: str) -> Sub:
    return Sub(f"${{{storage.artifacts.title}.Arn}}/{key}")
