"""SageMaker as it is here: jobs, models and endpoints are ours, tags moto's."""

from local.sagemaker.endpoints import Endpoints
from local.sagemaker.jobs import TrainingJobs


class SageMaker(TrainingJobs, Endpoints):
    by_moto = frozenset({"add_tags", "delete_tags", "list_tags"})
