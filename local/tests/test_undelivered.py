"""An event or a schedule that its target does not take is seen: in a queue, and in the metrics."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudwatch.metrics import Metric, MetricRecords
from local.events import emit
from local.tests import machines
from local.tests.aws import Aws, unique, wait
from local.undelivered import Undelivery, attempt


class Queue:
    """A queue to which `who` may send, or nobody."""

    def __init__(self, aws: Aws, who: str = "events.amazonaws.com", **condition: Any) -> None:
        self.sqs = aws.client("sqs")
        name = unique("queue")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = aws.context.arn("sqs", name)
        said: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": who},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
        }
        if condition:
            said["Condition"] = condition
        policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})
        # which moto forgot with the next attribute that was set
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": "3600"})

    def message(self) -> tuple[str, dict[str, str]]:
        """The first one, with its attributes."""

        def read() -> Any:
            asked = {"QueueUrl": self.url, "MessageAttributeNames": ["All"]}
            return self.sqs.receive_message(**asked).get("Messages")

        (found,) = wait(read)
        attributes = found["MessageAttributes"].items()
        return found["Body"], {name: value["StringValue"] for name, value in attributes}


def measured(name: str, namespace: str = "AWS/Events", **dimensions: str) -> float:
    metric = Metric(namespace, name, frozenset(dimensions.items()))
    now = int(time.time())
    found = MetricRecords.here().between(metric, now - 300, now + 60)
    return sum(sample.total for _, sample in found)


def put(aws: Aws, target: dict[str, Any]) -> str:
    """A rule for events of a type of its own, which has its name."""
    name, events = unique("rule"), aws.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"detail-type": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "Only", **target}])
    return name


def to(aws: Aws, queue: Queue, machine: str = "none", **more: Any) -> dict[str, Any]:
    """A target that does not take what it gets."""
    arn = machine if ":" in machine else aws.context.arn("states", f"stateMachine:{machine}")
    return {
        "Arn": arn,
        "RoleArn": aws.role("events"),
        "DeadLetterConfig": {"Arn": queue.arn},
    } | more


def test_an_event_that_nobody_takes_lies_in_the_queue_as_it_was(aws: Aws) -> None:
    queue = Queue(aws)
    target = to(aws, queue)
    rule = put(aws, target)
    emit("test", rule, ["arn"], {"number": 1})
    # What lies there is told as SQS tells it, for an alarm
    lies, name = "ApproximateNumberOfMessagesVisible", queue.arn.rpartition(":")[2]
    wait(lambda: measured(lies, "AWS/SQS", QueueName=name) == 1)
    body, attributes = queue.message()
    assert json.loads(body)["detail"] == {"number": 1}
    assert "does not exist" in attributes.pop("ERROR_MESSAGE").lower()
    assert attributes == {
        "RULE_ARN": aws.context.arn("events", f"rule/{rule}"),
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": "NO_RESOURCE",
        "RETRY_ATTEMPTS": "0",
    }
    wait(lambda: measured("InvocationsSentToDlq", RuleName=rule))
    assert measured("Invocations", RuleName=rule) == 1
    assert measured("FailedInvocations", RuleName=rule) == 1


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"role": "states"}, "FAILED_TO_ASSUME_ROLE"),
        ({"may": ()}, "NO_PERMISSIONS"),
        ({"Input": "no JSON"}, "INVALID_PARAMETER"),
    ],
)
def test_what_is_wrong_is_named_by_its_code(aws: Aws, broken: dict[str, Any], code: str) -> None:
    queue = Queue(aws)
    machine = machines.create(aws, aws.role("states"), machines.alone(Type="Pass"))
    given = {"Input": broken["Input"]} if "Input" in broken else {}
    role = aws.role(broken.get("role", "events"), may=broken.get("may", [machines_all()]))
    emit("test", put(aws, to(aws, queue, machine, RoleArn=role, **given)), [], {})
    assert queue.message()[1]["ERROR_CODE"] == code


def machines_all() -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "states:StartExecution", "Resource": "*"}


def test_a_queue_says_for_which_rules_it_is(aws: Aws) -> None:
    """And where nothing can be left in it, that is measured."""
    queue = Queue(aws, ArnEquals={"aws:SourceArn": aws.context.arn("events", "rule/other")})
    rule = put(aws, to(aws, queue))
    emit("test", rule, [], {})
    wait(lambda: measured("InvocationsFailedToBeSentToDlq", RuleName=rule))
    assert measured("InvocationsSentToDlq", RuleName=rule) == 0
    assert "Messages" not in queue.sqs.receive_message(QueueUrl=queue.url)


def test_a_target_that_is_busy_is_tried_again(aws: Aws) -> None:
    calls: list[int] = []

    def busy(number: int) -> None:
        calls.append(number)
        if number < 2:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")

    assert attempt(busy, {}) is None
    assert calls == [1, 2]
    calls.clear()
    failure = attempt(busy, {"MaximumRetryAttempts": 0})
    assert isinstance(failure, Undelivery)
    assert (failure.code, failure.exhausted) == ("THROTTLING", "MaximumRetryAttempts")
    assert calls == [1]


@pytest.mark.parametrize("may", ["sqs:SendMessage", "sqs:PurgeQueue"])
def test_a_schedule_that_nobody_takes_is_left_by_its_own_role(aws: Aws, may: str) -> None:
    queue, scheduler, name = Queue(aws, who="no.amazonaws.com"), aws.client("scheduler"), "sent"
    allowed = {"Effect": "Allow", "Action": may, "Resource": queue.arn}
    target = to(aws, queue, RoleArn=aws.role("scheduler", may=[allowed]))
    before = unsent()
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression="rate(10 days)",  # it begins at once
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={**target, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'},
    )
    if may == "sqs:SendMessage":
        body, attributes = queue.message()
        assert json.loads(body) == {"at": attributes["SCHEDULED_TIME"]}
        assert attributes["SCHEDULE_ARN"] == aws.context.arn("scheduler", "schedule/default/sent")
        assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    else:
        wait(lambda: unsent() > before)
    scheduler.delete_schedule(Name=name)


def unsent() -> float:
    name = "InvocationsFailedToBeSentToDeadLetterCount"
    return measured(name, "AWS/Scheduler", ScheduleGroup="default")
