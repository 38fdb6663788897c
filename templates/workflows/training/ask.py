"""Training, where a person decides: what is good enough is registered as waiting, and somebody is
told of it. The run does not wait: another workflow does, and a decision starts a third one's work
(approval/story.py)."""

from awacs import states
from troposphere.kms import Key
from troposphere.sns import Topic
from troposphere.stepfunctions import StateMachine

from templates.kit.iam import allow
from templates.kit.names import RECORDS
from templates.parameters import Parameters
from templates.workflows.failure import ABOUT_WORDS, not_told, notify
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    Step,
    all_of,
    choose,
    end,
    equals,
    matches,
    put,
    task,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.evaluate import EVALUATION_URI
from templates.workflows.training.judge import APPROVAL, STATUS, WORDS
from templates.workflows.training.register import PACKAGE

_PENDING = "PendingManualApproval"
_WAITING = "$.waiting"


def want_approval(settings: TrainingSettings) -> Step:
    """Before it is registered: what is not refused waits, also what was forced."""
    manual = all_of(equals(APPROVAL, "Approved"), equals(settings.approval.path, "Manual"))
    verdict = {"status.$": STATUS, "words.$": WORDS, "approval": _PENDING}
    return choose(
        "NeedsApproval", when(manual, [put("Pend", "$.verdict", verdict)]), otherwise=None
    )


def ask_for_approval(
    parameters: Parameters, approval: StateMachine, topic: Topic, key: Key, summarize: Step
) -> Step:
    """Once it is registered: see to it that it expires, tell of it, and end."""
    tell = notify(
        "TellPending",
        "${ProjectName}: a model waits for approval",
        f"States.Format('{{}} waits for approval: {{}}. Its report is {{}}report.html. Approve or "
        f"reject it in the model registry of SageMaker, or run make approve or make reject, "
        f"STACK=${{StackName}} REGION=${{Region}} VERSION={{}} (make report shows the report). "
        f"What nobody decides about within ${{ApprovalDays}} days is rejected', {VERSION_NAME}, "
        f"{ABOUT_WORDS}, {EVALUATION_URI}, {VERSION_NAME})",
        topic,
        key,
        then=summarize.name,
        untold=[
            not_told("SayPending", f"States.Format('{{}} waits for approval', {VERSION_NAME})")
        ],
        tokens={parameters.approval_days.title: parameters.approval_days.ref()},
    )
    return choose(
        "IsPending",
        when(
            equals(APPROVAL, _PENDING),
            [
                choose(
                    "IsPackage",
                    when(matches(PACKAGE, "arn:*"), [_name_package()]),
                    otherwise=[_name_record()],
                ),
                _wait(approval),
                tell,
                summarize,
                end("WaitsForApproval"),
            ],
        ),
        otherwise=None,
    )


def _name_package() -> Step:
    return put("NamePackage", _WAITING, {"package.$": PACKAGE})


def _name_record() -> Step:
    return put(
        "NameRecord",
        _WAITING,
        {"record.$": f"States.Format('{RECORDS}{{}}.json', {VERSION_NAME})"},
    )


def _wait(approval: StateMachine) -> Step:
    """Under a name that is no version's, so that a rule hears of its end (notifications.py)."""
    return task(
        "WaitForDecision",
        "states:startExecution",
        {
            "StateMachineArn": "${ApprovalWorkflow}",
            "Name.$": f"States.Format('wait-{{}}', {VERSION_NAME})",
            "Input.$": _WAITING,
        },
        grants=[allow("StartWaiting", [states.StartExecution], [approval.ref()])],
        tokens={"ApprovalWorkflow": approval.ref()},
        at="$.waits",
    )
