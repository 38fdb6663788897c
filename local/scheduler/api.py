"""EventBridge Scheduler: the schedules of the default group. A target is checked when it is put:
what is accepted is started.

Sources: EventBridge Scheduler API reference, CreateSchedule, UpdateSchedule, Target.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from moto.core.responses import ActionResult, EmptyResult
from werkzeug.wrappers import Request, Response

from local.context import current
from local.credentials import NotAuthorized
from local.refusals import TurnedAway, unsupported
from local.scheduler import work
from local.scheduler.expressions import BadSchedule, parse
from local.scheduler.records import GROUP, Schedule, ScheduleRecords
from local.service import AwsError, Service

# "MaximumEventAgeInSeconds", "MaximumRetryAttempts" (API reference, RetryPolicy)
_RETRIES = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
_MEMBERS = ("Description", "StartDate", "EndDate", "FlexibleTimeWindow", "ScheduleExpression")
LONGEST = 366 * 86400.0  # seconds that the clock can be driven at once
_MACHINE = re.compile(r"arn:[\w-]+:states:[\w-]+:\d{12}:stateMachine:[^:]+")


class Scheduler(Service):
    service = "scheduler"
    page_names = ("NextToken", "MaxResults")

    def create_schedule(self) -> ActionResult:
        name, records = self.get("Name"), ScheduleRecords.here()
        with records.changed:
            if name in records.schedules:
                raise AwsError("ConflictException", f"Schedule {name} already exists.")
            moment = records.now()
            made = self._schedule(name, moment, moment)
            # "If you do not provide a StartDate, your schedule starts invoking the target
            # immediately" (User Guide, "Rate-based schedules")
            made.plan(moment - timedelta(microseconds=1))
            records.schedules[name] = made
            records.changed.notify_all()
        work.keep()
        return ActionResult({"ScheduleArn": made.arn})

    def update_schedule(self) -> ActionResult:
        """What is not said is as if it had never been ("UpdateSchedule uses all values")."""
        records = ScheduleRecords.here()
        with records.changed:
            known, moment = self._known(records), records.now()
            made = self._schedule(known.name, known.created, moment)
            made.plan(moment)
            records.schedules[known.name] = made
            records.changed.notify_all()
        work.keep()
        return ActionResult({"ScheduleArn": made.arn})

    def get_schedule(self) -> ActionResult:
        records = ScheduleRecords.here()
        with records.lock:
            found = self._known(records)
        return ActionResult({**_summary(found), **found.asked, "GroupName": GROUP})

    def list_schedules(self) -> ActionResult:
        records, state = ScheduleRecords.here(), self.get("State")
        with records.lock:
            found = [records.schedules[name] for name in sorted(records.schedules)]
        rows = [
            {**_summary(each), "Target": {"Arn": each.asked["Target"]["Arn"]}}
            for each in found
            if each.name.startswith(self.get("NamePrefix", ""))
            and state in (None, each.asked["State"])
        ]
        return self.page("Schedules", rows)

    def delete_schedule(self) -> ActionResult:
        records = ScheduleRecords.here()
        with records.changed:
            del records.schedules[self._known(records).name]
            records.changed.notify_all()
        return EmptyResult()

    def _known(self, records: ScheduleRecords) -> Schedule:
        name = self.get("Name")
        if name not in records.schedules:
            raise AwsError("ResourceNotFoundException", f"Schedule {name} does not exist.")
        return records.schedules[name]

    def _schedule(self, name: str, created: datetime, modified: datetime) -> Schedule:
        """What the request describes. Raises AwsError."""
        given = {each: self.get(each) for each in _MEMBERS}
        asked = {each: value for each, value in given.items() if value is not None}
        for each in ("StartDate", "EndDate"):
            if each in asked:
                asked[each] = _moment(asked[each])
        zone = self.get("ScheduleExpressionTimezone", "UTC")
        if zone not in available_timezones():
            raise _invalid(f"The ScheduleExpressionTimezone {zone} is not valid.")
        text = asked["ScheduleExpression"]
        try:
            expression = parse(text, ZoneInfo(zone), asked.get("StartDate", created))
        except BadSchedule as error:
            raise _invalid(f"Invalid Schedule Expression {text}: {error}.") from None
        target = dict(self.get("Target"))
        _check(target)
        target["RetryPolicy"] = _RETRIES | target.get("RetryPolicy", {})
        asked |= {
            "State": self.get("State", "ENABLED"),
            "ScheduleExpressionTimezone": zone,
            "Target": target,
            "ActionAfterCompletion": "NONE",
        }
        return Schedule(name, asked, expression, created, modified)


def _moment(given: Any) -> datetime:
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(given), UTC)


def _check(target: dict[str, Any]) -> None:
    """Raises AwsError for a target that could not be started."""
    arn = target["Arn"]
    if not _MACHINE.fullmatch(arn):
        raise _invalid(unsupported(f"the target {arn}", "a state machine of Step Functions"))
    queue, queues = target.get("DeadLetterConfig", {}).get("Arn", ""), current().arn("sqs", "")
    if queue and (not queue.startswith(queues) or queue.endswith(".fifo")):
        raise _invalid(unsupported(f"DeadLetterConfig {queue}", f"{queues}NAME"))
    try:
        json.loads(work.filled(target["Input"], "arn", "time", "1", 1))
    except ValueError as error:
        raise _invalid(f"Target.Input is not JSON: {error}") from None
    try:
        work.role(target["RoleArn"])
    except NotAuthorized:
        raise _invalid(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the "
            "role."
        ) from None


def drive(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """POST /_local/clock: {"Forward": seconds}, what time does by itself on AWS, here on command;
    answers {"Started": how often something was}. Raises TurnedAway."""
    try:
        seconds = float(json.loads(Request(environ).get_data())["Forward"])
    except (ValueError, KeyError, TypeError) as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    if not 0 <= seconds <= LONGEST:
        text = f"Forward must be from 0 to {LONGEST:g} seconds"
        raise TurnedAway("400 Bad Request", "ValidationException", text)
    told = json.dumps({"Started": work.forward(seconds)})
    return Response(told, content_type="application/json")(environ, start_response)


def _summary(found: Schedule) -> dict[str, Any]:
    return {
        "Arn": current().arn("scheduler", f"schedule/{GROUP}/{found.name}"),
        "Name": found.name,
        "GroupName": GROUP,
        "State": found.asked["State"],
        "CreationDate": found.created,
        "LastModificationDate": found.modified,
    }


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
