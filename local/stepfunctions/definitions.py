"""Whether a definition is one that Step Functions takes: fields, transitions, paths, arguments.

Sources: Amazon States Language (states-language.net); Step Functions Developer Guide, "State
machine structure", "Handling errors", "Quotas"; the codes and places of what is wrong are those of
ValidateStateMachineDefinition. A template's state machines may be checked too, once their
substitutions are made.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.refusals import unsupported
from local.stepfunctions import expressions
from local.stepfunctions.arguments import faults as argument_faults
from local.stepfunctions.expressions import BadExpression
from local.stepfunctions.integrations import input_shape, refusal

MAX_NAME = 80  # characters of a state's name ("Quotas")
_IN_OUT = {"InputPath", "OutputPath"}
_GOES_ON = {"Next", "End"}
_RESULT = {"ResultPath", "ResultSelector"}
_TRIES = {"Retry", "Catch"}
_COMMON = {"Type", "Comment", "QueryLanguage"}
FIELDS = {
    "Pass": _IN_OUT | _GOES_ON | {"Result", "ResultPath", "Parameters", "Assign"},
    "Task": _IN_OUT
    | _GOES_ON
    | _RESULT
    | _TRIES
    | {"Resource", "Parameters", "TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds"}
    | {"HeartbeatSecondsPath", "Credentials", "Assign"},
    "Choice": _IN_OUT | {"Choices", "Default", "Assign"},
    "Wait": _IN_OUT | _GOES_ON | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Assign"},
    "Succeed": _IN_OUT,
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
    "Parallel": _IN_OUT | _GOES_ON | _RESULT | _TRIES | {"Branches", "Parameters", "Assign"},
    "Map": _IN_OUT
    | _GOES_ON
    | _RESULT
    | _TRIES
    | {"ItemProcessor", "Iterator", "ItemsPath", "ItemSelector", "Parameters", "MaxConcurrency"}
    | {"MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter", "Label", "Assign"}
    | {"ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage"}
    | {"ToleratedFailurePercentagePath"},
}
_ENDS = ("Succeed", "Fail", "Choice")  # these name no Next of their own
# How each field that reads from the data is read
_READS = {
    **dict.fromkeys(("InputPath", "OutputPath", "ItemsPath"), "path"),
    "ResultPath": "reference",
    **dict.fromkeys(("SecondsPath", "TimestampPath", "MaxConcurrencyPath"), "reference"),
    **dict.fromkeys(("TimeoutSecondsPath", "HeartbeatSecondsPath"), "reference"),
    **dict.fromkeys(("ErrorPath", "CausePath"), "value"),
}
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Assign")
_ONE_OF = {
    "Wait": ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
    "Map": ("ItemProcessor", "Iterator"),
}
_RETRY = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"} | {
    "JitterStrategy",
    "Comment",
}
_CATCH = {"ErrorEquals", "Next", "ResultPath", "Assign", "Comment"}
_KINDS = {"String": str, "Numeric": (int, float), "Boolean": bool, "Timestamp": str}
_COMPARISON = re.compile(
    r"(?P<kind>String|Numeric|Timestamp)(Equals|LessThan|GreaterThan|LessThanEquals|"
    r"GreaterThanEquals)(?P<path>Path)?|(?P<bool>Boolean)Equals(?P<boolpath>Path)?"
    r"|(?P<matches>StringMatches)|(?P<is>Is(Null|Present|Numeric|String|Boolean|Timestamp))"
)


@dataclass(frozen=True)
class Fault:
    """What is wrong, under a code of AWS's, and where (`/States/Train/Next`)."""

    code: str
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.where}"


def faults(definition: Any) -> Iterator[Fault]:
    """Everything that is wrong with a definition, which is JSON as data."""
    if not isinstance(definition, dict):
        yield _schema("a definition must be a JSON object", "/")
        return
    seen: set[str] = set()
    extra = definition.keys() - {"Version", "TimeoutSeconds", "QueryLanguage", *_LEVEL}
    yield from (_schema(f"Field {name!r} is not supported", f"/{name}") for name in sorted(extra))
    yield from _language(definition, "")
    yield from _level(definition, "", seen)


_LEVEL = {"Comment", "StartAt", "States", "ProcessorConfig", "QueryLanguage"}


def _schema(message: str, where: str) -> Fault:
    return Fault("SCHEMA_VALIDATION_FAILED", message.replace("'", '"'), where)


def _level(level: Mapping[str, Any], where: str, seen: set[str]) -> Iterator[Fault]:
    """The states of a machine, of a branch, or of a Map."""
    states = level.get("States")
    if not isinstance(states, dict) or not states:
        yield _schema("The field 'States' is required, with one state at least", f"{where}/States")
        return
    start = level.get("StartAt")
    if start not in states:
        yield Fault("MISSING_TRANSITION_TARGET", f'Missing "StartAt" target: {start}', where or "/")
    for name, state in states.items():
        here = f"{where}/States/{name}"
        if len(name) > MAX_NAME:
            yield _schema(f"A state's name has at most {MAX_NAME} characters", here)
        if name in seen:
            yield Fault("DUPLICATE_STATE_NAME", f'Duplicate state name: "{name}"', here)
        seen.add(name)
        if not isinstance(state, dict) or state.get("Type") not in FIELDS:
            yield _schema(f"The field 'Type' must be one of {', '.join(FIELDS)}", here)
            continue
        yield from _state(state, here, seen)
        for field, target in _targets(state):
            if target not in states:
                message = f'Missing "{field.rsplit("/", 1)[-1]}" target: {target}'
                yield Fault("MISSING_TRANSITION_TARGET", message, f"{here}/{field}")
    for name in sorted(states.keys() - _reached(start, states)):
        message = f'State "{name}" is not reachable.'
        yield Fault("MISSING_TRANSITION_TARGET", message, f"{where}/States/{name}")


def _targets(state: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Where a state may lead, by the field that says so."""
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for field in ("Choices", "Catch"):
        for number, rule in enumerate(_dicts(state.get(field))):
            if "Next" in rule:
                yield f"{field}[{number}]/Next", rule["Next"]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _reached(start: Any, states: Mapping[str, Any]) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name in states and name not in seen and isinstance(states[name], dict):
            seen.add(name)
            ahead += [target for _, target in _targets(states[name])]
    return seen


def _language(holder: Mapping[str, Any], here: str) -> Iterator[Fault]:
    if (language := holder.get("QueryLanguage", "JSONPath")) != "JSONPath":
        said = unsupported(f"the QueryLanguage {language}", "JSONPath")
        yield _schema(said, f"{here}/QueryLanguage")


# ---- one state


def _state(state: Mapping[str, Any], here: str, seen: set[str]) -> Iterator[Fault]:
    kind = state["Type"]
    yield from _language(state, here)
    for name in sorted(state.keys() - FIELDS[kind] - _COMMON):
        yield _schema(f"Field {name!r} is not supported in a {kind} state", f"{here}/{name}")
    if kind not in _ENDS and ("Next" in state) == ("End" in state):
        yield _schema("Exactly one of 'Next' and 'End' is required", here)
    if "End" in state and state["End"] is not True:
        yield _schema("The field 'End' must be true", f"{here}/End")
    if (one_of := _ONE_OF.get(kind)) and sum(name in state for name in one_of) != 1:
        yield _schema(f"Exactly one of {', '.join(one_of)} is required", here)
    for name in state.keys() & _READS.keys():
        yield from _expression(state[name], _READS[name], f"{here}/{name}", name)
    for name in state.keys() & set(_TEMPLATES):
        yield from _template(state[name], f"{here}/{name}")
    for name in ("TimeoutSeconds", "HeartbeatSeconds", "Seconds", "MaxConcurrency"):
        least = 0 if name in ("Seconds", "MaxConcurrency") else 1
        yield from _whole(state, name, least, 99_999_999, here)
    yield from _retries(state.get("Retry", []), f"{here}/Retry")
    yield from _catches(state.get("Catch", []), f"{here}/Catch")
    if kind == "Choice":
        yield from _choices(state, here)
    if kind == "Task":
        yield from _task(state, here)
    if kind == "Parallel":
        branches = state.get("Branches")
        if not isinstance(branches, list) or not branches:
            yield _schema("The field 'Branches' is required", here)
        for number, branch in enumerate(_dicts(branches)):
            yield from _level(branch, f"{here}/Branches[{number}]", seen)
    for name in state.keys() & {"ItemProcessor", "Iterator"}:
        yield from _level(state[name], f"{here}/{name}", seen)


def _whole(
    state: Mapping[str, Any], name: str, least: int, most: int, here: str
) -> Iterator[Fault]:
    value = state.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        yield _schema(
            f"The field {name!r} must be a whole number from {least} to {most}", f"{here}/{name}"
        )


def _expression(value: Any, how: str, where: str, name: str = "") -> Iterator[Fault]:
    if value is None and name in ("InputPath", "OutputPath", "ResultPath"):
        return
    if not isinstance(value, str):
        yield _schema("The value must be a path as text", where)
        return
    try:
        expressions.CHECKS[how](value)
    except BadExpression as error:
        yield _schema(str(error), where)


def _template(value: Any, where: str) -> Iterator[Fault]:
    """A payload template: what stands behind a key with `.$` is read from the data."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.endswith(".$"):
                yield from _expression(item, "value", f"{where}/{key}")
            else:
                yield from _template(item, f"{where}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _template(item, f"{where}[{number}]")


def _task(state: Mapping[str, Any], here: str) -> Iterator[Fault]:
    resource = state.get("Resource")
    if not isinstance(resource, str):
        yield _schema("The field 'Resource' is required", here)
        return
    if refused := refusal(resource):
        yield Fault("INVALID_RESOURCE", refused, f"{here}/Resource")
        return
    integration = resource.partition(":states:::")[2]
    # Without Parameters the arguments are the state's input
    if isinstance(parameters := state.get("Parameters"), dict):
        for said in argument_faults(parameters, input_shape(integration), integration):
            yield _schema(said, f"{here}/Parameters")


# ---- errors


def _errors(rule: Mapping[str, Any], last: bool, where: str) -> Iterator[Fault]:
    names = rule.get("ErrorEquals")
    if not isinstance(names, list) or not names or not all(isinstance(e, str) for e in names):
        yield _schema("The field 'ErrorEquals' must name one error at least", where)
    elif "States.ALL" in names and (len(names) > 1 or not last):
        yield _schema("'States.ALL' must stand alone, in the last rule", where)


def _retries(rules: Any, where: str) -> Iterator[Fault]:
    for number, rule in enumerate(_dicts(rules)):
        here = f"{where}[{number}]"
        for name in sorted(rule.keys() - _RETRY):
            yield _schema(f"Field {name!r} is not supported in a Retry", f"{here}/{name}")
        yield from _errors(rule, number == len(rules) - 1, here)
        yield from _whole(rule, "IntervalSeconds", 1, 99_999_999, here)
        yield from _whole(rule, "MaxAttempts", 0, 99_999_999, here)
        yield from _whole(rule, "MaxDelaySeconds", 1, 31_622_399, here)
        rate = rule.get("BackoffRate", 1)
        if not isinstance(rate, int | float) or isinstance(rate, bool) or rate < 1:
            yield _schema("The field 'BackoffRate' must be a number from 1", here)
        if rule.get("JitterStrategy", "NONE") not in ("FULL", "NONE"):
            yield _schema("The field 'JitterStrategy' must be FULL or NONE", here)


def _catches(rules: Any, where: str) -> Iterator[Fault]:
    for number, rule in enumerate(_dicts(rules)):
        here = f"{where}[{number}]"
        for name in sorted(rule.keys() - _CATCH):
            yield _schema(f"Field {name!r} is not supported in a Catch", f"{here}/{name}")
        yield from _errors(rule, number == len(rules) - 1, here)
        if "Next" not in rule:
            yield _schema("The field 'Next' is required", here)
        if "ResultPath" in rule:
            yield from _expression(rule["ResultPath"], "reference", here, "ResultPath")


# ---- choices


def _choices(state: Mapping[str, Any], here: str) -> Iterator[Fault]:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        yield _schema("The field 'Choices' must have one rule at least", here)
        return
    for number, rule in enumerate(rules):
        where = f"{here}/Choices[{number}]"
        if not isinstance(rule, dict) or "Next" not in rule:
            yield _schema("A rule must be an object with 'Next'", where)
        else:
            plain = {k: v for k, v in rule.items() if k not in ("Next", "Comment", "Assign")}
            yield from _rule(plain, where)


def _rule(rule: Any, where: str) -> Iterator[Fault]:
    if not isinstance(rule, dict):
        yield _schema("A rule must be an object", where)
    elif rule.keys() & {"And", "Or"}:
        (name, rules), *more = rule.items()
        if more or not isinstance(rules, list) or not rules:
            yield _schema("'And' and 'Or' stand alone, with one rule at least", where)
            return
        for number, each in enumerate(rules):
            yield from _rule(each, f"{where}/{name}[{number}]")
    elif "Not" in rule:
        if len(rule) > 1:
            yield _schema("'Not' stands alone", where)
        yield from _rule(rule["Not"], f"{where}/Not")
    else:
        yield from _comparison(rule, where)


def _comparison(rule: Mapping[str, Any], where: str) -> Iterator[Fault]:
    operators = [name for name in rule if name not in ("Variable", "Comment")]
    found = _COMPARISON.fullmatch(operators[0]) if len(operators) == 1 else None
    if "Variable" not in rule or found is None:
        yield _schema("A rule has 'Variable' and exactly one comparison", where)
        return
    yield from _expression(rule["Variable"], "path", f"{where}/Variable")
    name, value = operators[0], rule[operators[0]]
    if found["path"] or found["boolpath"]:
        yield from _expression(value, "path", f"{where}/{name}")
        return
    kind = found["kind"] or found["bool"] or ("String" if found["matches"] else "Boolean")
    right = isinstance(value, _KINDS[kind])  # type: ignore[arg-type]
    if not right or (isinstance(value, bool) and kind != "Boolean"):
        yield _schema(f"The value of {name!r} must be of the type {kind}", f"{where}/{name}")
