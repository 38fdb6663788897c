"""POST /_local/reclaim: what EC2 does to spot instances when it will, this endpoint on command."""

import json
import math
from collections.abc import Iterable
from typing import Any

from moto.sagemaker.models import sagemaker_backends
from werkzeug.wrappers import Request, Response

from local.context import current
from local.refusals import TurnedAway
from local.sagemaker.training import NotReclaimable, TrainingJob


def reclaim(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """{"TrainingJobName": …, "Seconds": how long there is no capacity}; answers {}.

    Raises TurnedAway.
    """
    try:
        asked = json.loads(Request(environ).get_data())
        name, seconds = str(asked["TrainingJobName"]), float(asked["Seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    if not 0 <= seconds < math.inf:
        raise TurnedAway("400 Bad Request", "ValidationException", "Seconds must be from 0 on")
    here = current()
    job: Any = sagemaker_backends[here.account][here.region].training_jobs.get(name)
    if not isinstance(job, TrainingJob):
        raise TurnedAway("400 Bad Request", "ResourceNotFound", f"there is no training job {name}")
    try:
        job.reclaim(seconds)
    except NotReclaimable as error:
        raise TurnedAway("400 Bad Request", "ValidationException", str(error)) from None
    return Response("{}", content_type="application/json")(environ, start_response)
