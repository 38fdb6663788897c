"""What both workflows share: the state machine around a definition, and how a run fails."""

from troposphere import Ref, Sub, Template
from troposphere.kms import Key
from troposphere.sns import Topic
from troposphere.stepfunctions import (
    CloudWatchLogsLogGroup,
    LogDestination,
    LoggingConfiguration,
    StateMachine,
)

from templates.asl import State, Step, Workflow, catch, retry, task
from templates.grants import deliver_workflow_logs, publish
from templates.iam import add_role, arn
from templates.logs import add_log_group
from templates.parameters import Parameters

# Java SDK names of the optimized integrations (Manage SageMaker AI jobs, Step Functions Developer
# Guide); throttling has no name of its own there
SAGEMAKER_RETRY = retry(
    "SageMaker.AmazonSageMakerException", "SageMaker.ResourceLimitExceededException"
)


def add_state_machine(
    template: Template,
    title: str,
    role_name: str,
    workflow: Workflow,
    parameters: Parameters,
    key: Key,
) -> StateMachine:
    """A Standard workflow that logs everything.

    Log group names begin with /aws/vendedlogs/, so that the account's one resource policy for log
    delivery does not outgrow its limit (Using CloudWatch Logs to log execution history).
    """
    logs = add_log_group(
        template, f"{title}Logs", f"/aws/vendedlogs/states/{role_name}", parameters, key
    )
    role = add_role(
        template,
        f"{title}Role",
        f"What the {role_name.partition('-')[2]} workflow may do",
        "states",
        arn("states", f"stateMachine:{role_name}"),
        [*workflow.grants, *deliver_workflow_logs()],
    )
    return template.add_resource(
        StateMachine(
            title,
            StateMachineName=Sub(role_name),
            StateMachineType="STANDARD",
            RoleArn=role.get_att("Arn"),
            LoggingConfiguration=LoggingConfiguration(
                Level="ALL",
                IncludeExecutionData=True,
                Destinations=[
                    LogDestination(
                        CloudWatchLogsLogGroup=CloudWatchLogsLogGroup(
                            LogGroupArn=logs.get_att("Arn")
                        )
                    )
                ],
            ),
            DefinitionSubstitutions=workflow.substitutions,
            DefinitionString=workflow.definition,
        )
    )


def notify(name: str, subject: str, message: str, then: str, topic: Topic, key: Key) -> Step:
    """Tell the topic. Whatever becomes of the message, the run goes on to `then` with its own
    error.

    `subject` is at most 100 characters of ASCII; `message` is a States.Format call.
    """
    return task(
        name,
        "sns:publish",
        {"TopicArn": "${Topic}", "Subject": subject, "Message.$": message},
        then=then,
        caught_by=[catch(then, result="$.notification")],
        retried=[retry("SNS.AmazonSNSException", "SNS.KMSThrottlingException")],
        result={"ResultPath": "$.notification"},
        grants=publish(topic, key),
        tokens={"Topic": topic.ref(), "ProjectName": Ref("ProjectName")},
    )


def failure_steps(subject: str, topic: Topic, key: Key) -> list[Step]:
    """How a run fails, entered at HasCause with a caught error, or at Notify with one of our own.

    A timeout may be caught without a Cause, and CausePath needs one. Names that begin with
    `States.` are reserved: a Fail state may not give them (Error representation, Amazon States
    Language).
    """
    name = "$.error.Error"
    return [
        Step(
            "HasCause",
            {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.error.Cause", "IsPresent": False, "Next": "AddCause"},
                    {"Variable": "$.error.Cause", "IsNull": True, "Next": "AddCause"},
                    {"Variable": name, "StringMatches": "States.*", "Next": "DropPrefix"},
                ],
                "Default": "Notify",
            },
        ),
        _restate(
            "AddCause",
            {"Error.$": name, "Cause": "No cause was given, see the history of the execution"},
        ),
        _restate(
            "DropPrefix",
            {
                "Error.$": f"States.ArrayGetItem(States.StringSplit({name}, '.'), 1)",
                "Cause.$": "$.error.Cause",
            },
        ),
        notify(
            "Notify",
            subject,
            "States.Format('{}: {} ({})', $.error.Error, $.error.Cause, $$.Execution.Id)",
            "Failed",
            topic,
            key,
        ),
        fail("Failed"),
    ]


def _restate(name: str, error: State) -> Step:
    return Step(
        name, {"Type": "Pass", "Parameters": error, "ResultPath": "$.error", "Next": "HasCause"}
    )


def fail(name: str) -> Step:
    """The end of a failed run: the error that was caught, as it was."""
    return Step(name, {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"})


def check_input(needed: tuple[str, ...], hint: str = "") -> list[Step]:
    """CheckInput, which goes on to Configure, and RefuseInput, which says what is missing."""
    missing = f"The input must have {', '.join(needed)}{hint}"
    present = [{"Variable": f"$.{name}", "IsPresent": True} for name in needed]
    return [
        Step(
            "CheckInput",
            {
                "Type": "Choice",
                "Choices": [{"And": present, "Next": "Configure"}],
                "Default": "RefuseInput",
            },
        ),
        problem("RefuseInput", "InvalidInput", missing, "Notify"),
    ]


def problem(name: str, error: str, cause: str, then: str) -> Step:
    """State a failure of our own: `cause` is text, or a States.Format call."""
    key = "Cause.$" if cause.startswith("States.") else "Cause"
    return Step(
        name,
        {
            "Type": "Pass",
            "Parameters": {"Error": error, key: cause},
            "ResultPath": "$.error",
            "Next": then,
        },
    )


def encrypts_itself(variable: str) -> dict[str, object]:
    """A Choice rule: instance types with local NVMe disks, which refuse a customer key.

    "You can't request a VolumeKmsKeyId when using an instance type with local storage"
    (ResourceConfig; the same of KmsKeyId in CreateEndpointConfig, SageMaker API Reference). The
    disks are encrypted by hardware. Types: Instance store volumes, EC2 User Guide.
    """
    families = ("*d", "*dn", "*de", "g*", "p4*", "p5*", "p6*", "trn*")
    return {
        "Or": [{"Variable": variable, "StringMatches": f"ml.{family}.*"} for family in families]
    }
