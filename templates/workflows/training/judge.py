"""Training: the gate. Is the candidate good enough, and as good as what serves? And which of the
commit's two images serves it?"""

from troposphere.kms import Key
from troposphere.sns import Topic

from templates.workflows.failure import ABOUT_WORDS, notify, problem, say_about
from templates.workflows.hand_over import IMAGE
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    ChoiceRule,
    Step,
    Way,
    all_of,
    any_of,
    choose,
    compares,
    equals,
    present,
    put,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.champion import (
    CHAMPION_BACK_FROM,
    CHAMPION_NAME,
    NO_CHAMPION,
)
from templates.workflows.training.evaluate import EVALUATION

# May it serve; why, in a person's words; and how it is registered (ModelApprovalStatus)
STATUS, WORDS, APPROVAL = "$.verdict.status", "$.verdict.words", "$.verdict.approval"
REFUSED, FORCED = "refused", "forced"
# What decides. Both are there whatever became of summary.json, the first maybe as null
ACCURACY, OUTCOME = f"{EVALUATION}.accuracy", f"{EVALUATION}.comparison.outcome"
# Who wants the model whatever it is like, and why
FORCED_BY, FORCED_BECAUSE = "$.force.by", "$.force.reason"

_DIFFERENCE, _LIMIT = f"{EVALUATION}.comparison.difference", "$.limit"
_ALONE, _COMPARED = f"{EVALUATION}.words", f"{EVALUATION}.comparison.words"


def judge(settings: TrainingSettings) -> list[Step]:
    """Only what was measured, reaches the minimum, and is worse than what serves by the tolerance
    at most. What cannot be held against it is judged by the minimum alone. What solves another
    task is refused: whoever asks the endpoint would have no answer any more."""
    minimum, tolerance = settings.minimum_accuracy.path, settings.accuracy_tolerance.path
    enough = all_of(
        compares(ACCURACY, "NumericGreaterThanEqualsPath", minimum),
        compares(ACCURACY, "NumericLessThanEquals", 1),
    )
    compared = all_of(
        equals(OUTCOME, "compared"),
        present(_DIFFERENCE),
        compares(_DIFFERENCE, "IsNumeric", True),
    )
    as_good = compares(_DIFFERENCE, "NumericGreaterThanEqualsPath", f"{_LIMIT}.difference")
    return [
        _lay_limit(settings),
        choose(
            "Judge",
            when(
                {"Not": compares(ACCURACY, "IsNumeric", True)},
                _refuse("Unmeasured", "no accuracy was measured: {}", _ALONE),
            ),
            when(
                {"Not": enough},
                _refuse("TooLow", "{}: it must be from {} (MinimumAccuracy) to 1", _ALONE, minimum),
            ),
            when(
                all_of(compared, as_good),
                _accept("AsGood", "{} (a loss of {} is tolerated)", _COMPARED, tolerance),
            ),
            when(
                compared,
                _refuse(
                    "Worse", "{} (a loss of more than {} is not tolerated)", _COMPARED, tolerance
                ),
            ),
            when(
                any_of(
                    # Said by the program, which can be another, and found by the story
                    all_of(_outcome_is("none"), equals(CHAMPION_NAME, NO_CHAMPION)),
                    _outcome_is("unscorable"),
                ),
                _accept("Alone", "{} (the minimum is {}); {}", _ALONE, minimum, _COMPARED),
            ),
            when(
                _outcome_is("other-inputs", "other-classes"),
                _refuse("OtherTask", "it solves another task: {}", _COMPARED),
            ),
            otherwise=_refuse("Uncompared", "no comparison with what serves: {}", _COMPARED),
            comment="What is missing, or no number, is refused",
        ),
        _tell_of_rollback(),
        _force(),
    ]


def _lay_limit(settings: TrainingSettings) -> Step:
    """Nothing subtracts in Amazon States Language, so the limit is made of the parameter's text."""
    tolerance = settings.accuracy_tolerance.parameter
    limit = {"difference.$": f"States.StringToJson('-${{{tolerance.title}}}')"}
    return put("LayLimit", _LIMIT, limit, tokens={tolerance.title: tolerance.ref()})


def _outcome_is(*outcomes: str) -> ChoiceRule:
    return any_of(*(equals(OUTCOME, outcome) for outcome in outcomes))


def _accept(name: str, words: str, *values: str) -> Way:
    return _lay(f"Accept{name}", "accepted", words, values, "Approved")


def _refuse(name: str, words: str, *values: str) -> Way:
    return _lay(f"Refuse{name}", REFUSED, words, values, "Rejected")


def _lay(name: str, status: str, words: str, values: tuple[str, ...], approval: str) -> list[Step]:
    sentence = f"States.Format('{words}', {', '.join(values)})"
    return [put(name, "$.verdict", {"status": status, "words.$": sentence, "approval": approval})]


def _tell_of_rollback() -> Step:
    """Who reads the verdict may not know that an older version serves again."""
    words = (
        "States.Format('{}. The endpoint serves {}, to which it was taken back from {}', "
        f"{WORDS}, {CHAMPION_NAME}, {CHAMPION_BACK_FROM})"
    )
    told = {"status.$": STATUS, "words.$": words, "approval.$": APPROVAL}
    return choose(
        "IsAfterRollback",
        when(present(CHAMPION_BACK_FROM), [put("TellOfRollback", "$.verdict", told)]),
        otherwise=None,
    )


def _force() -> Step:
    """What was refused, and somebody wants; an empty reason is none."""
    asked = compares(FORCED_BECAUSE, "StringGreaterThan", "")
    words = "{}. All the same wanted by {}: {}"
    force = _lay("Force", FORCED, words, (WORDS, FORCED_BY, FORCED_BECAUSE), "Approved")
    return choose("IsForced", when(all_of(equals(STATUS, REFUSED), asked), force), otherwise=None)


def choose_image() -> Step:
    """The serving image has ONNX Runtime and no TensorFlow: it is for models that it answered for
    when they were evaluated. The training image can serve any model."""
    return choose(
        "ChooseImage",
        when(
            equals(f"{EVALUATION}.engine", "onnxruntime"),
            [put("UseServingImage", IMAGE, "$.servingImage")],
        ),
        otherwise=[put("UseTrainingImage", IMAGE, "$.trainingImage")],
    )


def obey(topic: Topic, key: Key) -> list[Step]:
    """Once it is registered: what was refused ends here, and what was forced is told of. All that
    is told later has the figures."""
    rejected = problem(
        "RejectModel",
        f"States.Format('{{}}. It is registered as Rejected; make report shows why, and make train "
        f'FORCE="the reason" lets one like it go on all the same\', {WORDS})',
        error="ModelRejected",
    )
    tell = notify(
        "TellForced",
        "${ProjectName}: a model goes on although it was refused",
        f"States.Format('{{}}: {{}}: {{}}', {ABOUT_WORDS}, {VERSION_NAME}, {WORDS})",
        topic,
        key,
        then=None,
        run="make report",
    )
    return [
        choose(
            "IsWanted",
            when(equals(STATUS, REFUSED), [rejected]),
            when(equals(STATUS, FORCED), [tell]),
            otherwise=None,
        ),
        say_about("AddFigures", f"States.Format('{{}}, {{}}', {ABOUT_WORDS}, {WORDS})"),
    ]
