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
    kind: Setting
    serverless_memory_mb: Setting
    serverless_concurrency: Setting
    instance_type: Setting
    instance_count: Setting
    max_instance_count: Setting
    scaling_target_invocations: Setting
    rollout: Setting
    rollout_percent: Setting
    bake_seconds: Setting
    golden_seconds: Setting
    capture_percent: Setting


@dataclass(frozen=True)
class DriftSettings:
    instance_type: Setting
    threshold: Setting
    minimum_records: Setting
    cooldown_days: Setting
    retrain: Setting


def drift_settings(parameters: Parameters) -> DriftSettings:
    return DriftSettings(
        instance_type=_text("instanceType", parameters.evaluation_instance_type),
        threshold=_text("threshold", parameters.drift_threshold),
        minimum_records=_text("minimumRecords", parameters.drift_minimum_records),
        cooldown_days=_text("cooldownDays", parameters.drift_cooldown_days),
        retrain=_text("retrain", parameters.retrain_on_drift),
    )


def training_settings(parameters: Parameters) -> TrainingSettings:
    return TrainingSettings(
        instance_type=_text("instanceType", parameters.training_instance_type),
        instance_count=_number("instanceCount", parameters.training_instance_count),
        volume_gb=_number("volumeGB", parameters.training_volume_gb),
        max_runtime_seconds=_number("maxRuntimeSeconds", parameters.training_max_runtime_seconds),
        use_spot=_number("useSpot", parameters.training_use_spot),
        spot_wait_seconds=_number("spotWaitSeconds", parameters.training_spot_wait_seconds),
        minimum_accuracy=_number("minimumAccuracy", parameters.minimum_accuracy),
        accuracy_tolerance=_number("accuracyTolerance", parameters.accuracy_tolerance),
        evaluation_instance_type=_text(
            "evaluationInstanceType", parameters.evaluation_instance_type
        ),
        approval=_text("approval", parameters.approval),
        tuning_jobs=_number("tuningJobs", parameters.tuning_jobs),
        tuning_parallel_jobs=_number("tuningParallelJobs", parameters.tuning_parallel_jobs),
    )


def deployment_settings(parameters: Parameters) -> DeploymentSettings:
    return DeploymentSettings(
        kind=_text("kind", parameters.endpoint_kind),
        serverless_memory_mb=_number("serverlessMemoryMB", parameters.serverless_memory_mb),
        serverless_concurrency=_number("serverlessConcurrency", parameters.serverless_concurrency),
        instance_type=_text("instanceType", parameters.endpoint_instance_type),
        instance_count=_number("instanceCount", parameters.endpoint_instance_count),
        max_instance_count=_number("maxInstanceCount", parameters.endpoint_max_instance_count),
        scaling_target_invocations=_number(
            "scalingTargetInvocations", parameters.scaling_target_invocations
        ),
        rollout=_text("rollout", parameters.rollout),
        rollout_percent=_number("rolloutPercent", parameters.rollout_percent),
        bake_seconds=_number("bakeSeconds", parameters.rollout_bake_seconds),
        golden_seconds=_number("goldenSeconds", parameters.golden_seconds),
        capture_percent=_number("capturePercent", parameters.capture_percent),
    )


def _text(name: str, parameter: Parameter) -> Setting:
    return Setting(f"$.settings.{name}", parameter, parsed=False)


def _number(name: str, parameter: Parameter) -> Setting:
    """Or a truth value."""
    return Setting(f"$.settings.{name}", parameter)


def setting_values(settings: TrainingSettings | DeploymentSettings | DriftSettings) -> State:
    """For a `put`: each setting under the last name of its path."""
    laid: State = {}
    for setting in _each(settings):
        name, token = setting.path.rpartition(".")[2], f"${{{setting.parameter.title}}}"
        if setting.parsed:
            laid[f"{name}.$"] = f"States.StringToJson('{token}')"
        else:
            laid[name] = token
    return laid


def setting_tokens(settings: TrainingSettings | DeploymentSettings | DriftSettings) -> State:
    """The tokens in `setting_values`."""
    return {each.parameter.title: each.parameter.ref() for each in _each(settings)}


def _each(settings: TrainingSettings | DeploymentSettings | DriftSettings) -> list[Setting]:
    return list(vars(settings).values())
