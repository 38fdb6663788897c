"""Deployment: bring the version to the one endpoint, and see that it serves.

The endpoint is found by describing it, so that a first deployment, an update, an endpoint in the
middle of another update and one that failed are each met as they are.
"""

from collections.abc import Sequence

from awacs import sagemaker
from awacs.aws import Action, Statement
from troposphere import Ref

from templates.kit.iam import allow, arn
from templates.kit.names import version_arns
from templates.workflows.deployment.version import TAGS, UNSEEN
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    NOTIFY,
    Below,
    ChoiceRule,
    State,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    equals,
    matches,
    may_look,
    present,
    put,
    task,
    wait_until,
    when,
)

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_ARN = arn("sagemaker", "endpoint/${ProjectName}")
SEEN, _LOOKUP = "$.endpoint", "$.lookup"
_STATUS, _REASON = f"{SEEN}.EndpointStatus", f"{SEEN}.FailureReason"


def bring_to_endpoint() -> list[Step]:
    """Create the endpoint, or update it as soon as it is free; one that failed is replaced."""
    cause = "$.error.Cause"
    # AWS may have begun a change of its own since the endpoint was found
    busy_again = choose(
        "IsBusyAgain",
        when(
            all_of(present(cause), matches(cause, "*Cannot update in-progress*"), may_look()),
            "WaitForEndpoint",
        ),
        otherwise=EXPLAIN,
    )
    update = _change("UpdateEndpoint", sagemaker.UpdateEndpoint, {}, caught=[catch([busy_again])])
    delete = task(
        "DeleteEndpoint",
        "aws-sdk:sagemaker:deleteEndpoint",
        {"EndpointName": "${ProjectName}"},
        grants=[allow("DeleteEndpoint", [sagemaker.DeleteEndpoint], [_ARN])],
        tokens={"ProjectName": Ref("ProjectName")},
        at="$.change",
        then="WaitForEndpoint",
    )
    return wait_until(
        describe_endpoint(
            "FindEndpoint",
            caught=[
                catch([_is_absent()], error="SageMaker.SageMakerException", at=_LOOKUP),
                catch(EXPLAIN),
            ],
        ),
        "ChooseAction",
        when(endpoint_is("InService"), [update]),
        # A Failed endpoint cannot be updated, only replaced; it serves nobody. One that stays
        # Failed however often it is deleted needs a person
        when(all_of(endpoint_is("Failed"), may_look()), [delete]),
        wait_name="WaitForEndpoint",
        count_name="CountLook",
        busy=endpoint_is(*BUSY),
        too_long="EndpointStayedBusy",
        otherwise="EndpointUnusable",
    )


def _is_absent() -> Step:
    cause = f"{_LOOKUP}.Cause"
    create = _change(
        "CreateEndpoint",
        sagemaker.CreateEndpoint,
        {"Tags": TAGS},
        more=[allow("TagEndpoint", [sagemaker.AddTags], [_ARN])],
        then=Below("ChooseAction"),
    )
    return choose(
        "IsAbsent",
        when(all_of(present(cause), matches(cause, "*Could not find endpoint*")), [create]),
        otherwise=[put("KeepLookupError", "$.error", _LOOKUP, then=EXPLAIN)],
    )


def verify() -> list[Step]:
    """Does the version serve? InService is not enough: an update that fails goes back to the old
    configuration and says InService."""
    serves = compares(f"{SEEN}.EndpointConfigName", "StringEqualsPath", "$.name")
    return wait_until(
        describe_endpoint("CheckEndpoint"),
        "Verify",
        when(all_of(endpoint_is("InService"), serves)),
        when(
            endpoint_is("InService"),
            [
                _problem(
                    "EndpointRolledBack",
                    "serves {} again, the update to {} failed",
                    f"{SEEN}.EndpointConfigName",
                    "$.name",
                )
            ],
        ),
        when(
            endpoint_is("Failed"),
            [_problem("EndpointFailed", "could not be created with {}", "$.name")],
        ),
        start_name="StartWaiting",
        wait_name="WaitForVersion",
        count_name="CountCheck",
        busy=endpoint_is(*BUSY),
        too_long="EndpointStayedBusy",
        otherwise="EndpointUnusable",
        comment="A failed update ends InService too, with the old configuration",
    )


def endpoint_problems() -> list[Step]:
    """What both waits may end with, and the endpoint's own reason, if it gives one."""
    said = f"States.Format('{{}}: {{}}', $.error.Cause, {_REASON})"
    with_reason = put(
        "AddReason", "$.error", {"Error.$": "$.error.Error", "Cause.$": said}, then=NOTIFY
    )
    return [
        _problem("EndpointStayedBusy", "is still {} after more than half an hour", _STATUS),
        _problem("EndpointUnusable", "is {} and needs a person", _STATUS),
        choose("HasReason", when(present(_REASON), [with_reason]), otherwise=NOTIFY),
    ]


def endpoint_is(*statuses: str, at: str = SEEN) -> ChoiceRule:
    """The endpoint, as last seen, has one of these statuses."""
    rules = [equals(f"{at}.EndpointStatus", status) for status in statuses]
    return rules[0] if len(rules) == 1 else any_of(*rules)


def _problem(name: str, words: str, *paths: str) -> Step:
    return problem(
        name,
        f"States.Format('Endpoint ${{ProjectName}} {words}', {', '.join(paths)})",
        then="HasReason",
        tokens={"ProjectName": Ref("ProjectName")},
    )


def describe_endpoint(name: str, at: str = SEEN, caught: Sequence[State] | None = None) -> Step:
    return task(
        name,
        "aws-sdk:sagemaker:describeEndpoint",
        {"EndpointName": "${ProjectName}"},
        grants=[allow("DescribeEndpoint", [sagemaker.DescribeEndpoint], [_ARN])],
        tokens={"ProjectName": Ref("ProjectName")},
        at=at,
        caught=caught,
    )


def _change(
    name: str,
    action: Action,
    fields: State,
    *,
    more: Sequence[Statement] = (),
    caught: Sequence[State] | None = None,
    then: Way = None,
) -> Step:
    """Create or update. Both need the ARNs of the endpoint and of its configuration.

    The update does not set RetainAllVariantProperties: it would keep the old instance count, and
    the count of this endpoint is a parameter of the stack. Set it when you add autoscaling, or
    each deployment puts the count back (UpdateEndpoint, SageMaker API Reference).
    """
    return task(
        name,
        f"sagemaker:{name[0].lower()}{name[1:]}",
        {"EndpointName": "${ProjectName}", "EndpointConfigName.$": "$.name", **fields},
        grants=[allow(name, [action], [_ARN, version_arns("endpoint-config")]), *more],
        tokens={"ProjectName": Ref("ProjectName")},
        at="$.change",
        caught=caught,
        passing=[UNSEEN.format("endpoint configuration")],
        then=then,
    )
