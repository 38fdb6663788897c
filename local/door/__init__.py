"""The door: what a request asks of a service is read here, once; who judges it is given the same.

Git's own requests and the endpoint's controls pass beside it, and so does an object's content.
What is asked has to be what AWS's model of the operation allows (constraints.py), and nothing but
what is acted on here, or is known to change nothing (census.py), in a region that has it
(regions.py). The model is botocore's.
"""

from typing import Any

from local.context import current
from local.door.census import operations, refused
from local.door.constraints import code, problem
from local.door.regions import ABSENT, absent
from local.door.request import Asked, read
from local.refusals import TurnedAway

BAD = "400 Bad Request"


def check(environ: dict[str, Any], service: str) -> Asked:
    """Raises TurnedAway, in the service's own words. The body can be read again after it."""
    asked = read(environ, service)
    if asked.operation is None:
        text = f"{asked.service} has no operation {asked.name}"
        raise TurnedAway(BAD, "UnknownOperationException", text)
    if asked.name not in operations(asked.service):
        raise TurnedAway.unsupported(f"{asked.service}:{asked.name}")
    if absent(asked.service, asked.name, current().region):
        raise TurnedAway(BAD, "UnknownOperationException", ABSENT)
    if found := problem(asked):
        raise TurnedAway(BAD, *found)
    for reason in refused(asked):
        raise TurnedAway(BAD, code(asked), reason)
    return asked
