"""Deployment: an older model does not take the place of a newer one.

The order is that in which the trainings were started. What a person deploys by hand was asked for
when its turn has come, so that it is newer than all that was deployed before it.
"""

from awacs import sagemaker
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.iam import allow, arn
from templates.kit.names import version_arns
from templates.workflows.deployment.rollout import is_rollback
from templates.workflows.deployment.serving import SERVING_NAME, serves_something
from templates.workflows.deployment.version import (
    ASKED_AT,
    ASKED_AT_TAG,
    SERVED_TAG,
    UNCHECKED,
    WITHDRAWN,
    mark_as,
)
from templates.workflows.failure import notify
from templates.workflows.language import (
    Below,
    ChoiceRule,
    Step,
    all_of,
    catch,
    check,
    choose,
    compares,
    end,
    equals,
    present,
    put,
    task,
    when,
)

# What the training workflow adds to the input
TRAINING = "training"

_AGE = "$.age"


def refuse_older(summarize: Step, topic: Topic, key: Key) -> list[Step]:
    """Go on, unless the endpoint serves what was asked for later; then say so, and end well.

    Where nothing tells the age of what serves, there is nothing to keep: the version is deployed.
    """
    serving_asked_at = f"{_AGE}.askedAt[0]"
    superseded = notify(
        "TellSuperseded",
        "${ProjectName}: a model was not deployed, a newer one serves",
        "States.Format('{} was not deployed: the endpoint serves {}, which was asked for later "
        "({}, not {}). To deploy the older one all the same: make rollback TO={}', "
        f"$.name, {SERVING_NAME}, {serving_asked_at}, {ASKED_AT}, $.name)",
        topic,
        key,
        then=summarize.name,
    )
    older = all_of(
        present(serving_asked_at),
        compares(ASKED_AT, "TimestampLessThanPath", serving_asked_at),
    )
    served = f"{_AGE}.served[0]"
    model = f"States.Format('${{Models}}/{{}}', {SERVING_NAME})"
    models = {"Models": arn("sagemaker", "model")}
    mark = mark_as(
        UNCHECKED,
        "MarkServing",
        model,
        otherwise="IsOlder",
        at="$.marked",
        tokens=models,
        then=Below("IsServingKnown"),
    )

    def said(word: str) -> ChoiceRule:
        return all_of(present(served), equals(served, word))

    return [
        *_find_age(),
        # Who goes back wants what is older
        check(
            "HasServing",
            all_of(serves_something(), {"Not": is_rollback()}),
            otherwise=Below("IsOlder"),
        ),
        task(
            "ReadAge",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": model},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            tokens=models,
            at=_AGE,
            select={
                "askedAt.$": f"$.Tags[?(@.Key == '{ASKED_AT_TAG}')].Value",
                "served.$": f"$.Tags[?(@.Key == '{SERVED_TAG}')].Value",
            },
            caught=[catch(None, at=_AGE)],
        ),
        choose(
            "IsServingKnown",
            # A bad one stands in no better one's way, however late it was asked for
            when(said(WITHDRAWN), Below("IsOlder")),
            # Whoever brought it has not seen how it serves: it is kept, and no rollback of its own
            # choice comes to it
            when(said("no"), [mark]),
            otherwise=None,
        ),
        choose("IsOlder", when(older, [superseded, summarize, end("Superseded")]), otherwise=None),
    ]


def _find_age() -> list[Step]:
    """The training's word counts for the version that it made only: who goes back to an older
    version gives another name to the same input."""
    given = f"$$.Execution.Input.{TRAINING}"
    by_training = all_of(
        present(f"{given}.startedAt"),
        present(f"{given}.name"),
        compares(f"{given}.name", "StringEqualsPath", "$.name"),
    )
    return [
        choose(
            "IsOfTraining",
            when(by_training, [put("TakeItsAge", ASKED_AT, f"{given}.startedAt")]),
            otherwise=[put("AskNow", ASKED_AT, "$$.State.EnteredTime")],
        )
    ]
