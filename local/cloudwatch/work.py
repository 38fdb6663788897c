"""What alarms do: they are evaluated every second (AWS: once a minute, of short periods every ten
seconds), and tell whoever listens when their state changes."""

import json
import sys
import time
import traceback

from botocore.exceptions import BotoCoreError, ClientError

from local.authorization.ask import Ask
from local.authorization.hold import require
from local.authorization.messages import topic_key
from local.background import background
from local.cloudwatch import views
from local.cloudwatch.alarms import Alarm, AlarmRecords, Change
from local.cloudwatch.verdict import judge, reason
from local.context import Context, current
from local.credentials import administrator
from local.events import emit

EVERY = 1.0  # seconds
# "Metric alarms returns to their actual state quickly, often within seconds" (SetAlarmState)
HELD = 3.0
_CLOUDWATCH = "cloudwatch.amazonaws.com"


def watch() -> None:
    """Have the alarms evaluated from now on, as long as there are any."""
    records = AlarmRecords.here()
    with records.lock:
        if records.is_watched:
            return
        records.is_watched = True
    background(_watch, records, current())


def _watch(records: AlarmRecords, context: Context) -> None:
    while True:
        with records.lock:
            alarms = list(records.alarms.values())
            if not alarms or current() is not context:  # another endpoint has begun in this process
                records.is_watched = False
                return
        for alarm in alarms:
            try:
                with records.lock:
                    _evaluate(alarm, time.time())
            except Exception:  # the others are evaluated all the same
                traceback.print_exc()
        time.sleep(EVERY)


def _evaluate(alarm: Alarm, moment: float) -> None:
    """Judge the periods that end now, and tell of a new state."""
    if moment < alarm.held_until:
        return
    end, old = int(moment) + 1, alarm.state.value
    starts = range(end - alarm.periods * alarm.period, end, alarm.period)
    points = [(start, alarm.queries.value(alarm.watched, start)) for start in starts]
    new = judge([each for _, each in points], alarm.rule)
    if new is not None and new != old:
        words = reason(points, alarm.rule, old, new)
        set_state(alarm, new, words, views.reason_data(alarm, points))


def set_state(alarm: Alarm, new: str, words: str, data: str | None, held: float = 0) -> None:
    """`held` are seconds for which no evaluation says otherwise."""
    records = AlarmRecords.here()
    with records.lock:
        alarm.held_until = time.time() + held
        change = records.change(alarm, new, words, data)
    if change:
        background(_tell, change)


def _tell(change: Change) -> None:
    alarm = change.alarm
    detail = views.event(change)
    emit("aws.cloudwatch", "CloudWatch Alarm State Change", [alarm.arn], detail)
    if alarm.asked.get("ActionsEnabled", True):
        for topic in alarm.asked.get(views.ACTIONS[change.new.value], ()):
            try:
                _publish(change, topic)
            except (ClientError, BotoCoreError) as error:
                print(f"alarm {alarm.name}: {topic} was told nothing: {error}", file=sys.stderr)


def _publish(change: Change, topic: str) -> None:
    """The topic's own policy has to allow it (User Guide, "Notifying users on alarm changes")."""
    here = current()
    source = dict.fromkeys(("aws:SourceAccount", "aws:SourceOwner"), here.account)
    source["aws:SourceArn"] = change.alarm.arn
    may = Ask("sns:Publish", topic, source)
    require(_CLOUDWATCH, "Publish", may, *topic_key(topic, by=_CLOUDWATCH))
    subject, message = views.notice(change)
    sns = administrator().client("sns")
    sns.publish(TopicArn=topic, Subject=subject, Message=json.dumps(message))
