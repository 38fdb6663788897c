"""EventBridge delivery: events of this endpoint's services reach the targets of matching rules."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.models import EventsBackend, Rule, events_backends

from local.background import background
from local.context import current
from local.credentials import Credentials, administrator, assume
from local.refusals import unsupported


def emit(source: str, detail_type: str, resources: Sequence[str], detail: dict[str, Any]) -> None:
    """Deliver an event to every enabled rule of the default bus that matches it."""
    context = current()
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
    backend: EventsBackend = events_backends[context.account][context.region]
    for rule in list(backend.event_buses["default"].rules.values()):
        pattern = rule.event_pattern
        if rule.state == "ENABLED" and pattern.get_pattern() and pattern.matches_event(event):
            for target in rule.targets:
                background(_deliver, rule, target, event)


def _deliver(rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> None:
    arn = target["Arn"]
    service = arn.split(":")[2]
    if service == "sns":  # allowed by the topic's own policy, not by a role
        administrator().client("sns").publish(TopicArn=arn, Message=_input(target, event))
        return
    credentials = _target_role(rule, target)
    if service == "codepipeline":
        credentials.client("codepipeline").start_pipeline_execution(name=arn.split(":")[-1])
    elif service == "states":
        credentials.client("stepfunctions").start_execution(
            stateMachineArn=arn, input=_input(target, event)
        )
    else:
        raise ValueError(
            unsupported(f"rule {rule.name}: the target {arn}", "sns", "codepipeline", "states")
        )


def _target_role(rule: Rule, target: dict[str, Any]) -> Credentials:
    if "RoleArn" not in target:
        raise ValueError(f"rule {rule.name}: target {target['Id']} has no RoleArn")
    return assume(target["RoleArn"], "events.amazonaws.com", rule.name, rule.arn)


def _input(target: dict[str, Any], event: dict[str, Any]) -> str:
    for name in ("InputPath", "InputTransformer"):
        if target.get(name):
            raise ValueError(unsupported(f"target {target['Id']}: {name}", "Input"))
    return str(target.get("Input") or json.dumps(event))
