"""Deployment: a version that gives wrong answers does not stay.

While the update is under way SageMaker takes it back, as the alarm of wrong answers rings. When it
is over, or nothing watches it, the story itself goes back to the configuration that served before,
at once and without a guard: what it goes back to has served well.
"""

from awacs import sagemaker
from troposphere import Ref

from templates.kit.iam import allow, arn
from templates.kit.names import version_arns
from templates.parts.alarms import WRONG_ANSWERS
from templates.workflows.deployment.endpoint import (
    BUSY,
    SEEN,
    describe_endpoint,
    endpoint_is,
)
from templates.workflows.deployment.golden import WRONG, ask_once_more, has_to_be_asked
from templates.workflows.deployment.serving import (
    SERVING_NAME,
    describe_config,
    serves_something,
)
from templates.workflows.deployment.version import (
    WITHDRAWN,
    mark_as,
)
from templates.workflows.failure import problem, say_cause
from templates.workflows.language import (
    COUNT,
    FIRST_LOOK,
    LONG,
    NOTIFY,
    Step,
    Way,
    all_of,
    catch,
    check,
    choose,
    compares,
    matches,
    may_look,
    present,
    put,
    task,
    wait_until,
    when,
)

_CAUSE, _STATUS, _CONFIG = f"{WRONG}.Cause", f"{SEEN}.EndpointStatus", f"{SEEN}.EndpointConfigName"
_WITHDRAW = "WithdrawWrong"


def rolled_back_if_wrong() -> Step:
    """Where an update went back: since an answer was wrong?"""
    told = _tell(
        "SayRolledBack",
        "SageMaker has taken the update back: the endpoint serves {} again",
        "$.now.name",
    )
    return choose("WasWrong", when(present(WRONG), [told]), otherwise=None)


def go_back_if_wrong() -> Step:
    """Where the version serves: it is asked once more, and has to go if an answer was wrong."""
    return choose(
        "IsWrong",
        when(present(WRONG), _go_back()),
        when(has_to_be_asked(), ask_once_more()),
        otherwise=None,
    )


def _go_back() -> list[Step]:
    """To the version's own configuration: that which served may be one of Application Auto
    Scaling's, with the same model (serving.py)."""
    went_back = _tell(
        "SayWentBack", "The endpoint has gone back to {}, which serves again", SERVING_NAME
    )
    first = _tell(
        "SayNothingBefore",
        "Nothing served before, so the endpoint ${ProjectName} goes on with {}: deploy a better "
        "version, or delete the endpoint",
        "$.name",
        then=[_withdraw()],
    )
    not_begun = _tell(
        "SayNotGoneBack",
        "Going back to {} failed too: {}. The endpoint ${ProjectName} goes on with {}: deploy a "
        "better version",
        SERVING_NAME,
        "$.error.Cause",
        "$.name",
    )
    stuck = _tell(
        "SayStuck",
        "Going back to {} failed too: the endpoint ${ProjectName} is {} with {} and needs a person",
        SERVING_NAME,
        _STATUS,
        _CONFIG,
    )
    look_behind = describe_config("LookBehindOld", _CONFIG, "$.now", [stuck])
    is_old = compares("$.now.name", "StringEqualsPath", SERVING_NAME)
    cause = "$.error.Cause"
    busy = all_of(present(cause), matches(cause, "*Cannot update in-progress*"), may_look(LONG))
    # AWS may have begun a change of its own
    wait_for_it = choose(
        "IsBusyWithItself",
        when(busy, "WaitToGoBack"),
        otherwise=[*say_cause("HasReasonNotToGo", "AddUnknownReason", "AddLate"), not_begun],
    )
    return [
        check("HasServedBefore", serves_something(), otherwise=[first]),
        put("CountFromNow", COUNT, FIRST_LOOK),
        *wait_until(
            describe_endpoint("FindWrong"),
            "MayGoBack",
            when(endpoint_is("InService")),
            wait_name="WaitToGoBack",
            count_name="CountToGoBack",
            busy=endpoint_is(*BUSY),
            too_long=stuck.name,
            otherwise=stuck.name,
            looks=LONG,
        ),
        task(
            "GoBack",
            "aws-sdk:sagemaker:updateEndpoint",
            {
                "EndpointName": "${ProjectName}",
                "EndpointConfigName.$": SERVING_NAME,
                "RetainAllVariantProperties.$": "$.retain.instances",
            },
            grants=[
                allow(
                    "UpdateEndpoint",
                    [sagemaker.UpdateEndpoint],
                    [arn("sagemaker", "endpoint/${ProjectName}"), version_arns("endpoint-config")],
                )
            ],
            tokens={"ProjectName": Ref("ProjectName")},
            at="$.change",
            caught=[catch([wait_for_it])],
        ),
        *wait_until(
            describe_endpoint("CheckOldVersion"),
            "IsBack",
            when(
                endpoint_is("InService"),
                [look_behind, choose("IsOld", when(is_old, [went_back]), otherwise=stuck.name)],
            ),
            start_name="StartGoingBack",
            wait_name="WaitForOldVersion",
            count_name="CountOldVersion",
            busy=endpoint_is(*BUSY),
            too_long=stuck.name,
            otherwise=stuck.name,
            looks=LONG,
        ),
    ]


def _withdraw() -> Step:
    """What has answered wrongly is nothing to go back to, even if it has to stay, or has served
    well before: it does not count among those that are kept, and is removed with the next
    deployment. If that cannot be noted, the run fails all the same with what it has to tell."""
    return mark_as(
        WITHDRAWN,
        _WITHDRAW,
        "States.Format('${Models}/{}', $.name)",
        otherwise=NOTIFY,
        at="$.noted",
        tokens={"Models": arn("sagemaker", "model")},
        then=NOTIFY,
    )


def _tell(name: str, words: str, *values: str, then: Way = _WITHDRAW) -> Step:
    """Why the run fails: the wrong answer, and what serves now."""
    return problem(
        name,
        f"States.Format('{{}}. {words}', {', '.join((_CAUSE, *values))})",
        error=WRONG_ANSWERS,
        then=then,
        tokens={"ProjectName": Ref("ProjectName")} if "${" in words else None,
    )
