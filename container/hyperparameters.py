"""What a person may choose for a training job, checked before anything is imported or read."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


class HyperparameterError(ValueError):
    """A hyperparameter that the job cannot use; the text names it and what is expected."""


def _choice(default: Any, expected: str, valid: Callable[[Any], bool]) -> Any:
    return field(default=default, metadata={"expected": expected, "valid": valid})


@dataclass(frozen=True)
class Hyperparameters:
    depth: int = _choice(
        20, "6n + 2: 8, 14, 20, 32, …", lambda value: value >= 8 and value % 6 == 2
    )
    epochs: int = _choice(30, "a whole number from 1", lambda value: value >= 1)
    batch_size: int = _choice(128, "a whole number from 1", lambda value: value >= 1)
    learning_rate: float = _choice(
        0.003, "a number above 0, at most 1", lambda value: 0 < value <= 1
    )
    weight_decay: float = _choice(0.0005, "a number from 0 to 1", lambda value: 0 <= value <= 1)
    seed: int = _choice(0, "a whole number from 0", lambda value: 0 <= value < 2**31)


def parse(given: Mapping[str, object]) -> Hyperparameters:
    """Hyperparameters from SageMaker's dictionary, whose values are strings.

    Raises HyperparameterError for an unknown name or an unusable value.
    """
    known = {choice.name: choice for choice in fields(Hyperparameters)}
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise HyperparameterError(f"unknown hyperparameter {name}: {hint}")
        expected = known[name].metadata["expected"]
        convert: Any = known[name].type
        try:
            value = convert(str(text))
        except ValueError:
            value = None
        if value is None or not known[name].metadata["valid"](value):
            raise HyperparameterError(
                f"hyperparameter {name} is {str(text)!r}, expected {expected}"
            )
        values[name] = value
    return Hyperparameters(**values)
