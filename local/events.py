"""EventBridge: what happens here is told to the rules that match, and reaches their targets.

moto keeps the rules. A target is checked when it is put: what is accepted is delivered to, in the
form that it asks for (EventBridge User Guide, "Amazon EventBridge input transformation").
"""

import json
import re
import sys
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import get_service_model
from moto.events.models import EventsBackend, Rule, events_backends
from moto.events.responses import EventsHandler

from local.authorization.ask import Ask
from local.authorization.hold import require
from local.authorization.messages import queue_key, topic_key
from local.background import background
from local.cloudwatch.metrics import record
from local.context import current
from local.credentials import Credentials, administrator, assume
from local.door.census import refused
from local.door.constraints import problem
from local.door.request import Asked
from local.event_patterns import check_pattern, may_match
from local.refusals import unsupported
from local.service import AwsError, Service
from local.undelivered import UNDELIVERED, attempt, send

_EVENTS = "events.amazonaws.com"
_INPUTS = ("Input", "InputPath", "InputTransformer")
_FAILING = ("DeadLetterConfig", "RetryPolicy")
_RESERVED = {  # "Predefined variables"
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
}
_PATH = re.compile(r"\$(\.[\w/-]+|\[\d+\])*")
_VARIABLE = re.compile(r"<([\w.-]+)>")
_QUOTED_OR_VARIABLE = re.compile(rf'("(?:[^"\\]|\\.)*")|{_VARIABLE.pattern}')
_listeners: dict[str, set[threading.Event]] = defaultdict(set)
_listening = threading.Lock()


class EventBridge(Service, EventsHandler):
    """Rules of the default bus, by moto; their targets, checked here."""

    service = "events"

    def __init__(self) -> None:
        EventsHandler.__init__(self)
        self.automated_parameter_parsing = True

    def put_rule(self) -> Any:
        with suppress(ValueError):  # which moto tells
            check_pattern(json.loads(self.get("EventPattern", "{}")))
        return super().put_rule()

    def put_targets(self) -> Any:
        for target in self.get("Targets"):
            _check(target)
        return super().put_targets()


def emit(source: str, detail_type: str, resources: Sequence[str], detail: dict[str, Any]) -> None:
    """Deliver an event to every enabled rule of the default bus that matches it."""
    _tell_listeners(resources)
    context = current()
    backend: EventsBackend = events_backends[context.account][context.region]
    rules = [
        rule
        for rule in list(backend.event_buses["default"].rules.values())
        if rule.state == "ENABLED" and may_match(rule.event_pattern, source, detail_type)
    ]
    if not rules:  # of ten thousand objects, most concern nobody
        return
    event: Any = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": context.account,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": context.region,
        "resources": list(resources),
        "detail": detail,
    }
    for rule in rules:
        if rule.event_pattern.matches_event(event):
            for target in list(rule.targets):
                background(_deliver, rule, target, event)


@contextmanager
def listening(resource: str) -> Iterator[threading.Event]:
    """Is set at each event of a resource: a service that follows another's work need not wait for
    its next look once there is something to see."""
    heard = threading.Event()
    with _listening:
        _listeners[resource].add(heard)
    try:
        yield heard
    finally:
        with _listening:
            _listeners[resource].discard(heard)
            if not _listeners[resource]:
                del _listeners[resource]


def _tell_listeners(resources: Sequence[str]) -> None:
    with _listening:
        for heard in [one for each in resources for one in _listeners.get(each, ())]:
            heard.set()


def epoch_ms(moment: datetime) -> int:
    """As SageMaker's events and the results of optimized integrations write a time."""
    return int(moment.timestamp() * 1000)


def _deliver(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    """What is measured: EventBridge User Guide, "Monitoring Amazon EventBridge"."""

    def start(_: int) -> None:
        _measure(rule, "Invocations")
        _TARGETS[_service(target)](rule, target, event)

    failure = attempt(start, target.get("RetryPolicy", {}))
    if failure is None:
        return
    print(f"rule {rule.name}: {target['Arn']} got no event: {failure.message}", file=sys.stderr)
    _measure(rule, "FailedInvocations")
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    if queue is None:
        return
    attributes = {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], **failure.attributes()}
    try:
        _keep(rule, queue, event, attributes)
        _measure(rule, "InvocationsSentToDlq")
    except UNDELIVERED as error:
        print(f"rule {rule.name}: {queue} got no event: {error}", file=sys.stderr)
        _measure(rule, "InvocationsFailedToBeSentToDlq")


def _keep(rule: Rule, queue: str, event: dict[str, Any], attributes: dict[str, str]) -> None:
    """It is the queue's own policy that allows this, for this rule ("Granting permissions to the
    dead-letter queue"), and its key's."""
    may = Ask("sqs:SendMessage", queue, {"aws:SourceArn": rule.arn})
    key = queue_key(queue.rpartition(":")[2], by=_EVENTS)
    require(_EVENTS, "SendMessage", may, *key)
    send(administrator(), queue, json.dumps(event), attributes)


def _measure(rule: Rule, name: str) -> None:
    record("AWS/Events", name, {"RuleName": rule.name}, 1.0, "Count")


def _service(target: dict[str, Any]) -> str:
    return "".join(target["Arn"].split(":")[2:3])


def _role(rule: Rule, target: dict[str, Any]) -> Credentials:
    return assume(target["RoleArn"], _EVENTS, rule.name, rule.arn)


def _publish(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    """It is the topic's own policy that allows this, and its key's, not a role. Neither may have a
    condition on the rule: none is sent (User Guide, "Using resource-based policies for Amazon
    EventBridge", "Amazon SNS permissions")."""
    may = Ask("sns:Publish", target["Arn"])
    require(_EVENTS, "Publish", may, *topic_key(target["Arn"], by=_EVENTS))
    topic = administrator().client("sns")
    topic.publish(TopicArn=target["Arn"], Message=_input(rule, target, event))


def _start_pipeline(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    """Its input is the request of StartPipelineExecution; without one, none but its name is sent.

    A text that a template has made may be no request for all that its variables hold: nothing in it
    is escaped. AWS drops what it then cannot deliver.
    """
    given = _input(rule, target, event) if target.keys() & set(_INPUTS) else "{}"
    pipelines = _role(rule, target).client("codepipeline")
    pipelines.start_pipeline_execution(**_pipeline_request(target, json.loads(given)))


def _pipeline_request(target: dict[str, Any], given: Any) -> dict[str, Any]:
    """`name` may be left out, as in the templates of the CodePipeline User Guide ("Create an
    EventBridge rule for an Amazon ECR source"); whether another than the target's starts that one
    is not public. Raises ValueError."""
    name = target["Arn"].split(":")[-1]
    if not isinstance(given, dict):
        raise ValueError("the input of a pipeline has to be an object")
    if given.get("name", name) != name:
        raise ValueError(unsupported(f"name {given['name']}", name))
    return {**given, "name": name}


def _start_machine(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    states = _role(rule, target).client("stepfunctions")
    states.start_execution(stateMachineArn=target["Arn"], input=_input(rule, target, event))


_TARGETS: dict[str, Callable[[Rule, dict[str, Any], dict[str, Any]], None]] = {
    "sns": _publish,
    "codepipeline": _start_pipeline,
    "states": _start_machine,
}


def _input(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> str:
    """What the target gets: the event, a part of it, or a text made of its parts."""
    if "InputPath" in target:
        return json.dumps(_at(target["InputPath"], event))
    if "InputTransformer" not in target:
        return str(target.get("Input") or json.dumps(event))
    transformer = target["InputTransformer"]
    paths = transformer.get("InputPathsMap", {})
    values = {name: _at(path, event) for name, path in paths.items()} | {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    return _filled(transformer["InputTemplate"], values)


def _at(path: str, event: Any) -> Any:
    """The value at a JSON path; None if the event has none."""
    found = event
    for name, index in re.findall(r"\.([\w/-]+)|\[(\d+)\]", path):
        try:
            found = found[name] if name else found[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its variables: between quotation marks as text, elsewhere as JSON.

    As in AWS nothing is escaped, and a variable that the event does not have is empty.
    """

    def text(variable: re.Match[str]) -> str:
        value = values[variable[1]]
        if value is None or isinstance(value, str):
            return value or ""
        return json.dumps(value).replace('"', "")

    def filled(part: re.Match[str]) -> str:
        if part[1]:
            return _VARIABLE.sub(text, part[1])
        value = values[part[2]]
        return json.dumps("" if value is None else value)

    return _QUOTED_OR_VARIABLE.sub(filled, template)


def _check(target: dict[str, Any]) -> None:
    """Raises AwsError for a target that no event could be delivered to as it asks."""
    who, service = f"target {target['Id']}", _service(target)
    if service not in _TARGETS:
        raise _invalid(unsupported(f"{who}: {target['Arn']}", *_TARGETS))
    if service != "sns" and "RoleArn" not in target:
        raise _invalid(f"RoleArn is required for {who}")
    for name in sorted(target.keys() - {"Id", "Arn", "RoleArn", *_INPUTS, *_FAILING}):
        raise _invalid(unsupported(f"{who}: {name}", *_INPUTS, *_FAILING))
    queue, queues = target.get("DeadLetterConfig", {}).get("Arn", ""), current().arn("sqs", "")
    if queue and (not queue.startswith(queues) or queue.endswith(".fifo")):
        raise _invalid(unsupported(f"{who}: DeadLetterConfig {queue}", f"{queues}NAME"))
    if len(target.keys() & set(_INPUTS)) > 1:
        raise _invalid(f"only one of {', '.join(_INPUTS)} can be given for {who}")
    transformer = target.get("InputTransformer", {})
    paths = transformer.get("InputPathsMap", {})
    for path in [target.get("InputPath", "$"), *paths.values()]:
        if not _PATH.fullmatch(path):
            raise _invalid(unsupported(f"{who}: the path {path}", "$.name", "$.names[0]"))
    if transformer:
        _check_template(who, transformer["InputTemplate"], {*paths, *_RESERVED})
    if service == "codepipeline":
        _check_pipeline_input(who, target)


def _check_pipeline_input(who: str, target: dict[str, Any]) -> None:
    """What is known of the request before there is an event: each variable is some text in it."""
    name, transformer = target["Arn"].split(":")[-1], target.get("InputTransformer")
    text = target.get("Input", "{}")
    if transformer:
        known = {*transformer.get("InputPathsMap", {}), *_RESERVED}
        text = _filled(transformer["InputTemplate"], dict.fromkeys(known, name))
    try:
        request = _pipeline_request(target, json.loads(text))
    except ValueError as error:
        raise _invalid(f"{who}: {error}") from None
    operation = get_service_model("codepipeline").operation_model("StartPipelineExecution")
    asked = Asked("codepipeline", operation.name, operation, request)
    found = problem(asked)
    for reason in [found[1]] if found else refused(asked):
        raise _invalid(f"{who}: {reason}")


def _check_template(who: str, template: str, known: set[str]) -> None:
    for name in sorted(set(_VARIABLE.findall(template)) - known):
        raise _invalid(f"{who}: InputTemplate uses <{name}>, which is not in InputPathsMap")
    try:
        json.loads(_filled(template, dict.fromkeys(known, 0)))  # a number cannot be an object's key
    except ValueError as error:
        raise _invalid(
            f"{who}: InputTemplate is neither a text in quotation marks nor JSON: {error}"
        ) from None


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
