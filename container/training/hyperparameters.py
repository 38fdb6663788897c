"""What a person may choose for a training job, checked before any data is read."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from training.errors import HyperparameterError

PRECISIONS = ("auto", "float32", "mixed_bfloat16")
LARGEST_SEED = 2**31 - 1
# What SageMaker and its SDKs add for themselves: a tuning job gives each of its jobs
# _tuning_objective_metric, the Python SDK names such as sagemaker_program and sagemaker_region
# (github.com/aws/sagemaker-training-toolkit, params.py)
ADDED = ("_", "sagemaker_")
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
NUMERALS = set("0123456789+-.eE")
SHOWN = 80  # characters of a name or value: the reason after it must fit into a FailureReason


def choice(default: Any, expected: str, valid: Callable[[Any], bool]) -> Any:
    """A field of Hyperparameters: its default, what is expected in words, and as a test."""
    return field(default=default, metadata={"expected": expected, "valid": valid})


@dataclass(frozen=True)
class Hyperparameters:
    """Those of every training; a model adds its own in a subclass."""

    epochs: int = choice(30, "a whole number from 1 to 1000000", lambda value: 1 <= value <= 10**6)
    batch_size: int = choice(
        128, "a whole number from 1 to 1000000", lambda value: 1 <= value <= 10**6
    )
    learning_rate: float = choice(
        0.003, "a number above 0, at most 1", lambda value: 0 < value <= 1
    )
    weight_decay: float = choice(0.0005, "a number from 0 to 1", lambda value: 0 <= value <= 1)
    seed: int = choice(
        0, f"a whole number from 0 to {LARGEST_SEED}", lambda value: 0 <= value <= LARGEST_SEED
    )
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

    What the platform added is left aside. Raises HyperparameterError for an unknown name or an
    unusable value.
    """
    known = {each.name: each for each in fields(kind)}
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            if name.startswith(ADDED):
                continue
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            raise HyperparameterError(f"unknown hyperparameter {_shown(name)}: {hint}")
        value = _convert(types[name], _unquoted(str(text)))
        rule = known[name].metadata  # empty for a field without choice()
        if value is None or not rule.get("valid", _any)(value):
            expected = rule.get("expected", KINDS.get(types[name], "another value"))
            raise HyperparameterError(
                f"hyperparameter {name} is '{_shown(str(text))}', expected {expected}"
            )
        values[name] = value
    return kind(**values)


def _any(value: Any) -> bool:
    return True


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def _unquoted(text: str) -> str:
    """The Python SDK sends a framework's texts, and a tuner categories, as JSON: in quotes."""
    if text.startswith('"') and text.endswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            pass
    return text


def _convert(kind: Any, text: str) -> Any:
    """The value, or None for a text that is not of the kind."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    if kind in (int, float) and not set(text) <= NUMERALS:
        return None  # Python also reads 1_000, blanks around a number, nan, and other scripts
    try:
        return kind(text)
    except ValueError:
        return None
