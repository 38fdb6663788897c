"""Approval, last part: an approved version is deployed, unless it serves; of the rest somebody is
told."""

from troposphere.kms import Key
from troposphere.sns import Topic
from troposphere.stepfunctions import StateMachine

from templates.kit.iam import arn
from templates.workflows.approval.decision import BY, WHY
from templates.workflows.approval.question import DECISION
from templates.workflows.deployment.endpoint import describe_endpoint, endpoint_is
from templates.workflows.failure import not_told, notify
from templates.workflows.hand_over import follow_deployment
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    EXPLAIN,
    Step,
    all_of,
    catch,
    choose,
    compares,
    end,
    equals,
    matches,
    present,
    put,
    task,
    when,
)

_SERVING, _RUN = "$.serving", "$.run"
_SERVES = f"{_SERVING}.EndpointConfigName"
_THEN = "$.then"
_AGAIN = (
    "start the deployment workflow with the input of its deployment, and another name in it "
    "(docs/runbook.md, Go back to an older model)"
)


def find_serving() -> list[Step]:
    """What the endpoint serves, if there is one."""
    cause = f"{_SERVING}.Cause"
    absent = choose(
        "IsNothingServed",
        when(all_of(present(cause), matches(cause, "*Could not find endpoint*"))),
        otherwise=[put("KeepServingError", "$.error", _SERVING, then=EXPLAIN)],
    )
    return [
        describe_endpoint(
            "FindServing",
            at=_SERVING,
            caught=[
                catch([absent], error="SageMaker.SageMakerException", at=_SERVING),
                catch(EXPLAIN),
            ],
        )
    ]


def tell_of_the_rest(topic: Topic, key: Key, deployment: StateMachine) -> list[Step]:
    """Go on with what is approved and not served yet."""
    approved = equals(f"{DECISION}.status", "Approved")
    serves = all_of(
        present(_SERVES),
        compares(_SERVES, "StringEqualsPath", VERSION_NAME),
        endpoint_is("InService", at=_SERVING),
    )
    return [
        choose(
            "WhatIsDecided",
            when(
                all_of(approved, serves),
                [
                    notify(
                        "TellServes",
                        "${ProjectName}: a model was approved that is served",
                        f"States.Format('{{}} was approved by {{}}, and the endpoint serves it "
                        f"already: nothing was done', {VERSION_NAME}, {BY})",
                        topic,
                        key,
                        then="Serves",
                    ),
                    end("Serves"),
                ],
            ),
            when(approved),
            otherwise=_tell_rejected(topic, key, deployment),
        )
    ]


def _tell_rejected(topic: Topic, key: Key, deployment: StateMachine) -> list[Step]:
    """A rejection changes nothing that serves or is under way."""
    name = deployment.get_att("Name")
    prefix = arn("states", "execution:${Workflow}:", Workflow=name)
    itself = all_of(present(_SERVES), compares(_SERVES, "StringEqualsPath", VERSION_NAME))
    rejected = (
        f"States.Format('{{}} was rejected by {{}} ({{}}). {{}}', {VERSION_NAME}, {BY}, {WHY}, "
        f"{_THEN}.words)"
    )
    under_way = all_of(present(f"{_RUN}.status"), equals(f"{_RUN}.status", "RUNNING"))
    return [
        task(
            "FindItsDeployment",
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn.$": f"States.Format('${{Deployments}}{{}}', {VERSION_NAME})"},
            grants=[follow_deployment(deployment)],
            tokens={"Deployments": prefix},
            at=_RUN,
            select={"status.$": "$.Status", "arn.$": "$.ExecutionArn"},
            caught=[catch("WhatServes", at=_RUN)],
        ),
        choose(
            "WhatServes",
            when(
                under_way,
                [
                    _say(
                        "SayUnderWay",
                        "Its deployment had begun and goes on; if it is not to serve, stop {}, or "
                        "go back afterwards (docs/runbook.md, Go back to an older model)",
                        f"{_RUN}.arn",
                    )
                ],
            ),
            when(
                itself,
                [
                    _say(
                        "SayItServes",
                        "The endpoint serves {} and goes on serving it: to go back to another "
                        "version, see docs/runbook.md, Go back to an older model",
                        _SERVES,
                    )
                ],
            ),
            when(
                present(_SERVES),
                [_say("SayAnotherServes", "The endpoint goes on serving {}", _SERVES)],
            ),
            otherwise=[_say("SayNothingServes", "{} was not deployed", VERSION_NAME)],
        ),
        notify(
            "TellRejected",
            "${ProjectName}: a model was rejected",
            rejected,
            topic,
            key,
            then="Rejected",
            untold=[not_told("SayRejected", rejected)],
        ),
        end("Rejected"),
    ]


def _say(name: str, words: str, path: str) -> Step:
    return put(name, _THEN, {"words.$": f"States.Format('{words}', {path})"})


def tell_begun_before(topic: Topic, key: Key) -> list[Step]:
    """An execution's name is free again after 90 days (StartExecution, Step Functions API
    Reference)."""
    return [
        notify(
            "TellBegunBefore",
            "${ProjectName}: a model was approved that was deployed before",
            f"States.Format('{{}} was approved by {{}}, and a deployment of it was begun before: "
            f"nothing more was done. If that one has ended and the endpoint serves another "
            f"version, {_AGAIN}', {VERSION_NAME}, {BY})",
            topic,
            key,
            then="BegunBefore",
        ),
        end("BegunBefore"),
    ]
