"""All needs of a deployment, by who they are of."""

from tests.permissions import (
    needs_of_batches,
    needs_of_drift,
    needs_of_jobs,
    needs_of_pipeline,
    needs_of_services,
    needs_of_workflows,
)
from tests.permissions.deployed import Deployed
from tests.permissions.need import Need

_MODULES = (
    needs_of_workflows,
    needs_of_batches,
    needs_of_drift,
    needs_of_jobs,
    needs_of_pipeline,
    needs_of_services,
)


def all_needs(at: Deployed) -> list[Need]:
    return [need for module in _MODULES for need in module.needs(at)]
