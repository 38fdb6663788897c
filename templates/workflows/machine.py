"""The state machine around a story: who runs it, and where it logs."""

from collections.abc import Sequence

from troposphere import If, NoValue, Sub, Template
from troposphere.kms import Key
from troposphere.stepfunctions import (
    CloudWatchLogsLogGroup,
    LogDestination,
    LoggingConfiguration,
    StateMachine,
    TracingConfiguration,
)

from templates.kit.grants import deliver_workflow_logs, trace_runs
from templates.kit.iam import arn, policy, service_role
from templates.kit.logs import add_log_group
from templates.parameters import Parameters
from templates.workflows.joining import join
from templates.workflows.language import Step


def add_state_machine(
    template: Template,
    title: str,
    name: str,
    comment: str,
    story: Sequence[Step],
    parameters: Parameters,
    key: Key,
) -> StateMachine:
    """A Standard workflow that logs everything, the role that is the sum of its steps' grants, and
    the roles that its steps hand on.

    Log group names begin with /aws/vendedlogs/, so that the account's one resource policy for log
    delivery does not outgrow its limit (Using CloudWatch Logs to log execution history).
    """
    workflow = join(comment, story)
    for handed_on in workflow.roles:
        template.add_resource(handed_on)
    physical = f"${{ProjectName}}-{name}"
    logs = add_log_group(
        template, f"{title}Logs", f"/aws/vendedlogs/states/{physical}", parameters, key
    )
    role = template.add_resource(
        service_role(
            f"{title}Role",
            f"What the {name} workflow may do",
            "states",
            arn("states", f"stateMachine:{physical}"),
            [*workflow.grants, *deliver_workflow_logs()],
            more=[If(parameters.tracing_wanted, policy("Tracing", [trace_runs()]), NoValue)],
        )
    )
    destination = CloudWatchLogsLogGroup(LogGroupArn=logs.get_att("Arn"))
    return template.add_resource(
        StateMachine(
            title,
            StateMachineName=Sub(physical),
            StateMachineType="STANDARD",
            RoleArn=role.get_att("Arn"),
            LoggingConfiguration=LoggingConfiguration(
                Level="ALL",
                IncludeExecutionData=True,
                Destinations=[LogDestination(CloudWatchLogsLogGroup=destination)],
            ),
            TracingConfiguration=TracingConfiguration(
                Enabled=If(parameters.tracing_wanted, True, False)
            ),
            DefinitionSubstitutions=workflow.substitutions,
            DefinitionString=workflow.definition,
        )
    )
