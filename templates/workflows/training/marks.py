"""Training: the marks by which runs know of each other: objects in S3, written only over what was
read, or where there is nothing (How to prevent object overwrites with conditional writes, Amazon S3
User Guide).
"""

from collections.abc import Sequence

from awacs import kms, s3
from troposphere import Sub

from templates.kit.grants import use_key
from templates.kit.iam import allow, objects
from templates.kit.names import RETRAINING, SEEN_EVENTS
from templates.parts.storage import Storage
from templates.workflows.conditional import refused
from templates.workflows.language import (
    EXPLAIN,
    ChoiceRule,
    State,
    Step,
    Way,
    catch,
    compares,
    task,
)

WAITING, LAST = (f"{RETRAINING}{name}" for name in ("waiting.json", "last.json"))
# What was built last, and what of that has passed the gate last. In a listing the second comes
# first, so that whoever takes the first of both takes what is good, if anything is
NEWEST, GOOD = (f"{RETRAINING}{name}" for name in ("newest.json", "newest-good.json"))
WRITTEN = "$.written"


def mine(at: str) -> ChoiceRule:
    """Whether what was read there was written by this run."""
    return compares(f"{at}.document.execution", "StringEqualsPath", f"{at}.me")


def unless_there(name: str, there: Way) -> list[State]:
    """Where a conditional write is refused."""
    asked = refused(name, there, at=WRITTEN, error=f"Keep{name}Error")
    return [catch([asked], error="S3.S3Exception", at=WRITTEN), catch(EXPLAIN)]


def write(
    name: str, what: State, storage: Storage, caught: Sequence[State], then: Way = None
) -> Step:
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", **what},
        grants=[
            allow("WriteMarks", [s3.PutObject], _marks(storage)),
            *use_key("EncryptObjects", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=WRITTEN,
        caught=caught,
        then=then,
    )


def read(name: str, what: State, storage: Storage, at: str, caught: Sequence[State]) -> Step:
    return task(
        name,
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", **what},
        grants=[
            allow("ReadMarks", [s3.GetObject], _marks(storage)),
            *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=at,
        select={
            "document.$": "States.StringToJson($.Body)",
            "etag.$": "$.ETag",
            "me.$": "$$.Execution.Id",
        },
        caught=caught,
    )


def _marks(storage: Storage) -> list[Sub]:
    """All but the queue, which brings its own grant."""
    bucket = storage.artifacts.title
    files = [Sub(f"${{{bucket}.Arn}}/{each}") for each in (WAITING, NEWEST, GOOD, LAST)]
    return [*files, objects(storage.artifacts, SEEN_EVENTS)]
