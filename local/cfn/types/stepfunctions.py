"""AWS::StepFunctions::StateMachine."""

import json
import re
from typing import Any

from local.cfn.conditions import text
from local.cfn.errors import AlreadyExists
from local.cfn.handler import Handler, Work
from local.cfn.schema import PropertyError
from local.cfn.types.common import exists, lower, stale_tags, tag_list


def _definition(work: Work) -> str:
    """The definition with its ${tokens} replaced by DefinitionSubstitutions."""
    wanted = work.properties
    if ("DefinitionString" in wanted) == ("Definition" in wanted):
        raise PropertyError(
            f"{work.logical}: exactly one of DefinitionString and Definition is needed"
        )
    given = wanted.get("DefinitionString") or json.dumps(wanted["Definition"])
    values = wanted.get("DefinitionSubstitutions", {})
    return re.sub(
        r"\$\{([A-Za-z0-9_]+)\}",
        lambda token: text(values[token[1]]) if token[1] in values else token[0],
        given,
    )


def _settings(work: Work) -> dict[str, Any]:
    settings = lower(work.given("LoggingConfiguration", "TracingConfiguration"))
    return {
        "definition": _definition(work),
        "roleArn": work.properties["RoleArn"],
        **settings,
    }


def _create(work: Work) -> None:
    states, name = work.client("stepfunctions"), work.name("StateMachineName", 80)
    arn = work.context.arn("states", f"stateMachine:{name}")
    if exists(states.describe_state_machine, stateMachineArn=arn):
        raise AlreadyExists(arn)
    states.create_state_machine(
        name=name,
        type=work.properties.get("StateMachineType", "STANDARD"),
        tags=tag_list(work, "key", "value"),
        **_settings(work),
    )
    work.made(arn, Arn=arn, Name=name)


def _update(work: Work) -> None:
    states, arn = work.client("stepfunctions"), work.id
    states.update_state_machine(stateMachineArn=arn, **_settings(work))
    if stale := stale_tags(work):
        states.untag_resource(resourceArn=arn, tagKeys=stale)
    if work.changed("Tags") and (added := tag_list(work, "key", "value")):
        states.tag_resource(resourceArn=arn, tags=added)


HANDLERS = {
    "AWS::StepFunctions::StateMachine": Handler(
        frozenset(
            {
                "StateMachineName",
                "StateMachineType",
                "RoleArn",
                "Definition",
                "DefinitionString",
                "DefinitionSubstitutions",
                "LoggingConfiguration",
                "TracingConfiguration",
                "Tags",
            }
        ),
        create=_create,
        update=_update,
        delete=lambda work: work.client("stepfunctions").delete_state_machine(
            stateMachineArn=work.id
        ),
        name="StateMachineName",
    ),
}
