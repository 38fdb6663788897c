"""Hand a version to the deployment workflow, and take its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from awacs import states
from awacs.aws import Statement
from troposphere import Sub
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import follow_by_rule
from templates.kit.iam import allow, arn
from templates.parts.notifications import NOT_TOLD
from templates.workflows.deployment.turn import LONGEST_WAIT_SECONDS
from templates.workflows.failure import ABOUT, FAILED, problem, read_cause
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    LONG,
    State,
    Step,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    equals,
    matches,
    present,
    put,
    task,
    when,
)

# It waits for its turn; then twice for the endpoint, until another's change has ended and until its
# own has, and what is around it takes the rest
DEPLOYMENT_SECONDS = LONGEST_WAIT_SECONDS + 2 * sum(range(1, LONG + 1)) + 2 * 3600
_DEPLOYED = "$.deployment"
# The image that serves the version, by digest
IMAGE = "$.image"
# A deployment of this name is under way, or was within the last 90 days (StartExecution, Step
# Functions API Reference)
BEGUN_BEFORE = "StepFunctions.ExecutionAlreadyExistsException"
# The endpoint, and the version that it serves: this run's, or the newer one that superseded it
ENDPOINT, SERVES = f"{_DEPLOYED}.endpoint", f"{_DEPLOYED}.serves"


def deploy(
    deployment: StateMachine, model: str, more: Mapping[str, Any], begun: Sequence[State] = ()
) -> Step:
    """The execution has the version's name: a repeated start is the same deployment, not a second
    one; `begun` catches BEGUN_BEFORE. `model` is where its address is, and `more` is for the
    input."""
    name = deployment.get_att("Name")
    followed = follow_deployment(deployment)
    prefix = arn("states", "execution:${Workflow}:", Workflow=name)
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
                "modelDataUrl.$": model,
                "commit.$": "$.commit",
                "about.$": ABOUT,
                **more,
            },
        },
        grants=[
            allow("StartDeployment", [states.StartExecution], [deployment.ref()]),
            followed,
            *follow_by_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        ],
        tokens={"DeploymentWorkflow": deployment.ref()},
        at=_DEPLOYED,
        select={"endpoint.$": "$.Output.endpoint", "serves.$": "$.Output.serves"},
        caught=[
            *begun,
            catch(_stop(prefix, followed), error="States.Timeout"),
            catch(_take_its_error()),
        ],
        seconds=DEPLOYMENT_SECONDS,
    )


def follow_deployment(deployment: StateMachine) -> Statement:
    executions = arn("states", "execution:${Workflow}:*", Workflow=deployment.get_att("Name"))
    follow = [states.DescribeExecution, states.StopExecution]
    return allow("FollowDeployment", follow, [executions])


def _stop(executions: Sub, grant: Statement) -> list[Step]:
    """A deployment that nobody waits for any more would bring its version to the endpoint in spite
    of this run's verdict. A timeout does not stop it (Run a job, Step Functions Developer Guide).
    """
    late = problem(
        "DeploymentTookTooLong",
        f"States.Format('The deployment {{}} took longer than {DEPLOYMENT_SECONDS // 3600} hours "
        f"and was told to stop', {VERSION_NAME})",
    )
    return [
        task(
            "StopDeployment",
            "aws-sdk:sfn:stopExecution",
            {
                "ExecutionArn.$": f"States.Format('${{Deployments}}{{}}', {VERSION_NAME})",
                "Cause": "Nobody waits for it any longer",
            },
            grants=[grant],
            tokens={"Deployments": executions},
            at="$.stopping",
            caught=[catch(late.name, at="$.stopping")],
        ),
        late,
    ]


def _take_its_error() -> list[Step]:
    """A deployment that failed by itself has told everybody; its own error becomes this run's
    error. One that was stopped, timed out, broke (`States.Runtime`, which nothing catches) or
    whose notice failed has told nobody, and is told here: the rule leaves it to whoever started it
    (notifications.py)."""
    described = f"{_DEPLOYED}.description"
    status, name, cause = (f"{described}.{field}" for field in ("Status", "Error", "Cause"))
    said = all_of(
        present(name), compares(name, "IsString", True),
        present(cause), compares(cause, "IsString", True),
    )  # fmt: skip
    untold = any_of(matches(name, "States.*"), equals(name, NOT_TOLD))
    own = all_of(equals(status, "FAILED"), said, {"Not": untold})
    error = {"Error.$": name, "Cause.$": cause}
    broke = problem(
        "DeploymentBroke",
        f"States.Format('The deployment {{}} ended as {{}}: {{}}: {{}}', {VERSION_NAME}, {status}, "
        f"{name}, {cause})",
    )
    ended = problem(
        "DeploymentEnded",
        f"States.Format('The deployment {{}} ended as {{}} and gave no cause: somebody may have "
        f"stopped it. Start it with the same input, but another name in it, or train again (make "
        f"train)', {VERSION_NAME}, {status})",
    )
    return [
        *read_cause("IsDeployment", "ReadDeployment", "ExecutionArn", _DEPLOYED),
        choose(
            "HasOwnError",
            when(own, [put("ExplainDeployment", "$.error", error, then=FAILED)]),
            when(said, [broke]),
            otherwise=[ended],
        ),
    ]
