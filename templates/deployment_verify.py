"""Deployment, third part: does the version serve? If not, say what happened."""

from templates.asl import Step, catch, retry, task
from templates.deployment_look import BUSY, LOOKS, may_look, status_is, wait
from templates.machine import problem


def verify_steps() -> list[Step]:
    """From StartWaiting to ListVersions when the version serves, or to Notify when it does not."""
    return [
        Step(
            "StartWaiting",
            {
                "Type": "Pass",
                "Parameters": {"number": 1},
                "ResultPath": "$.attempt",
                "Next": "WaitForVersion",
            },
        ),
        *wait("WaitForVersion", "CountCheck", "CheckEndpoint"),
        _check(),
        _verify(),
        *_problems(),
    ]


def _check() -> Step:
    return task(
        "CheckEndpoint",
        "aws-sdk:sagemaker:describeEndpoint",
        {"EndpointName": "${ProjectName}"},
        then="Verify",
        caught_by=[catch("HasCause")],
        retried=[retry("SageMaker.SageMakerException", "SageMaker.SdkClientException")],
        result={"ResultPath": "$.endpoint"},
    )


def _verify() -> Step:
    """InService is not enough: an update that fails goes back to the old configuration and says
    InService."""
    serves = {"Variable": "$.endpoint.EndpointConfigName", "StringEqualsPath": "$.name"}
    return Step(
        "Verify",
        {
            "Type": "Choice",
            "Comment": "A failed update ends InService too, with the old configuration",
            "Choices": [
                {"And": [status_is("InService"), serves], "Next": "ListVersions"},
                {**status_is("InService"), "Next": "EndpointRolledBack"},
                {**status_is("Failed"), "Next": "EndpointFailed"},
                {"And": [status_is(*BUSY), may_look()], "Next": "WaitForVersion"},
                {**status_is(*BUSY), "Next": "EndpointStayedBusy"},
            ],
            "Default": "EndpointUnusable",
        },
    )


def _problems() -> list[Step]:
    status = "$.endpoint.EndpointStatus"
    return [
        problem(
            "EndpointRolledBack",
            "EndpointRolledBack",
            "States.Format('Endpoint ${ProjectName} serves {} again, the update to {} failed', "
            "$.endpoint.EndpointConfigName, $.name)",
            "HasReason",
        ),
        problem(
            "EndpointFailed",
            "EndpointFailed",
            "States.Format('Endpoint ${ProjectName} could not be created with {}', $.name)",
            "HasReason",
        ),
        problem(
            "EndpointStayedBusy",
            "EndpointStayedBusy",
            f"States.Format('Endpoint ${{ProjectName}} is still {{}} after {LOOKS} looks', "
            f"{status})",
            "HasReason",
        ),
        problem(
            "EndpointUnusable",
            "EndpointUnusable",
            f"States.Format('Endpoint ${{ProjectName}} is {{}} and needs a person', {status})",
            "HasReason",
        ),
        Step(
            "HasReason",
            {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.endpoint.FailureReason",
                        "IsPresent": True,
                        "Next": "AddReason",
                    }
                ],
                "Default": "Notify",
            },
        ),
        Step(
            "AddReason",
            {
                "Type": "Pass",
                "Parameters": {
                    "Error.$": "$.error.Error",
                    "Cause.$": "States.Format('{}: {}', $.error.Cause, $.endpoint.FailureReason)",
                },
                "ResultPath": "$.error",
                "Next": "Notify",
            },
        ),
    ]
