"""A stack that runs by itself: what comes of a push, data, a schedule, drift and persons. The whole
template, with a container of a few lines of shell, whose models wait for approval; one story, told
in order."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.system.driver import Driver, endpoint, until
from tests.system.notices import Notices
from tests.system.shell_stack import ShellStack, code

pytestmark = pytest.mark.local

STACK = "alone"
ZONE, DAY = ZoneInfo("Europe/Berlin"), timedelta(days=1)
PARAMETERS = (
    "RetrainSchedule='cron(0 3 * * ? *)'",
    f"ScheduleTimezone={ZONE.key}",
    "Approval=Manual",
)
# Data that lies there and is not sent again would be trained on too, and is refused
BEGUN_WITH = ("train.tfrecords", "validation.tfrecords", "eval.tfrecords")
JOINED = "nothing: what waits will see it"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShellStack]:
    """After the first run of its pipeline, in a week in which clocks go forward."""
    folder = tmp_path_factory.mktemp("endpoint")
    hold = folder / "hold"
    with endpoint(folder, "eu-west-1") as aws:
        aws.run("python", "generate.py")
        now = datetime.now(UTC)
        for _ in range(2):  # a year at most at once
            forward(aws, (before_summer(now) - now) / 2)
        aws.run("python", "-m", "scripts.upload", "--stack", STACK, "--yes")
        bucket = aws.outputs(f"{STACK}-bootstrap")["Bucket"]
        aws.client("s3").put_object(Bucket=bucket, Key="seed/code.zip", Body=code(hold))
        aws.run("python", "-m", "scripts.create_stack", "--stack", STACK, "--yes",
                "--parameters", " ".join(PARAMETERS))  # fmt: skip
        assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
        yield ShellStack(aws, STACK, aws.outputs(STACK), hold)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


def before_summer(now: datetime) -> datetime:
    """The noon that is two days before a night in which clocks go forward."""
    noon = datetime.combine(now.date() + 4 * DAY, time(12), ZONE)
    while noon.dst() or not (noon + DAY).dst():
        noon += DAY
    return noon - 2 * DAY


def forward(aws: Driver, span: timedelta) -> None:
    aws.run("python", "-m", "local.clock", "--forward", f"{span // timedelta(seconds=1)}s")


def test_creating_a_stack_trains_once_and_fires_no_schedule(stack: ShellStack) -> None:
    assert stack.aws.client("scheduler").list_schedules()["Schedules"]
    (first,) = stack.runs(after=0, count=1)
    assert first.trigger["kind"] == "other"  # whoever has created the stack


def test_five_that_ask_at_once_while_one_trains_are_two_runs_in_order(
    stack: ShellStack, tmp_path: Path
) -> None:
    aws, before, trained = stack.aws, len(stack.listed()), len(stack.jobs())
    work, more = tmp_path / "work", tmp_path / "more"
    url = stack.outputs["RepositoryCloneUrl"]
    aws.git("clone", "--quiet", url, str(work), cwd=tmp_path)
    more.mkdir()
    fill(more, *BEGUN_WITH, "one.csv")

    stack.hold.touch()
    stack.ask("test")
    until(lambda: len(stack.jobs()) > trained)
    person = stack.begin("train")
    data = stack.begin("data_upload", "--input", str(more))
    stack.ask("drift")
    aws.push(work, "Say something", {"README.md": "It runs by itself."})
    forward(aws, DAY)
    # One trains, one was pushed, and one waits for all others
    stack.wait(before + 6, running=3)
    stack.hold.unlink()

    found = stack.runs(before, 6)
    for one in (person, data):
        said = one.communicate()[0]
        assert one.returncode == 0, said
    kinds = ["data", "drift", "person", "push", "schedule", "test"]
    assert sorted(one.trigger["kind"] for one in found) == kinds
    joined = [one for one in found if one.trained == JOINED]
    first, waited, pushed = runs = [one for one in found if one not in joined]
    assert (first.trigger["kind"], pushed.trigger["kind"]) == ("test", "push")
    assert {one.output["by"] for one in joined} == {waited.arn}
    jobs = stack.jobs()[trained:]
    for job, run in zip(jobs, runs, strict=True):
        assert job["TrainingJobName"].startswith(run.trained)
    for earlier, later in zip(runs, jobs[1:], strict=False):
        assert earlier.ended and later["CreationTime"] > earlier.ended
    # Who waits sees what has come meanwhile: three files that the project began with, one and its
    # manifest
    assert [stack.files(one) for one in runs] == ["files=3", "files=5", "files=5"]


def test_a_daily_schedule_fires_daily_on_the_wall_while_clocks_go_forward(
    stack: ShellStack,
) -> None:
    """Of days that pass while a training runs, one waits and answers for the others."""
    before, trained = len(stack.listed()), len(stack.jobs())
    forward(stack.aws, DAY)
    stack.wait(before + 1)
    stack.hold.touch()
    forward(stack.aws, DAY)
    until(lambda: len(stack.jobs()) == trained + 2)
    forward(stack.aws, 5 * DAY)
    stack.wait(before + 7, running=2)
    stack.hold.unlink()

    found = stack.runs(before, 7)
    assert {one.trigger["kind"] for one in found} == {"schedule"}
    due = [datetime.fromisoformat(one.trigger["id"]).astimezone(ZONE) for one in found]
    assert len({one.date() for one in due}) == 7
    assert {(one.hour, one.minute) for one in due} == {(3, 0)}
    assert {bool(one.dst()) for one in due} == {False, True}
    assert [one.trained for one in found].count(JOINED) == 4
    assert len(stack.jobs()) == trained + 3


def test_of_a_hundred_files_and_two_manifests_in_a_second_comes_one_training(
    stack: ShellStack, tmp_path: Path
) -> None:
    before, trained = len(stack.listed()), len(stack.jobs())
    s3, bucket, key = stack.aws.client("s3"), stack.outputs["DataBucket"], "data/manifest.json"
    fill(tmp_path, *BEGUN_WITH, *(f"{number}.csv" for number in range(100)))
    said = stack.begin("data_upload", "--input", str(tmp_path)).communicate()[0]
    assert "103 files" in said
    manifest = s3.get_object(Bucket=bucket, Key=key)
    more = {"Body": manifest["Body"].read(), "Metadata": manifest["Metadata"]}
    again = s3.put_object(Bucket=bucket, Key=key, **more)
    assert again["ETag"] != manifest["ETag"]  # as of any object under a key

    found = stack.runs(before, 2)
    assert {one.trigger["by"] for one in found} == {f"s3://{bucket}/{key}"}
    (new,) = [one for one in found if not one.trained.startswith("nothing")]
    assert stack.files(new) == "files=105"
    assert len(stack.jobs()) == trained + 1


def test_what_would_be_trained_on_with_it_goes_by_the_command_that_is_named(
    stack: ShellStack, tmp_path: Path
) -> None:
    before = len(stack.listed())
    fill(tmp_path, "train-0.tfrecords")
    refused = stack.begin("data_upload", "--input", str(tmp_path))
    said = " ".join(refused.communicate()[0].split())
    assert refused.returncode != 0
    assert "too: eval.tfrecords, train.tfrecords, validation.tfrecords." in said
    (command,) = re.findall("`(aws s3 rm [^`]+)`", said)
    stack.aws.run(*shlex.split(command))
    assert stack.begin("data_upload", "--input", str(tmp_path)).wait() == 0
    (new,) = stack.runs(before, 1)
    assert not new.trained.startswith("nothing")


def test_what_could_not_be_started_lies_in_the_queue_and_somebody_is_told(
    stack: ShellStack, tmp_path: Path
) -> None:
    before, alarm, notices = len(stack.listed()), f"{STACK}-undelivered", Notices(stack.aws)
    notices.subscribe(stack.outputs["NotificationTopicArn"])
    for title in ("DataTriggerRole", "RetrainingScheduleRole"):
        stack.deny_starts(title)
    fill(tmp_path, "train-0.tfrecords", "late.csv")
    stack.begin("data_upload", "--input", str(tmp_path)).communicate()
    forward(stack.aws, DAY)

    kept = stack.undelivered(2)
    assert {why for why, _ in kept} == {"NO_PERMISSIONS"}
    (event,) = [body for _, body in kept if "detail" in body]
    assert event["detail"]["object"]["key"] == "data/manifest.json"
    (firing,) = [body for _, body in kept if "trigger" in body]
    assert firing["trigger"]["kind"] == "schedule"
    assert stack.failed_invocations(f"{STACK}-data") == 1
    until(lambda: stack.rings(alarm))
    (told,) = notices.read()
    assert f"{alarm} rings: An event started nothing" in told and "make train" in told
    status = stack.begin("status").communicate()[0]
    assert f"Alarm {alarm} rings" in status
    assert len(stack.listed()) == before
