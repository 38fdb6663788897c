"""Drift: does it ask for a training, at the one door (training/door.py)?"""

from troposphere.stepfunctions import StateMachine

from templates.workflows.drift.basis import LAST, VERSION
from templates.workflows.drift.found import ASKED, FINDINGS
from templates.workflows.hand_over import BEGUN_BEFORE
from templates.workflows.language import (
    EXPLAIN,
    Step,
    all_of,
    catch,
    choose,
    equals,
    put,
    task,
    when,
)
from templates.workflows.settings import DriftSettings
from templates.workflows.training.triggers import start_training


def ask_for_training(settings: DriftSettings, training: StateMachine) -> Step:
    """The job decides whether that is due. Two looks that have begun at the same file, as of a
    schedule that fired twice, ask for one training: the second finds the name taken, as a call does
    whose answer was lost (StartExecution, AWS Step Functions API Reference)."""
    due, wanted = equals(f"{FINDINGS}.retrain", True), equals(settings.retrain.path, "yes")
    looked_at = f"States.Format('{{}} {{}}', {VERSION}, {LAST}.key)"
    ask = task(
        "AskForTraining",
        "states:startExecution",
        {
            "StateMachineArn": "${TrainingWorkflow}",
            "Name.$": f"States.Format('drift-{{}}', States.Hash({looked_at}, 'SHA-256'))",
            "Input": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                "trigger": {
                    "kind": "drift",
                    "by.$": f"{FINDINGS}.uri",
                    "id.$": "$$.Execution.Name",
                },
            },
        },
        grants=[start_training(training)],
        tokens={"TrainingWorkflow": training.ref()},
        at="$.training",
        caught=[catch(None, error=BEGUN_BEFORE, at="$.training"), catch(EXPLAIN)],
    )
    why = f"{FINDINGS}.why"
    return choose(
        "IsTrainingWanted",
        when(
            all_of(due, wanted),
            [
                ask,
                put("BeginCooldown", f"{LAST}.since", "$$.State.EnteredTime"),
                _say("Asked", f"States.Format('A training was asked for: {{}}', {why})"),
            ],
        ),
        when(due, [_say("NotWanted", "No training was asked for: RetrainOnDrift is no")]),
        otherwise=[_say("NotDue", f"States.Format('No training was asked for: {{}}', {why})")],
    )


def _say(name: str, words: str) -> Step:
    return put(f"Say{name}", ASKED, {"words.$" if words.startswith("States.") else "words": words})
