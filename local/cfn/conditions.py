"""The verdicts of conditions and of rules."""

from collections.abc import Callable, Mapping
from typing import Any

from local.cfn.form import TemplateError, mappings
from local.cfn.references import known, ordered

Evaluate = Callable[[Any], Any]


def verdicts(conditions: Mapping[str, Any], evaluate: Evaluate) -> dict[str, bool]:
    """Every condition's verdict. Raises TemplateError for an unknown name or a circle."""
    needs = {
        name: {m["Condition"] for m in mappings(value) if m.keys() == {"Condition"}}
        for name, value in conditions.items()
    }
    wanted = set().union(*needs.values())
    known(wanted, conditions, "Unresolved condition dependency", "Conditions")
    found: dict[str, bool] = {}
    for name in ordered(needs, "conditions"):
        found[name] = decide(conditions[name], found, evaluate)
    return found


def decide(expression: Any, found: Mapping[str, bool], evaluate: Evaluate) -> bool:
    """The verdict of one expression, given the conditions `found` so far."""
    if not isinstance(expression, dict) or len(expression) != 1:
        raise TemplateError(f"Template error: {expression} is not a condition")
    ((name, argument),) = expression.items()
    try:
        match name:
            case "Condition":
                known({argument}, found, "Unresolved condition dependency", "Conditions")
                return found[argument]
            case "Fn::Not":
                (one,) = argument
                return not decide(one, found, evaluate)
            case "Fn::And":
                return all(decide(one, found, evaluate) for one in argument)
            case "Fn::Or":
                return any(decide(one, found, evaluate) for one in argument)
            case "Fn::Equals":
                left, right = map(evaluate, argument)
                return text(left) == text(right)
            case "Fn::Contains":
                many, one = map(evaluate, argument)
                return one in many
            case "Fn::EachMemberEquals":
                many, one = map(evaluate, argument)
                return all(item == one for item in many)
            case "Fn::EachMemberIn":
                many, allowed = map(evaluate, argument)
                return all(item in allowed for item in many)
    except (TypeError, ValueError) as error:
        raise malformed(name, argument) from error
    raise TemplateError(f"Template error: {expression} is not a condition")


def text(value: Any) -> str:
    """How CloudFormation writes a scalar into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def malformed(name: str, argument: Any) -> TemplateError:
    return TemplateError(f"Template error: {name} cannot work with the arguments {argument!r}")
