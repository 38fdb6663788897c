"""A stack that runs by itself: what comes of a push, data, a schedule, drift and persons. The whole
template, with a container of a few lines of shell; one story, told in order."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.tests.aws import SERVE
from tests.system.driver import ROOT, Driver, endpoint, until
from tests.system.notices import Notices
from tests.system.training import summary, writes

pytestmark = pytest.mark.local

STACK = "alone"
ZONE = ZoneInfo("Europe/Berlin")
PARAMETERS = (
    "RetrainSchedule='cron(0 3 * * ? *)'",
    f"ScheduleTimezone={ZONE.key}",
    "RolloutBakeSeconds=0",
)
DOCKERFILE = """\
FROM scratch AS serve
WORKDIR /opt/program
ENV PATH=/opt/program:/usr/bin:/bin
COPY --chmod=755 train evaluate serve ./
CMD ["serve"]
FROM serve AS train
"""
# Tells how many files there are, as soon as nobody holds it
TRAIN = """\
#!/bin/bash
while [ -e {hold} ]; do sleep 0.1; done
cd $SAGEMAKER_BASE_DIR
ls input/data/training | wc -l > model/name
echo "files=$(cat model/name)"
"""
EVALUATE = f"""\
#!/bin/bash
cd $SAGEMAKER_BASE_DIR/processing
if [ -d input/champion ]
then {writes(summary(outcome="compared", difference=0.0))}
else {writes(summary())}
fi
"""


@dataclass(frozen=True)
class Run:
    """An execution of the training workflow."""

    arn: str
    trigger: dict[str, str]
    began: datetime
    ended: datetime | None
    status: str
    output: dict[str, Any]

    @property
    def trained(self) -> str:
        """A version, or why none."""
        assert self.status == "SUCCEEDED", self
        return str(self.output.get("trained", self.output.get("name")))


@dataclass
class System:
    aws: Driver
    outputs: dict[str, str]
    hold: Path

    def listed(self) -> list[dict[str, Any]]:
        """Executions of the training workflow, newest first."""
        pages = self.aws.client("stepfunctions").get_paginator("list_executions")
        found = pages.paginate(stateMachineArn=self.outputs["TrainingWorkflowArn"])
        return [one for page in found for one in page["executions"]]

    def runs(self, after: int = 0) -> list[Run]:
        """Oldest first."""
        describe = self.aws.client("stepfunctions").describe_execution
        listed = sorted(self.listed(), key=lambda one: one["startDate"])[after:]
        return [run(describe(executionArn=one["executionArn"])) for one in listed]

    def wait(self, count: int, running: int = 0) -> None:
        """Until there are so many runs, of which so many have not ended."""

        def there() -> bool:
            found = [one["status"] for one in self.listed()]
            return len(found) >= count and found.count("RUNNING") == running

        until(there)

    def jobs(self) -> list[dict[str, Any]]:
        """Training jobs in short, oldest first."""
        pages = self.aws.client("sagemaker").get_paginator("list_training_jobs")
        found = pages.paginate(SortBy="CreationTime", SortOrder="Ascending")
        return [one for page in found for one in page["TrainingJobSummaries"]]

    def files(self, run: Run) -> str:
        """What the job of a run has said of its data."""
        found = self.aws.client("logs").filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=run.trained
        )
        (said,) = [one["message"] for one in found["events"] if "files=" in one["message"]]
        return said

    def begin(self, script: str, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", f"scripts.{script}", "--stack", STACK, *options],
            cwd=ROOT,
            env=self.aws.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def settled(self, after: int, count: int) -> list[Run]:
        """The runs after so many, once there are `count` and all have ended."""
        self.wait(after + count)
        found = self.runs(after)
        assert len(found) == count, found
        return found


def run(told: dict[str, Any]) -> Run:
    return Run(
        told["executionArn"],
        json.loads(told["input"])["trigger"],
        told["startDate"],
        told.get("stopDate"),
        told["status"],
        json.loads(told.get("output", "{}")),
    )


def forward(aws: Driver, span: timedelta) -> None:
    aws.run("python", "-m", "local.clock", "--forward", f"{span // timedelta(seconds=1)}s")


def before_summer(now: datetime) -> datetime:
    """Noon, three days before the next change to summer time that is four days off."""
    noon = datetime.combine(now.date() + timedelta(days=4), datetime.min.time(), ZONE)
    noon = noon.replace(hour=12)
    while (noon + timedelta(days=1)).utcoffset() <= noon.utcoffset():  # type: ignore[operator]
        noon += timedelta(days=1)
    return noon - timedelta(days=2)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """After the first run of the pipeline, in a week in which clocks go forward."""
    folder = tmp_path_factory.mktemp("endpoint")
    hold = folder / "hold"
    with endpoint(folder, "eu-west-1") as aws:
        aws.run("python", "generate.py")
        now = datetime.now(UTC)
        ahead = before_summer(now) - now
        for _ in range(2):  # a year at most at once
            forward(aws, ahead / 2)
        aws.run("python", "-m", "scripts.upload", "--stack", STACK, "--yes")
        bucket = aws.outputs(f"{STACK}-bootstrap")["Bucket"]
        aws.client("s3").put_object(Bucket=bucket, Key="seed/code.zip", Body=code(hold))
        aws.run("python", "-m", "scripts.create_stack", "--stack", STACK, "--yes",
                "--parameters", " ".join(PARAMETERS))  # fmt: skip
        assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
        yield System(aws, aws.outputs(STACK), hold)


def code(hold: Path) -> bytes:
    """A model's repository."""
    files = {
        "Dockerfile": DOCKERFILE,
        "train": TRAIN.format(hold=hold),
        "evaluate": EVALUATE,
        "serve": SERVE,
        "hyperparameters.json": "{}",
        "requirements.txt": "",
        "requirements-test.txt": "",
        "test_it.py": "def test_it() -> None:\n    pass\n",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_creating_a_stack_trains_once_and_fires_no_schedule(system: System) -> None:
    (first,) = system.runs()
    assert first.trigger["kind"] == "other"  # who created the stack
    assert system.aws.client("scheduler").list_schedules()["Schedules"]


def test_five_that_ask_at_once_while_one_trains_are_two_runs_in_order(
    system: System, tmp_path: Path
) -> None:
    aws, before, trained = system.aws, len(system.listed()), len(system.jobs())
    work, more = tmp_path / "work", tmp_path / "more"
    more.mkdir()
    (more / "one.tfrecords").write_text("one more")
    url = system.outputs["RepositoryCloneUrl"]
    aws.git("clone", "--quiet", url, str(work), cwd=tmp_path)

    system.hold.touch()
    first = system.begin("train")
    until(lambda: len(system.jobs()) > trained)
    persons = [first, system.begin("train")]
    data = system.begin("data_upload", "--input", str(more))
    aws.client("stepfunctions").start_execution(
        stateMachineArn=system.outputs["TrainingWorkflowArn"],
        input=json.dumps({"trigger": {"kind": "drift", "by": "s3://drift/", "id": "look"}}),
    )
    aws.push(work, "Say something", {"README.md": "It runs by itself."})
    forward(aws, timedelta(days=1))
    # One trains, one was pushed, and one waits for all others
    system.wait(before + 6, running=3)
    system.hold.unlink()

    found = system.settled(before, 6)
    for one in (*persons, data):
        said = one.communicate()[0]
        assert one.returncode == 0, said
    kinds = [one.trigger["kind"] for one in found]
    assert sorted(kinds) == ["data", "drift", "person", "person", "push", "schedule"]
    joined = [one for one in found if one.trained == "nothing: what waits will see it"]
    (waited,) = {one.output["by"] for one in joined}
    runs = [one for one in found if one not in joined]
    assert len(joined) == 3 and [one.arn for one in runs][1] == waited
    assert [one.trigger["kind"] for one in runs][::2] == ["person", "push"]
    jobs = system.jobs()[trained:]
    assert [
        one["TrainingJobName"].startswith(run.trained) for one, run in zip(jobs, runs, strict=True)
    ]
    for earlier, later in zip(runs, jobs[1:], strict=False):
        assert earlier.ended and later["CreationTime"] > earlier.ended
    # Who waits sees what has come meanwhile
    assert [system.files(one) for one in runs] == ["files=3", "files=5", "files=5"]


def test_a_daily_schedule_fires_daily_on_the_wall_while_clocks_go_forward(
    system: System,
) -> None:
    """Of days that pass while a training runs, one waits and answers for the others."""
    before, trained = len(system.listed()), len(system.jobs())
    forward(system.aws, timedelta(days=1))
    system.settled(before, 1)
    system.hold.touch()
    forward(system.aws, timedelta(days=1))
    until(lambda: len(system.jobs()) == trained + 2)
    forward(system.aws, timedelta(days=5))
    system.wait(before + 7, running=2)
    system.hold.unlink()
    found = system.settled(before, 7)
    due = [datetime.fromisoformat(one.trigger["id"]).astimezone(ZONE) for one in found]
    assert {one.trigger["kind"] for one in found} == {"schedule"}
    assert {(one.hour, one.minute) for one in due} == {(3, 0)}
    assert len({one.utcoffset() for one in due}) == 2  # of both times of the year
    assert len({one.date() for one in due}) == 7
    assert [one.trained.startswith("nothing") for one in found].count(True) == 4
    assert len(system.jobs()) == trained + 3


def test_files_start_nothing_until_their_manifest_which_comes_twice_in_a_second(
    system: System, tmp_path: Path
) -> None:
    before, trained = len(system.listed()), len(system.jobs())
    s3, bucket = system.aws.client("s3"), system.outputs["DataBucket"]
    for number in range(120):
        name = f"part-{number:03}.tfrecords"
        (tmp_path / name).write_text(name)
        s3.upload_file(str(tmp_path / name), bucket, f"data/{name}")
    sent = system.begin("data_upload", "--input", str(tmp_path))
    assert "120 files" in sent.communicate()[0]
    manifest = s3.get_object(Bucket=bucket, Key="data/manifest.json")["Body"].read()
    s3.put_object(Bucket=bucket, Key="data/manifest.json", Body=manifest)

    found = system.settled(before, 2)
    assert {one.trigger["by"] for one in found} == {f"s3://{bucket}/data/manifest.json"}
    (new,) = [one for one in found if not one.trained.startswith("nothing")]
    assert len(system.jobs()) == trained + 1
    assert system.files(new) == "files=125"


def test_what_could_not_be_started_lies_in_the_queue_and_somebody_is_told(
    system: System, tmp_path: Path
) -> None:
    aws, before = system.aws, len(system.listed())
    notices = Notices(aws)
    notices.subscribe(system.outputs["NotificationTopicArn"])
    for title in ("DataTriggerRole", "RetrainingScheduleRole"):
        deny = {"Effect": "Deny", "Action": "states:StartExecution", "Resource": "*"}
        aws.client("iam").put_role_policy(
            RoleName=physical(aws, title),
            PolicyName="Broken",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
        )
    (tmp_path / "late.tfrecords").write_text("too late")
    system.begin("data_upload", "--input", str(tmp_path)).communicate()
    forward(aws, timedelta(days=1))

    alarm = f"{STACK}-undelivered"
    until(lambda: rings(aws, alarm))
    kept = undelivered(aws, 2)
    assert {code for code, _ in kept} == {"NO_PERMISSIONS"}
    bodies = [body for _, body in kept]
    assert {"data/manifest.json", "schedule"} == {
        one["trigger"]["kind"] if "trigger" in one else one["detail"]["object"]["key"]
        for one in bodies
    }
    assert measured(aws, "FailedInvocations", f"{STACK}-data") == 1
    (told,) = notices.read()
    assert f"{alarm} rings: An event started nothing" in told and "make train" in told
    assert f"Alarm {alarm} rings" in system.begin("status").communicate()[0]
    assert len(system.listed()) == before


def physical(aws: Driver, title: str) -> str:
    found = aws.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId=title
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def rings(aws: Driver, alarm: str) -> bool:
    (found,) = aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return bool(found["StateValue"] == "ALARM")


def undelivered(aws: Driver, count: int) -> list[tuple[str, Any]]:
    """Code and body of so many messages in the queue of what started nothing."""
    sqs, url = aws.client("sqs"), physical(aws, "UndeliveredEvents")
    found: list[tuple[str, Any]] = []

    def more() -> bool:
        asked = {"QueueUrl": url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
        for one in sqs.receive_message(**asked).get("Messages", []):
            code = one["MessageAttributes"]["ERROR_CODE"]["StringValue"]
            found.append((code, json.loads(one["Body"])))
        return len(found) >= count

    until(more)
    return found


def measured(aws: Driver, name: str, rule: str) -> float:
    """The sum of a metric of a rule, in the last minutes."""
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Events",
        MetricName=name,
        Dimensions=[{"Name": "RuleName", "Value": rule}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return sum(one["Sum"] for one in found["Datapoints"])
