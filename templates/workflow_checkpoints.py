"""Training: where a job keeps its checkpoints. Whoever trains the same finds them and goes on."""

from templates.asl import Step
from templates.names import CHECKPOINTS
from templates.storage import Storage


def checkpoint_steps(storage: Storage) -> list[Step]:
    """Entered at IdentifyData with the listing in $.data, or at DataIsLarge; ends at
    ChooseEncryption.

    The folder's name is the SHA-256 of the commit, the hyperparameters and the ETags of the data,
    which change with its content (Object, Amazon S3 API Reference). A hash takes 10,000 characters
    (Intrinsic functions, Step Functions Developer Guide): 100 ETags are fewer than 5,000, and the
    Build stage holds the hyperparameters to it.
    """
    return [
        _identify("IdentifyData", "$.data.Contents[*].ETag"),
        # The listing has not all files: a resumed run could miss a change
        _identify("DataIsLarge", "States.Array($.name)"),
        Step(
            "NameCheckpoints",
            {
                "Type": "Pass",
                "Parameters": {
                    "S3Uri.$": f"States.Format('s3://${{ArtifactBucket}}/{CHECKPOINTS}{{}}/', "
                    + _hash(
                        "States.Format('{} {} {}', $.commit, "
                        + _hash("States.JsonToString($.hyperparameters)")
                        + ", "
                        + _hash("States.JsonToString($.data.identity)")
                        + ")"
                    )
                    + ")"
                },
                "ResultPath": "$.checkpoints",
                "Next": "ChooseEncryption",
            },
            tokens={"ArtifactBucket": storage.artifacts.ref()},
        ),
    ]


def _identify(name: str, identity: str) -> Step:
    return Step(
        name,
        {
            "Type": "Pass",
            "Parameters": {"identity.$": identity},
            "ResultPath": "$.data",
            "Next": "NameCheckpoints",
        },
    )


def _hash(value: str) -> str:
    return f"States.Hash({value}, 'SHA-256')"
