"""What the stack's parameters decide for a run: each a value that a story carries, known by one
object."""

from dataclasses import dataclass

from troposphere import Parameter

from templates.parameters import Parameters
from templates.workflows.language import State


@dataclass(frozen=True)
class Setting:
    """A parameter as the value at a path. Parameters reach a definition as text: `parsed` makes
    numbers and truth values of it."""

    path: str
    parameter: Parameter
    parsed: bool = True


@dataclass(frozen=True)
class TrainingSettings:
    instance_type: Setting
    instance_count: Setting
    volume_gb: Setting
    max_runtime_seconds: Setting
    use_spot: Setting
    spot_wait_seconds: Setting
    minimum_accuracy: Setting
    accuracy_tolerance: Setting
    evaluation_instance_type: Setting
    approval: Setting
    tuning_jobs: Setting
    tuning_parallel_jobs: Setting


@dataclass(frozen=True)
class DeploymentSettings:
    instance_type: Setting
    instance_count: Setting


def training_settings(parameters: Parameters) -> TrainingSettings:
    def setting(name: str, parameter: Parameter, parsed: bool = True) -> Setting:
        return Setting(f"$.settings.{name}", parameter, parsed)

    return TrainingSettings(
        instance_type=setting("instanceType", parameters.training_instance_type, parsed=False),
        instance_count=setting("instanceCount", parameters.training_instance_count),
        volume_gb=setting("volumeGB", parameters.training_volume_gb),
        max_runtime_seconds=setting("maxRuntimeSeconds", parameters.training_max_runtime_seconds),
        use_spot=setting("useSpot", parameters.training_use_spot),
        spot_wait_seconds=setting("spotWaitSeconds", parameters.training_spot_wait_seconds),
        minimum_accuracy=setting("minimumAccuracy", parameters.minimum_accuracy),
        accuracy_tolerance=setting("accuracyTolerance", parameters.accuracy_tolerance),
        evaluation_instance_type=setting(
            "evaluationInstanceType", parameters.evaluation_instance_type, parsed=False
        ),
        approval=setting("approval", parameters.approval, parsed=False),
        tuning_jobs=setting("tuningJobs", parameters.tuning_jobs),
        tuning_parallel_jobs=setting("tuningParallelJobs", parameters.tuning_parallel_jobs),
    )


def deployment_settings(parameters: Parameters) -> DeploymentSettings:
    return DeploymentSettings(
        instance_type=Setting("$.instanceType", parameters.endpoint_instance_type, parsed=False),
        instance_count=Setting("$.instanceCount", parameters.endpoint_instance_count),
    )


def setting_values(settings: TrainingSettings | DeploymentSettings) -> State:
    """For a `put`: each setting under the last name of its path."""
    laid: State = {}
    for setting in _each(settings):
        name, token = setting.path.rpartition(".")[2], f"${{{setting.parameter.title}}}"
        if setting.parsed:
            laid[f"{name}.$"] = f"States.StringToJson('{token}')"
        else:
            laid[name] = token
    return laid


def setting_tokens(settings: TrainingSettings | DeploymentSettings) -> State:
    """The tokens in `setting_values`."""
    return {each.parameter.title: each.parameter.ref() for each in _each(settings)}


def _each(settings: TrainingSettings | DeploymentSettings) -> list[Setting]:
    return list(vars(settings).values())
