"""Training, last part: hand the version to the deployment workflow and take its verdict."""

from awacs import states
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import follow_by_rule
from templates.kit.iam import allow, arn
from templates.workflows.deployment.order import TRAINING
from templates.workflows.deployment.queue import LONGEST_WAIT_SECONDS
from templates.workflows.failure import FAILED, read_cause
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    EXPLAIN,
    Step,
    all_of,
    catch,
    check,
    equals,
    present,
    put,
    task,
)
from templates.workflows.training.judge import IMAGE
from templates.workflows.training.train import MODEL

# It waits for its turn; then each wait for a busy endpoint is bounded by half an hour, and cleaning
# up takes the rest
_DEPLOYMENT_SECONDS = LONGEST_WAIT_SECONDS + 2 * 3600
_DEPLOYED = "$.deployment"
# The endpoint, and the version that it serves: this run's, or the newer one that superseded it
ENDPOINT, SERVES = f"{_DEPLOYED}.endpoint", f"{_DEPLOYED}.serves"


def deploy(deployment: StateMachine) -> Step:
    """The execution has the version's name: a repeated start is the same deployment, not a second
    one."""
    executions = arn("states", "execution:${Workflow}:*", Workflow=deployment.get_att("Name"))
    follow = [states.DescribeExecution, states.StopExecution]
    return task(
        "Deploy",
        "states:startExecution.sync:2",
        {
            "StateMachineArn": "${DeploymentWorkflow}",
            "Name.$": VERSION_NAME,
            "Input": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                "name.$": VERSION_NAME,
                "image.$": IMAGE,
                "modelDataUrl.$": MODEL,
                "commit.$": "$.commit",
                TRAINING: {"name.$": VERSION_NAME, "startedAt.$": "$$.Execution.StartTime"},
            },
        },
        grants=[
            allow("StartDeployment", [states.StartExecution], [deployment.ref()]),
            allow("FollowDeployment", follow, [executions]),
            *follow_by_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        ],
        tokens={"DeploymentWorkflow": deployment.ref()},
        at=_DEPLOYED,
        select={"endpoint.$": "$.Output.endpoint", "serves.$": "$.Output.serves"},
        caught=[catch(_take_its_error())],
        seconds=_DEPLOYMENT_SECONDS,
    )


def _take_its_error() -> list[Step]:
    """A deployment that failed by itself has told everybody; its own error becomes this run's
    error. One that was stopped or timed out has told nobody."""
    described = f"{_DEPLOYED}.description"
    own = all_of(
        equals(f"{described}.Status", "FAILED"),
        present(f"{described}.Error"),
        present(f"{described}.Cause"),
    )
    error = {"Error.$": f"{described}.Error", "Cause.$": f"{described}.Cause"}
    return [
        *read_cause("IsDeployment", "ReadDeployment", "ExecutionArn", _DEPLOYED),
        check("HasOwnError", own, otherwise=EXPLAIN),
        put("ExplainDeployment", "$.error", error, then=FAILED),
    ]
