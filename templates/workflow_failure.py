"""Training: a job that failed, in words a person can read; a job that nobody waits for, stopped."""

from awacs import sagemaker

from templates.asl import Step, catch, retry, states, task
from templates.iam import allow
from templates.machine import problem

_RETRY = retry("SageMaker.SageMakerException", "SageMaker.SdkClientException")


def job_failure_steps() -> list[Step]:
    """Entered at IsJobDescription with a caught error, or at ListJobs after a timeout."""
    return [*_explain_failure(), *_stop_after_timeout()]


def _explain_failure() -> list[Step]:
    """The cause of a job that failed is its description as JSON; a person wants the reason."""
    return [
        Step(
            "IsJobDescription",
            {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"},
                            {"Variable": "$.error.Cause", "StringMatches": '{*"TrainingJobName"*}'},
                        ],
                        "Next": "ReadJob",
                    }
                ],
                "Default": "HasCause",
            },
        ),
        Step(
            "ReadJob",
            {
                "Type": "Pass",
                "Parameters": {"description.$": "States.StringToJson($.error.Cause)"},
                "ResultPath": "$.job",
                "Next": "TakeJob",
            },
        ),
        Step(
            "TakeJob",
            {
                "Type": "Pass",
                "Comment": "Where a job that ended without an error has its description too",
                "InputPath": "$.job.description",
                "ResultPath": "$.training",
                "Next": "MayFallBack",
            },
        ),
        problem(
            "TrainingFailed",
            "TrainingFailed",
            "States.Format('Training job {} failed{}: {}', "
            "$.training.TrainingJobName, $.capacity.note, $.training.FailureReason)",
            "Notify",
        ),
        problem(
            "TrainingIncomplete",
            "TrainingIncomplete",
            "States.Format('Training job {} ended as {} ({}){}', $.training.TrainingJobName, "
            "$.training.TrainingJobStatus, $.training.SecondaryStatus, $.capacity.note)",
            "Notify",
        ),
    ]


def _stop_after_timeout() -> list[Step]:
    """A job that outlives the wait, because it queued for capacity, would train for nobody."""
    stop = task(
        "StopJob",
        "aws-sdk:sagemaker:stopTrainingJob",
        {"TrainingJobName.$": "$.name"},
        then="JobStopped",
        caught_by=[catch("JobStopped")],
        retried=[_RETRY],
        result={"ResultPath": "$.stopped"},
    )
    return [
        task(
            "ListJobs",
            "aws-sdk:sagemaker:listTrainingJobs",
            {"NameContains.$": "$.name", "StatusEquals": "InProgress", "MaxResults": 10},
            then="StopJobs",
            caught_by=[catch("HasCause", result="$.stopping")],
            retried=[_RETRY],
            result={
                "ResultSelector": {"names.$": "$.TrainingJobSummaries[*].TrainingJobName"},
                "ResultPath": "$.jobs",
            },
            # sagemaker:ListTrainingJobs has no resource level
            grants=[allow("ListJobs", [sagemaker.ListTrainingJobs], ["*"])],
        ),
        Step(
            "StopJobs",
            {
                "Type": "Map",
                "ItemsPath": "$.jobs.names",
                "ItemSelector": {"name.$": "$$.Map.Item.Value"},
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    **states([stop, Step("JobStopped", {"Type": "Succeed"})]),
                },
                "ResultPath": "$.stopping",
                "Next": "HasCause",
            },
            tokens=stop.tokens,
        ),
    ]
