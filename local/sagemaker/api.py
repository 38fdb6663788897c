"""SageMaker as it is here: jobs, models and endpoints are ours, tags moto's."""

from typing import Any

from moto.core.utils import camelcase_to_underscores

from local.sagemaker.endpoints import Endpoints
from local.sagemaker.jobs import TrainingJobs

RECORDED_BY_MOTO = frozenset({"add_tags", "delete_tags", "list_tags"})


class SageMaker(TrainingJobs, Endpoints):
    """An operation that moto would only pretend to do (a processing job …) is refused."""

    def call_action(self) -> Any:
        operation = camelcase_to_underscores(self._get_action())
        ours = any(operation in vars(group) for group in SageMaker.__mro__[:-1] if _is_ours(group))
        return super().call_action() if ours or operation in RECORDED_BY_MOTO else self._refuse()


def _is_ours(group: type) -> bool:
    return group.__module__.startswith("local.sagemaker.")
