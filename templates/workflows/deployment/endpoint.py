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
from templates.workflows.deployment.scaling import let_go
from templates.workflows.deployment.version import TAGS, UNSEEN
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    LONG,
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

STAYED_BUSY = "EndpointStayedBusy"
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_ARN = arn("sagemaker", "endpoint/${ProjectName}")
SEEN, _LOOKUP = "$.endpoint", "$.lookup"
_STATUS, _REASON = f"{SEEN}.EndpointStatus", f"{SEEN}.FailureReason"


def bring_to_endpoint(plan: Sequence[Step]) -> list[Step]:
    """Create the endpoint, or update it as soon as it is free, as `plan` decides then; one that
    failed is replaced."""
    cause = "$.error.Cause"
    # AWS may have begun a change of its own since the endpoint was found
    busy_again = choose(
        "IsBusyAgain",
        when(
            all_of(present(cause), matches(cause, "*Cannot update in-progress*"), may_look(LONG)),
            "WaitForEndpoint",
        ),
        otherwise=EXPLAIN,
    )
    delete = task(
        "DeleteEndpoint",
        "aws-sdk:sagemaker:deleteEndpoint",
        {"EndpointName": "${ProjectName}"},
        grants=[allow("DeleteEndpoint", [sagemaker.DeleteEndpoint], [_ARN])],
        tokens={"ProjectName": Ref("ProjectName")},
        at="$.change",
        then="WaitForEndpoint",
    )
    return [
        *wait_until(
            describe_endpoint(
                "FindEndpoint",
                caught=[
                    catch([_is_absent()], error="SageMaker.SageMakerException", at=_LOOKUP),
                    catch(EXPLAIN),
                ],
            ),
            "ChooseAction",
            when(endpoint_is("InService")),
            # A Failed endpoint cannot be updated, only replaced; it serves nobody. One that stays
            # Failed however often it is deleted needs a person
            when(all_of(endpoint_is("Failed"), may_look()), [let_go("LetScalingGo"), delete]),
            wait_name="WaitForEndpoint",
            count_name="CountLook",
            busy=endpoint_is(*BUSY),
            too_long=STAYED_BUSY,
            otherwise="EndpointUnusable",
            looks=LONG,
        ),
        *plan,
        choose(
            "IsWatchedUpdate",
            when(
                present("$.rollout.config"),
                [
                    _update(
                        "UpdateWatched",
                        {"DeploymentConfig.$": "$.rollout.config"},
                        [catch([busy_again])],
                    )
                ],
            ),
            otherwise=[_update("Update", {}, [catch(busy_again.name)])],
        ),
    ]


def _update(name: str, fields: State, caught: Sequence[State]) -> Step:
    """With scaling the number of instances is what scaling made of it; without, the parameter's
    (UpdateEndpoint, RetainAllVariantProperties, SageMaker API Reference). An SDK integration, as
    the optimized one knows the two names only (Manage SageMaker AI jobs, Step Functions Developer
    Guide)."""
    return _change(
        name,
        "aws-sdk:sagemaker:updateEndpoint",
        sagemaker.UpdateEndpoint,
        {"RetainAllVariantProperties.$": "$.retain.instances", **fields},
        caught=caught,
        then=Below("IsWatchedUpdate"),
    )


def _is_absent() -> Step:
    cause = f"{_LOOKUP}.Cause"
    create = _change(
        "CreateEndpoint",
        "sagemaker:createEndpoint",
        sagemaker.CreateEndpoint,
        {"Tags": TAGS},
        more=[allow("TagEndpoint", [sagemaker.AddTags], [_ARN])],
        then=Below("IsWatchedUpdate"),
    )
    plain = put(
        "NoRollout", "$.rollout", {"type": "none", "why": "the first version"}, then=create.name
    )
    return choose(
        "IsAbsent",
        when(all_of(present(cause), matches(cause, "*Could not find endpoint*")), [plain, create]),
        otherwise=[put("KeepLookupError", "$.error", _LOOKUP, then=EXPLAIN)],
    )


def verify(ask: Sequence[Step], look_behind: Step, taken_back: Sequence[Step]) -> list[Step]:
    """Does the version serve? InService is not enough: an update that fails goes back to the old
    configuration and says InService. Which model serves is seen by looking behind the endpoint's
    configuration; `ask` is done at each look, and `taken_back` tells of an update that went back.
    """
    ours = compares("$.now.name", "StringEqualsPath", "$.name")
    check_ours = choose("IsOurs", when(ours, Below("Verify")), otherwise=taken_back)
    *look, verdict = wait_until(
        describe_endpoint("CheckEndpoint"),
        "Verify",
        when(endpoint_is("InService"), [look_behind, check_ours]),
        when(
            endpoint_is("Failed"),
            [_problem("EndpointFailed", "could not be created with {}", "$.name")],
        ),
        start_name="StartWaiting",
        wait_name="WaitForVersion",
        count_name="CountCheck",
        busy=endpoint_is(*BUSY),
        too_long=STAYED_BUSY,
        otherwise="EndpointUnusable",
        looks=LONG,
        comment="A failed update ends InService too, with the old configuration",
    )
    return [*look, *ask, verdict]


def rolled_back(look_at_alarms: Step) -> list[Step]:
    """Why SageMaker went back: it says so in words or in none, so the alarms are asked."""
    rang = "$.rang.names"
    by_alarms = _problem(
        "RolledBackByAlarms",
        "serves {} again: the update to {} was taken back, since these alarms rang: {}",
        "$.now.name",
        "$.name",
        f"States.JsonToString({rang})",
        error="EndpointRolledBack",
    )
    return [
        look_at_alarms,
        choose(
            "DidAlarmsRing",
            when(all_of(present(f"{rang}[0]"), present("$.rollout.config")), [by_alarms]),
            otherwise=[
                _problem(
                    "EndpointRolledBack",
                    "serves {} again, the update to {} failed",
                    "$.now.name",
                    "$.name",
                )
            ],
        ),
    ]


def endpoint_problems() -> list[Step]:
    """What both waits may end with, and the endpoint's own reason, if it gives one."""
    said = f"States.Format('{{}}: {{}}', $.error.Cause, {_REASON})"
    with_reason = put(
        "AddReason", "$.error", {"Error.$": "$.error.Error", "Cause.$": said}, then=NOTIFY
    )
    return [
        _problem(STAYED_BUSY, "is still {} after nine hours", _STATUS),
        _problem("EndpointUnusable", "is {} and needs a person", _STATUS),
        choose("HasReason", when(present(_REASON), [with_reason]), otherwise=NOTIFY),
    ]


def endpoint_is(*statuses: str, at: str = SEEN) -> ChoiceRule:
    """The endpoint, as last seen, has one of these statuses."""
    rules = [equals(f"{at}.EndpointStatus", status) for status in statuses]
    return rules[0] if len(rules) == 1 else any_of(*rules)


def _problem(name: str, words: str, *paths: str, error: str = "") -> Step:
    return problem(
        name,
        f"States.Format('Endpoint ${{ProjectName}} {words}', {', '.join(paths)})",
        error=error or name,
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
    calls: str,
    action: Action,
    fields: State,
    *,
    more: Sequence[Statement] = (),
    caught: Sequence[State] | None = None,
    then: Way = None,
) -> Step:
    """Create or update. Both need the ARNs of the endpoint and of its configuration."""
    return task(
        name,
        calls,
        {"EndpointName": "${ProjectName}", "EndpointConfigName.$": "$.name", **fields},
        grants=[
            allow(str(action.action), [action], [_ARN, version_arns("endpoint-config")]),
            *more,
        ],
        tokens={"ProjectName": Ref("ProjectName")},
        at="$.change",
        caught=caught,
        passing=[UNSEEN.format("endpoint configuration")],
        then=then,
    )
