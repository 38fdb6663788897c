"""The part of the training workflow that prepares data: the template's own states, with a program
of a few lines of shell."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import unique
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.workflows import part

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

# Does what the data asks it to
PROGRAM = "cd $SAGEMAKER_BASE_DIR/processing; . input/data/do"


class Preparation:
    def __init__(self, aws: Remote, folder: Path) -> None:
        self.aws, self.image = aws, aws.image(folder, prepare=PROGRAM)
        self.artifacts = aws.bucket()
        states = part(
            "TrainingWorkflow",
            "NeedsPreparation",
            "NameCheckpoints",
            "Notify",
            ArtifactBucket=self.artifacts,
            Key="alias/aws/s3",
            PreparationJobRole=aws.role("sagemaker"),
            ProjectName="it",
        )
        self.machine = create(aws, aws.role("states"), states)

    def start(self, program: str, prepare: bool = True, seconds: int = 60) -> str:
        """Of a version of its own; data and program are what is given."""
        data = self.aws.bucket(data__do=program, data__train="raw")
        settings = {
            "maxRuntimeSeconds": seconds,
            "evaluationInstanceType": "ml.m5.large",
            "volumeGB": 30,
        }
        return start(
            self.aws,
            self.machine,
            {
                "name": unique("version"),
                "commit": "0123456789abcdef",
                "trainingImage": self.image,
                "prepare": prepare,
                "data": {"uri": f"s3://{data}/data/", "sha256": "of the raw data"},
                "settings": settings,
            },
        )

    def run(self, program: str, **more: Any) -> dict[str, Any]:
        """What the workflow carries when the part has ended."""
        told = ended(self.aws, self.start(program, **more))
        assert told["status"] == "SUCCEEDED", told
        return dict(json.loads(told["output"]))


def known_by(carried: dict[str, Any]) -> str:
    """The raw data and the image that prepared it, and nothing of this run."""
    return hashlib.sha256(f"of the raw data {carried['trainingImage']}".encode()).hexdigest()


@pytest.fixture(scope="module")
def preparation(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Preparation:
    return Preparation(aws, tmp_path_factory.mktemp("image"))


def test_what_was_prepared_takes_the_place_of_the_raw_data(preparation: Preparation) -> None:
    carried = preparation.run("sed s/raw/ready/ input/data/train > output/data/train")
    place = f"prepared/{carried['name']}/"
    assert carried["data"]["uri"] == f"s3://{preparation.artifacts}/{place}"
    made = preparation.aws.client("s3").get_object(
        Bucket=preparation.artifacts, Key=f"{place}train"
    )
    assert made["Body"].read() == b"ready"
    assert carried["data"]["sha256"] == known_by(carried)
    again = preparation.run("sed s/raw/ready/ input/data/train > output/data/train")
    assert again["data"]["sha256"] == carried["data"]["sha256"]
    assert again["data"]["uri"] != carried["data"]["uri"]


def test_the_raw_data_stays_where_the_commit_prepares_nothing(preparation: Preparation) -> None:
    carried = preparation.run("exit 1", prepare=False)
    assert carried["data"]["sha256"] == "of the raw data"
    assert "preparationJob" not in carried


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        (":", "NoData", "left no file in /opt/ml/processing/output/data: the program prepare has"),
        (
            "printf 'no labels' > ../output/message; exit 1",
            "PreparationFailed",
            "failed: no labels",
        ),
        ("exit 3", "PreparationFailed", "exit code: 3"),
    ],
)
def test_a_preparation_that_fails_is_told_in_its_own_words(
    preparation: Preparation, program: str, error: str, words: str
) -> None:
    carried = preparation.run(program)
    assert carried["error"]["Error"] == error
    assert carried["error"]["Cause"].startswith(f"Preparation job {carried['name']}-prepare-0 ")
    assert words in carried["error"]["Cause"]


def test_a_preparation_that_takes_too_long_is_stopped_and_told(preparation: Preparation) -> None:
    carried = preparation.run("sleep 60", seconds=1)
    assert carried["error"]["Error"] == "PreparationIncomplete"
    assert carried["error"]["Cause"].endswith("ended as Stopped")
