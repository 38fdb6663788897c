"""What is due is started, by one thread that sleeps until then; and its clock can be driven."""

import secrets
import sys
from datetime import datetime, timedelta

from local.background import background
from local.cloudwatch.metrics import record
from local.context import Context, current
from local.credentials import Credentials, assume
from local.refusals import TurnedAway, unsupported
from local.scheduler.records import GROUP, Schedule, ScheduleRecords
from local.undelivered import UNDELIVERED, attempt, send

MOST = 1000  # times that something can be started while the clock is driven forward
SETTLED = 60.0  # seconds that all of it may take
_SCHEDULER = "scheduler.amazonaws.com"
_SLEEP = 60.0  # the machine's clock may be set meanwhile


def keep() -> None:
    """Have what is due started from now on, as long as there are schedules."""
    records = ScheduleRecords.here()
    with records.lock:
        if records.is_kept:
            return
        records.is_kept = True
    background(_keep, records, current())


def _keep(records: ScheduleRecords, context: Context) -> None:
    while found := _next(records, context):
        try:
            _fire(*found)
        finally:
            with records.changed:
                records.is_firing = False
                records.changed.notify_all()


def _next(records: ScheduleRecords, context: Context) -> tuple[Schedule, datetime] | None:
    """A schedule that is due, and since when; None if this thread is not needed any more."""
    with records.changed:
        while records.schedules and current() is context:  # else another endpoint has begun
            found = records.next()
            wait = (found.due - records.now()).total_seconds() if found and found.due else _SLEEP
            if found and found.due and wait <= 0:
                due, records.is_firing = found.due, True
                found.plan(due)
                return found, due
            records.changed.wait(min(wait, _SLEEP))
        records.is_kept = False
        records.changed.notify_all()
        return None


def forward(seconds: float) -> int:
    """Drive the clock forward; how often something was started, all of which was due meanwhile, in
    its order. What is started lives by the machine's own clock. Raises TurnedAway."""
    records = ScheduleRecords.here()
    with records.changed:
        until = records.now() + timedelta(seconds=seconds)
        number = sum(_times(each, until) for each in records.schedules.values())
        if number > MOST:
            what = f"to start schedules more than {number} times at once"
            raise _refused(unsupported(what, f"{MOST} times: go forward by less"))
        records.ahead += timedelta(seconds=seconds)
        records.changed.notify_all()
        if not records.changed.wait_for(lambda: _is_settled(records, until), SETTLED):
            raise _refused("what is due is not all started yet: its targets do not take it")
    return number


def _times(schedule: Schedule, until: datetime) -> int:
    number, due = 0, schedule.due
    while due and due <= until and number <= MOST:
        number += 1
        due = schedule.following(due)
    return number


def _is_settled(records: ScheduleRecords, until: datetime) -> bool:
    found = records.next()
    is_due = found and found.due and found.due <= until
    return not records.is_firing and (not is_due or not records.is_kept)


def role(arn: str) -> Credentials:
    """Raises NotAuthorized. The schedule's group is what is sent as aws:SourceArn (User Guide,
    "Preventing cross-service confused deputy")."""
    group = current().arn("scheduler", f"schedule-group/{GROUP}")
    return assume(arn, _SCHEDULER, "scheduler", group)


def _fire(schedule: Schedule, due: datetime) -> None:
    target, execution = schedule.asked["Target"], secrets.token_hex(8)
    moment = due.strftime("%Y-%m-%dT%H:%M:%SZ")

    def text(number: int) -> str:
        return filled(target["Input"], schedule.arn, moment, execution, number)

    def start(number: int) -> None:
        _measure("InvocationAttemptCount")
        machines = role(target["RoleArn"]).client("stepfunctions")
        machines.start_execution(stateMachineArn=target["Arn"], input=text(number))

    failure = attempt(start, target["RetryPolicy"])
    if failure is None:
        return
    print(f"schedule {schedule.name}: {failure.message}", file=sys.stderr)
    _measure("TargetErrorCount")
    attributes = {
        "SCHEDULE_ARN": schedule.arn,
        "EXECUTION_ID": execution,
        "SCHEDULED_TIME": moment,
        "TARGET_ARN": target["Arn"],
        "IS_PAYLOAD_TRUNCATED": "false",
        **failure.attributes(),
    }
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if queue is None:
        _measure("InvocationDroppedCount")
        return
    try:
        send(role(target["RoleArn"]), queue, text(failure.retries + 1), attributes)
        _measure("InvocationsSentToDeadLetterCount")
    except UNDELIVERED as error:
        print(f"schedule {schedule.name}: {queue}: {error}", file=sys.stderr)
        _measure("InvocationsFailedToBeSentToDeadLetterCount")


def filled(text: str, arn: str, moment: str, execution: str, number: int) -> str:
    """With what the keywords stand for (User Guide, "Adding context attributes")."""
    values = {
        "schedule-arn": arn,
        "scheduled-time": moment,
        "execution-id": execution,
        "attempt-number": str(number),
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _measure(name: str) -> None:
    """As the User Guide, "Monitoring EventBridge Scheduler with Amazon CloudWatch", has it."""
    record("AWS/Scheduler", name, {"ScheduleGroup": GROUP}, 1.0, "Count")


def _refused(text: str) -> TurnedAway:
    return TurnedAway("400 Bad Request", "ValidationException", text)
