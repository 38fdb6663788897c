"""What a resource is known by beside its ARN: its tags, as moto keeps them."""

from moto.sagemaker.models import sagemaker_backends

from local.authorization import keys
from local.context import current

# Those that can be named before they are there, or are another's
_TABLES = {
    "training-job": "training_jobs",
    "processing-job": "processing_jobs",
    "hyper-parameter-tuning-job": "hyper_parameter_tuning_jobs",
    "model": "_models",
    "endpoint": "endpoints",
    "endpoint-config": "endpoint_configs",
    "model-package-group": "model_package_groups",
}


def of(resource: str) -> dict[str, str] | None:
    """The tags of a key, or of what SageMaker has, by their names; None for other resources, of
    which they are not known. What is only being made has none yet."""
    if ":key/" in resource:
        return keys.tags(resource)
    if ":sagemaker:" not in resource:
        return None
    here, (kind, _, name) = current(), resource.split(":", 5)[-1].partition("/")
    table = _TABLES.get(kind)
    backend = sagemaker_backends[here.account][here.region]
    record = getattr(backend, table).get(name) if table else None
    return {one["Key"]: one["Value"] for one in record.tags} if record else {}
