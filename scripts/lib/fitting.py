"""Do the stack's parameters fit together, and with what runs? The template's rules look at each by
itself, but for one."""

import difflib
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from botocore.exceptions import ClientError

from scripts.lib.problems import Problem, is_gone
from scripts.lib.session import Clients

_LEAST, _MOST = "EndpointInstanceCount", "EndpointMaxInstanceCount"


def check_kind(clients: Clients, values: Mapping[str, str], used: Mapping[str, str] | None) -> None:
    """`used` are the values in use, none of a new stack. The template's rule looks at the region
    too, and the deployment at the endpoint, each later."""
    kind = values.get("EndpointKind", "RealTime")
    if kind == "Serverless" and clients.partition != "aws":
        raise Problem(
            f"{clients.region} has no serverless endpoints, as all of China and GovCloud: pass "
            "PARAMS='EndpointKind=RealTime'"
        )
    if used is None or used.get("EndpointKind", "RealTime") == kind:
        return
    name = values["ProjectName"]
    exists = kind_of(clients, name)
    if exists not in ("", kind):
        raise Problem(
            f"the endpoint {name} exists as {exists}, and SageMaker does not make it {kind}: pass "
            f"PARAMS='EndpointKind={exists}', or first delete it (`aws sagemaker delete-endpoint "
            f"--endpoint-name {name}`), after which nothing answers until the next deployment"
        )


def kind_of(clients: Clients, name: str) -> str:
    """Of what an endpoint serves; an empty text where it is absent, or serves nothing."""
    try:
        found: Any = clients.sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_gone(error):
            return ""
        raise
    variants = found.get("ProductionVariants", [])
    if any("CurrentServerlessConfig" in variant for variant in variants):
        return "Serverless"
    return "RealTime" if variants else ""


def check_budget(values: Mapping[str, str]) -> None:
    """The template's rule says so too, once all is uploaded."""
    if values.get("MonthlyBudget", "0") != "0" and not values.get("NotificationEmail"):
        raise Problem(
            "MonthlyBudget writes to NotificationEmail: pass PARAMS='NotificationEmail=<address>' "
            "too, or PARAMS='MonthlyBudget=0', which is no budget"
        )


def check_monitoring(values: Mapping[str, str]) -> None:
    """The template's rule says the first two so too, once all is uploaded; of a time zone only the
    schedule's creation does."""
    zone = values.get("ScheduleTimezone", "UTC")
    known = available_timezones()
    if known and zone not in known:
        near = difflib.get_close_matches(zone, known, 1)
        meant = f": is {near[0]} meant?" if near else ", such as Europe/Berlin or Asia/Shanghai"
        raise Problem(f"ScheduleTimezone={zone} is no time zone{meant}")
    if not values.get("DriftSchedule"):
        return
    if values.get("EndpointKind") == "Serverless":
        raise Problem(
            "DriftSchedule looks at captured requests, and a serverless endpoint captures none: "
            "pass PARAMS='DriftSchedule='"
        )
    if values.get("CapturePercent", "0") == "0":
        raise Problem(
            "DriftSchedule looks at captured requests, and none are captured: pass "
            "PARAMS='CapturePercent=20' too, or PARAMS='DriftSchedule='"
        )


def check_counts(values: Mapping[str, str]) -> None:
    """CloudFormation compares no numbers; the deployment does, once a model is trained."""
    if _LEAST not in values or _MOST not in values:
        return
    least, most = values[_LEAST], values[_MOST]
    if 0 < int(most) < int(least):
        raise Problem(
            f"{_MOST}={most} is less than {_LEAST}={least}: pass PARAMS='{_MOST}=0', which is no "
            f"scaling, or more than {_LEAST}, which turns it on"
        )
