"""Training, last part: hand the version to the deployment workflow and take its verdict."""

from awacs import states as stepfunctions
from troposphere.stepfunctions import StateMachine

from templates.asl import Step, catch, retry, task
from templates.grants import follow_by_rule
from templates.iam import allow, arn

# The two waits of the deployment are bounded by half an hour each; cleaning up takes the rest
_DEPLOYMENT_SECONDS = 2 * 3600


def deploy_steps(deployment: StateMachine) -> list[Step]:
    """From Deploy to success, or to a failure."""
    return [
        _deploy(deployment),
        *_explain_deployment(),
        Step(
            "Summarize",
            {
                "Type": "Pass",
                "Parameters": {
                    "name.$": "$.name",
                    "commit.$": "$.commit",
                    "image.$": "$.image",
                    "trainingJob.$": "$.training.TrainingJobName",
                    "modelDataUrl.$": "$.training.ModelArtifacts.S3ModelArtifacts",
                    "accuracy.$": "$.metric.accuracy[0]",
                    "endpoint.$": "$.deployment.endpoint",
                },
                "Next": "Deployed",
            },
        ),
        Step("Deployed", {"Type": "Succeed"}),
    ]


def _deploy(deployment: StateMachine) -> Step:
    """The execution has the version's name: a repeated start is the same deployment, not a second
    one."""
    executions = arn("states", "execution:${Workflow}:*", Workflow=deployment.get_att("Name"))
    return task(
        "Deploy",
        "states:startExecution.sync:2",
        {
            "StateMachineArn": "${DeploymentWorkflow}",
            "Name.$": "$.name",
            "Input": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                "name.$": "$.name",
                "image.$": "$.image",
                "modelDataUrl.$": "$.training.ModelArtifacts.S3ModelArtifacts",
                "commit.$": "$.commit",
            },
        },
        then="Summarize",
        caught_by=[catch("IsDeployment")],
        retried=[
            retry(
                "StepFunctions.ExecutionLimitExceededException",
                "StepFunctions.AWSStepFunctionsException",
            )
        ],
        seconds=_DEPLOYMENT_SECONDS,
        result={
            "ResultSelector": {"endpoint.$": "$.Output.endpoint"},
            "ResultPath": "$.deployment",
        },
        grants=[
            allow("StartDeployment", [stepfunctions.StartExecution], [deployment.ref()]),
            allow(
                "FollowDeployment",
                [stepfunctions.DescribeExecution, stepfunctions.StopExecution],
                [executions],
            ),
            *follow_by_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        ],
        tokens={"DeploymentWorkflow": deployment.ref()},
    )


def _explain_deployment() -> list[Step]:
    """A deployment that failed by itself has told everybody; its own error becomes this run's
    error. One that was stopped or timed out has told nobody."""
    told = "$.deployment.description"
    return [
        Step(
            "IsDeployment",
            {
                "Type": "Choice",
                "Comment": "The cause of a deployment that failed is its description, as JSON",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"},
                            {"Variable": "$.error.Cause", "StringMatches": '{*"ExecutionArn"*}'},
                        ],
                        "Next": "ReadDeployment",
                    }
                ],
                "Default": "HasCause",
            },
        ),
        Step(
            "ReadDeployment",
            {
                "Type": "Pass",
                "Parameters": {"description.$": "States.StringToJson($.error.Cause)"},
                "ResultPath": "$.deployment",
                "Next": "HasOwnError",
            },
        ),
        Step(
            "HasOwnError",
            {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": f"{told}.Status", "StringEquals": "FAILED"},
                            {"Variable": f"{told}.Error", "IsPresent": True},
                            {"Variable": f"{told}.Cause", "IsPresent": True},
                        ],
                        "Next": "ExplainDeployment",
                    }
                ],
                "Default": "HasCause",
            },
        ),
        Step(
            "ExplainDeployment",
            {
                "Type": "Pass",
                "Parameters": {
                    "Error.$": f"{told}.Error",
                    "Cause.$": f"{told}.Cause",
                },
                "ResultPath": "$.error",
                "Next": "Failed",
            },
        ),
    ]
