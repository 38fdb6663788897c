"""Do the stack's parameters fit together? The template's rules look at each by itself."""

from collections.abc import Mapping

from scripts.lib.problems import Problem
from scripts.lib.session import Clients

_LEAST, _MOST = "EndpointInstanceCount", "EndpointMaxInstanceCount"


def check_kind(clients: Clients, values: Mapping[str, str]) -> None:
    """The template's rule refuses it too, but tells it as an error of CloudFormation's."""
    if values.get("EndpointKind") == "Serverless" and clients.partition != "aws":
        raise Problem(
            f"{clients.region} has no serverless endpoints, as all of China and GovCloud: pass "
            "PARAMS='EndpointKind=RealTime'"
        )


def check_counts(values: Mapping[str, str]) -> None:
    """CloudFormation compares no numbers; the deployment does, once a model is trained."""
    if _LEAST not in values or _MOST not in values:
        return
    least, most = values[_LEAST], values[_MOST]
    if int(most) < int(least):
        raise Problem(
            f"{_MOST}={most} is less than {_LEAST}={least}: pass PARAMS='{_LEAST}={least} "
            f"{_MOST}={least}', or more as {_MOST}, which turns scaling on"
        )
