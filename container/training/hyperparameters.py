"""What a person may choose for a training job, checked before any data is read."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from training.errors import HyperparameterError

PRECISIONS = ("auto", "float32", "mixed_bfloat16")


def choice(default: Any, expected: str, valid: Callable[[Any], bool]) -> Any:
    """A field of Hyperparameters: its default, what is expected in words, and as a test."""
    return field(default=default, metadata={"expected": expected, "valid": valid})


@dataclass(frozen=True)
class Hyperparameters:
    """Those of every training; a model adds its own in a subclass."""

    epochs: int = choice(30, "a whole number from 1", lambda value: value >= 1)
    batch_size: int = choice(128, "a whole number from 1", lambda value: value >= 1)
    learning_rate: float = choice(
        0.003, "a number above 0, at most 1", lambda value: 0 < value <= 1
    )
    weight_decay: float = choice(0.0005, "a number from 0 to 1", lambda value: 0 <= value <= 1)
    seed: int = choice(0, "a whole number from 0", lambda value: 0 <= value < 2**31)
    precision: str = choice("auto", " or ".join(PRECISIONS), lambda value: value in PRECISIONS)
    checkpoint_seconds: float = choice(
        60.0, "a number from 0 to 3600", lambda value: 0 <= value <= 3600
    )
    start_seconds: float = choice(
        600.0, "a number from 1 to 3600", lambda value: 1 <= value <= 3600
    )


Kind = TypeVar("Kind", bound=Hyperparameters)


def parse(given: Mapping[str, object], kind: type[Kind]) -> Kind:
    """Hyperparameters from SageMaker's dictionary, whose values are strings.

    Raises HyperparameterError for an unknown name or an unusable value.
    """
    known = {each.name: each for each in fields(kind)}
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise HyperparameterError(f"unknown hyperparameter {name}: {hint}")
        value = _convert(types[name], str(text))
        rule = known[name].metadata  # empty for a field without choice()
        if value is None or not rule.get("valid", _any)(value):
            expected = rule.get("expected", types[name].__name__)
            raise HyperparameterError(
                f"hyperparameter {name} is {str(text)!r}, expected {expected}"
            )
        values[name] = value
    return kind(**values)


def _any(value: Any) -> bool:
    return True


def _convert(kind: Any, text: str) -> Any:
    """The value, or None for a text that is not of the kind."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    try:
        return kind(text)
    except ValueError:
        return None
