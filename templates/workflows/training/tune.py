"""Training, if it is wanted: many jobs in the place of one, each with other hyperparameters. The
best one goes on as if it had been trained alone.

What may be chosen says tuning.json of the commit (buildspec/image.yml); that it is chosen at all, a
parameter of the stack.
"""

from awacs import sagemaker
from troposphere import Sub
from troposphere.iam import Role

from templates.kit.iam import allow
from templates.kit.names import stack_digits, tuned_arns
from templates.parts.storage import Storage
from templates.workflows.failure import problem
from templates.workflows.job import TUNING, VERSION_NAME, job
from templates.workflows.language import (
    Below,
    Step,
    check,
    choose,
    compares,
    present,
    put,
    task,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.train import (
    RESULT,
    TRAINED,
    choose_capacity,
    training_machines,
)

# All of its jobs, one after the other in the worst case. A pipeline waits for a week (Step
# Functions action reference, CodePipeline User Guide)
_SECONDS = 5 * 24 * 3600
_LIMITS, _NAMED, _TUNED = "$.limits", "$.tuningName", "$.tuned"
_BEST = f"{_TUNED}.BestTrainingJob.TrainingJobName"


def tune(settings: TrainingSettings, storage: Storage, role: Role) -> Step:
    """With TuningJobs 0 one job is trained, below; else this is in the place of that."""
    unset = problem(
        "NothingToTune",
        f"States.Format('TuningJobs is {{}}, but the commit has no tuning.json that says what may "
        f"vary: add one beside hyperparameters.json, or set TuningJobs to 0', {_jobs(settings)})",
    )
    lost = problem(
        "NoBestModel",
        f"States.Format('Tuning job {{}} completed, but none of its training jobs reported {{}}: "
        f"see their logs', {_TUNED}.HyperParameterTuningJobName, $.tuning.objective.MetricName)",
    )
    steps = [
        check("HasRanges", present("$.tuning.ranges"), otherwise=[unset]),
        _limit(settings),
        _name(),
        *job(
            "Tune",
            TUNING,
            _request(),
            noun="Tuning",
            result=_TUNED,
            job_name=f"{_NAMED}.job",
            instance_type=settings.instance_type.path,
            machines=training_machines(settings),
            role=role,
            key=storage.key,
            seconds=_SECONDS,
            tokens={
                "ModelsUri": Sub("s3://${Bucket}/models/", Bucket=storage.artifacts.ref()),
                "Key": storage.key.get_att("Arn"),
            },
            before=[choose_capacity(settings, "Tuning")],
            needed=(present(_BEST), [lost]),
        ),
        _take_best(),
    ]
    wanted = compares(_jobs(settings), "NumericGreaterThan", 0)
    return choose("IsTuned", when(wanted, steps), otherwise=None)


def _jobs(settings: TrainingSettings) -> str:
    return settings.tuning_jobs.path


def _limit(settings: TrainingSettings) -> Step:
    """No more at once than there are."""
    most, parallel = _jobs(settings), settings.tuning_parallel_jobs.path

    def limits(name: str, at_once: str) -> list[Step]:
        laid = {"MaxNumberOfTrainingJobs.$": most, "MaxParallelTrainingJobs.$": at_once}
        return [put(name, _LIMITS, laid)]

    return choose(
        "LimitTuning",
        when(compares(most, "NumericLessThanPath", parallel), limits("TuneAllAtOnce", most)),
        otherwise=limits("TuneSomeAtOnce", parallel),
    )


def _name() -> Step:
    """The last digits of the version's name are the run's."""
    parts = f"States.StringSplit({VERSION_NAME}, '-')"
    last = f"States.ArrayGetItem({parts}, States.MathAdd(States.ArrayLength({parts}), -1))"
    return put(
        "NameTuning",
        _NAMED,
        {"job.$": f"States.Format('${{StackDigits}}-{{}}', {last})"},
        tokens={"StackDigits": stack_digits()},
    )


def _request() -> dict[str, object]:
    """No checkpoints: whether its jobs would share one folder is not documented. Their models lie
    in the version's own folder, where its roles may read and write."""
    output = f"States.Format('${{ModelsUri}}{{}}/', {VERSION_NAME})"
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective.$": "$.tuning.objective",
            "ResourceLimits.$": _LIMITS,
            "ParameterRanges.$": "$.tuning.ranges",
        },
        "TrainingJobDefinition": {
            **TRAINED,
            "StaticHyperParameters.$": "$.tuning.static",
            "OutputDataConfig": {"S3OutputPath.$": output, "KmsKeyId": "${Key}"},
        },
    }


def _take_best() -> Step:
    """A tuning job tells the name of its best job, and not where that left its model."""
    return task(
        "TakeBest",
        "aws-sdk:sagemaker:describeTrainingJob",
        {"TrainingJobName.$": _BEST},
        grants=[allow("SeeTuned", [sagemaker.DescribeTrainingJob], [tuned_arns("training-job")])],
        at=RESULT,
        then=Below("HasVerdict"),
    )
