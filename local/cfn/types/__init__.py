"""The resource types that the local endpoint can make."""

from functools import cache, partial

from local.cfn.resource_type import ResourceTypes
from local.cfn.schema import bundled
from local.cfn.types import delivery, iam, kms, running, s3, sns, sqs
from local.context import Context, current

MODULES = (delivery, iam, kms, running, s3, sns, sqs)


def here() -> ResourceTypes:
    """Those of the endpoint that this process serves."""
    return _types(current())


@cache
def _types(context: Context) -> ResourceTypes:
    supported = {name: one for module in MODULES for name, one in module.TYPES.items()}
    return ResourceTypes(supported, partial(bundled, context.region), context)
