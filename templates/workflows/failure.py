"""How a run fails: with what, told to whom, in words a person can read."""

from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import Ref, StackName
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.console import EXECUTIONS, console_page
from templates.kit.grants import publish
from templates.parts.notifications import NOT_TOLD
from templates.workflows.language import (
    EXPLAIN,
    NOTIFY,
    Step,
    Way,
    all_of,
    catch,
    check,
    choose,
    compares,
    equals,
    fail,
    matches,
    present,
    put,
    task,
    when,
)

# The end of a failed run. Who leads here has told somebody, or knows that somebody was told
FAILED = "Failed"
# What a run is about, and in a person's words: which commit, who asked for it, how good it is
ABOUT = "$.about"
ABOUT_WORDS = f"{ABOUT}.words"
RUN = "States.Format('Run {}', $$.Execution.Name)"
_ERROR, _NAME, _CAUSE = "$.error", "$.error.Error", "$.error.Cause"


def failure(
    subject: str,
    topic: Topic,
    key: Key,
    after: Sequence[Step] = (),
    about: str = "States.Format('Commit {}', $.commit)",
) -> list[Step]:
    """The end of every run that fails, entered at EXPLAIN with a caught error, or at NOTIFY with
    one of our own. `after` is what remains to be done once everybody was told. What ends a run on
    no such way is told by a rule (notifications.py). `about` begins the notice.

    Where the notice itself fails, the run ends as NOT_TOLD, which the rule hears: the error's own
    name and words are its cause.

    Names that begin with `States.` are reserved: a Fail state may not give them (Error
    representation, Amazon States Language). The rule knows by them what was not told here.
    """
    end = after[0].name if after else FAILED
    not_told = {
        "Error": NOT_TOLD,
        "Cause.$": f"States.Format('{{}}: {{}}', {_NAME}, {_CAUSE})",
    }
    bare = {
        "Error.$": f"States.ArrayGetItem(States.StringSplit({_NAME}, '.'), 1)",
        "Cause.$": _CAUSE,
    }
    return [
        *say_cause(EXPLAIN, "AddCause", "AddTimeoutCause"),
        choose(
            "IsReserved",
            when(matches(_NAME, "States.*"), [put("DropPrefix", _ERROR, bare)]),
            otherwise=NOTIFY,
        ),
        notify(
            NOTIFY,
            subject,
            f"States.Format('{{}}: {{}}: {{}}', {about}, {_NAME}, {_CAUSE})",
            topic,
            key,
            then=end,
            untold=[put("SayNotTold", _ERROR, not_told, then=end)],
        ),
        *after,
        fail(FAILED),
    ]


def say_cause(question: str, unknown: str, too_late: str) -> list[Step]:
    """An error has a cause from here on. A timeout is caught without one, and others may be, or
    with an empty one; whoever reads it then ends the run on the spot, and tells nobody."""
    said = all_of(
        present(_CAUSE),
        compares(_CAUSE, "IsString", True),
        {"Not": equals(_CAUSE, "")},
    )
    timeout = "A step took longer than it may: the last one in the history of the execution"
    nothing = "No cause was given: see the last step in the history of the execution"
    return [
        choose(
            question,
            when(said),
            when(equals(_NAME, "States.Timeout"), [_restate(too_late, timeout)]),
            otherwise=[_restate(unknown, nothing)],
        )
    ]


def _restate(name: str, cause: str) -> Step:
    return put(name, _ERROR, {"Error.$": _NAME, "Cause": cause})


def notify(
    name: str,
    subject: str,
    message: str,
    topic: Topic,
    key: Key,
    *,
    then: Way,
    untold: Way | None = None,
    tokens: Mapping[str, Any] | None = None,
    run: str = "make status",
) -> Step:
    """Tell the topic what happened, what to run next, and where to look. Whatever becomes of the
    message, the run goes on the same way, unless there is one for what is `untold`.

    `subject` is at most 100 characters of ASCII; `message` is a States.Format call.
    """
    command = f"{run} STACK=${{StackName}} REGION=${{Region}}"
    look = (
        f"States.Format('{{}} | Run {command} | Look at ${{ExecutionPage}}{{}}', {message}, "
        "$$.Execution.Id)"
    )
    return task(
        name,
        "sns:publish",
        {"TopicArn": "${Topic}", "Subject": subject, "Message.$": look},
        grants=publish(topic, key),
        tokens={
            "Topic": topic.ref(),
            "ProjectName": Ref("ProjectName"),
            "StackName": StackName,
            "Region": Ref("AWS::Region"),
            "ExecutionPage": console_page(EXECUTIONS),
            **(tokens or {}),
        },
        at="$.notification",
        caught=[catch(untold or then, at="$.notification")],
        then=then,
    )


def not_told(name: str, words: str) -> Step:
    """Where a notice failed without which nobody knows: the rule tells its `words`, which are a
    States.Format call."""
    return put(name, _ERROR, {"Error": NOT_TOLD, "Cause.$": words}, then=FAILED)


def problem(
    name: str,
    cause: str,
    error: str = "",
    then: Way = NOTIFY,
    tokens: Mapping[str, Any] | None = None,
) -> Step:
    """State a failure of our own. Its name is `error`, else the step's; `cause` is text, or a
    States.Format call."""
    key = "Cause.$" if cause.startswith("States.") else "Cause"
    return put(name, _ERROR, {"Error": error or name, key: cause}, then=then, tokens=tokens)


def say_about(name: str, words: str, then: Way = None) -> Step:
    """What a run is about; `words` is a States.Format call."""
    return put(name, ABOUT, {"words.$": words}, then=then)


def check_input(needed: tuple[str, ...], hint: str = "", unknown: Step | None = None) -> Step:
    """Only an input with all that is needed; else the run says what is missing, and its notice
    names the run by a step, `unknown` or the one here."""
    missing = f"The input must have {', '.join(needed)}{hint}"
    return check(
        "CheckInput",
        all_of(*(present(f"$.{name}") for name in needed)),
        # It may lack the commit too, which whoever is told would know it by
        otherwise=[
            problem("RefuseInput", missing, "InvalidInput", then=None),
            unknown or put("NameUnknownCommit", "$.commit", "$$.Execution.Name", then=NOTIFY),
        ],
    )


def read_cause(question: str, name: str, field: str, at: str) -> list[Step]:
    """Where what a `.sync` task waited for has failed by itself, the cause is its description: a
    JSON text that has this `field`. It is put at a path, under `description`; any other cause is
    explained as it is."""
    described = all_of(
        equals(_NAME, "States.TaskFailed"),
        present(_CAUSE),
        matches(_CAUSE, f'{{*"{field}"*}}'),
    )
    return [
        check(
            question,
            described,
            otherwise=EXPLAIN,
            comment="The cause of what failed by itself is its description, as JSON",
        ),
        put(name, at, {"description.$": f"States.StringToJson({_CAUSE})"}),
    ]
