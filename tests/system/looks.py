"""An endpoint whose requests are captured: asked digits, and looked at."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.lib import digits, tfrecord
from tests.system.driver import Driver, until

PICTURES, BATCH = 180, 30
LAST = "drift/last.json"
SPEAKS_CSV = {
    "captureData": {
        "endpointInput": {"observedContentType": "text/csv", "data": "1,2"},
        "endpointOutput": {"observedContentType": "text/csv", "data": "1"},
    },
    "eventMetadata": {"inferenceTime": "2026-11-28T10:00:00Z"},
}
# Two lines are broken, and one is of another content type
GARBAGE = b"\n".join([b"{", b"\xff\xfe\x00", json.dumps(SPEAKS_CSV).encode()])
Pixels = NDArray[np.uint8]


def pictures() -> Pixels:
    """Digits that no model was trained on or evaluated with."""
    file = digits.DATA / "validation.tfrecords"
    read = [tfrecord.read(file, number)[0] for number in range(PICTURES)]
    return np.stack(read).transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Watched:
    aws: Driver
    stack: str
    outputs: dict[str, str]

    def age(self, days: int) -> None:
        """Let the cool-down of what serves have begun so many days ago, once it was looked at."""
        then = datetime.now(UTC) - timedelta(days=days)
        last = self._read(LAST) | {"since": f"{then:%Y-%m-%dT%H:%M:%S.000Z}"}
        place = {"Bucket": self.outputs["ArtifactBucket"], "Key": LAST}
        self.aws.client("s3").put_object(**place, Body=json.dumps(last).encode())

    def ask(self, asked: Pixels) -> None:
        """Until all that was asked is captured."""
        before, bodies = self.captured(), np.array_split(asked, len(asked) // BATCH)
        for body in bodies:
            file = io.BytesIO()
            np.save(file, body)
            self.aws.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=self.stack, ContentType="application/x-npy", Body=file.getvalue()
            )
        until(lambda: self.captured() == before + len(bodies))

    def captured(self) -> int:
        """How many requests, without those of deployments."""
        s3, place = self.aws.client("s3"), {"Bucket": self.outputs["ArtifactBucket"]}
        listed = s3.list_objects_v2(**place, Prefix="capture/").get("Contents", [])
        files = [s3.get_object(**place, Key=one["Key"])["Body"].read() for one in listed]
        lines = [line for file in files for line in file.splitlines()]
        return sum(b'"inferenceId":"golden-' not in line for line in lines)

    def spoil(self) -> None:
        """Lay garbage among what was captured in this hour."""
        hour = f"{datetime.now(UTC):%Y/%m/%d/%H}"
        key = f"capture/{self.stack}/AllTraffic/{hour}/00-00-000-garbage.jsonl"
        bucket = self.outputs["ArtifactBucket"]
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=GARBAGE)

    def look(self) -> dict[str, Any]:
        """As a person does; what the last look that compared has left."""
        self.aws.run("python", "-m", "scripts.drift", "--stack", self.stack, "--run")
        last = self._read(LAST)
        return self._read(
            last["uri"].partition(self.outputs["ArtifactBucket"] + "/")[2] + "drift.json"
        )

    def _read(self, key: str) -> dict[str, Any]:
        s3, bucket = self.aws.client("s3"), self.outputs["ArtifactBucket"]
        return dict(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))

    def alarm(self) -> str:
        cloudwatch = self.aws.client("cloudwatch")
        (found,) = cloudwatch.describe_alarms(AlarmNames=[f"{self.stack}-drift"])["MetricAlarms"]
        return str(found["StateValue"])

    def trainings(self, kind: str) -> list[str]:
        """How the runs stand that something of this kind has asked for."""
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.outputs["TrainingWorkflowArn"])
        arns = [one["executionArn"] for one in listed["executions"]]
        found = [states.describe_execution(executionArn=arn) for arn in arns]
        return [
            one["status"] for one in found if json.loads(one["input"])["trigger"]["kind"] == kind
        ]
