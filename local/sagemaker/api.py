"""SageMaker as it is here: what its operations share stands below, each kind of resource in a file
of its own.

Tags are moto's.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from moto.core.responses import ActionResult
from werkzeug.wrappers import Request, Response

from local.refusals import TurnedAway
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.models import Models
from local.sagemaker.processing_api import ProcessingJobs
from local.sagemaker.records import MODEL_PACKAGE, TRAINING_JOB, invalid
from local.sagemaker.registry import NO_TAGS, ModelRegistry
from local.sagemaker.training import NotReclaimable
from local.sagemaker.training_api import TrainingJobs
from local.sagemaker.transform_api import TransformJobs
from local.sagemaker.tuning_api import TuningJobs


class SageMaker(
    Models, Endpoints, ModelRegistry, TrainingJobs, ProcessingJobs, TuningJobs, TransformJobs
):
    def add_tags(self) -> ActionResult:
        """A tag that is there gets the new value (AddTags, SageMaker API Reference), where moto
        adds a second one of its name."""
        if self._is_version():
            raise invalid(NO_TAGS)
        keys = [each["Key"] for each in self.get("Tags")]
        self.sagemaker_backend.delete_tags(self.get("ResourceArn"), keys)
        tags = self.sagemaker_backend.add_tags(self.get("ResourceArn"), self.get("Tags"))
        return ActionResult({"Tags": tags})

    def list_tags(self) -> ActionResult:
        return ActionResult({"Tags": []}) if self._is_version() else super().list_tags()

    def _is_version(self) -> bool:
        """Of a model package group; only the group has tags."""
        return str(self.get("ResourceArn")).startswith(MODEL_PACKAGE.arn(""))


def reclaim(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """POST /_local/reclaim: what EC2 does to spot instances when it will, this one on command.

    {"TrainingJobName": …, "Seconds": how long there is no capacity}; answers {}. Raises TurnedAway.
    """
    try:
        asked = json.loads(Request(environ).get_data())
        name, seconds = str(asked["TrainingJobName"]), float(asked["Seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    if not 0 <= seconds < math.inf:
        raise TurnedAway("400 Bad Request", "ValidationException", "Seconds must be from 0 on")
    job = TRAINING_JOB.records().get(name)
    if job is None:
        raise TurnedAway("400 Bad Request", "ResourceNotFound", f"there is no training job {name}")
    try:
        job.reclaim(seconds)
    except NotReclaimable as error:
        raise TurnedAway("400 Bad Request", "ValidationException", str(error)) from None
    return Response("{}", content_type="application/json")(environ, start_response)
