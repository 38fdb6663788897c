"""What a model's artifact holds beside the model: its classes, and how it was trained.

The artifact is what train writes (training/export.py), but of another version, or of a program of
your own: so nothing but the model has to be there, and nothing is taken that is not as expected.
"""

import json
import math
from pathlib import Path
from typing import Any

from evaluation.record import Epoch

VERSIONS = Path("export/Servo")  # where serving looks, below the archive's top
MOST_BYTES = 4 * 1024**2  # of a file of facts
LARGEST = 1e100  # of a score: charts and tables reckon with them


class BadFacts(Exception):
    """A file of facts that is there and cannot be read; the text says why, with its name."""


def class_names(folder: Path) -> tuple[str, ...]:
    """Of classes.json; empty if there is none. Raises BadFacts."""
    found = _read(folder / "classes.json")
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise BadFacts("classes.json in it is not a list of names")
    return tuple(found)


def history(folder: Path) -> tuple[Epoch, ...]:
    """The learning curves in history.json; empty if there are none. Raises BadFacts."""
    found = _read(folder / "history.json")
    try:
        return tuple(
            Epoch(
                int(each["epoch"]),
                *(
                    _number(each[split][name])
                    for split in ("train", "validation")
                    for name in ("loss", "accuracy")
                ),
            )
            for each in found or []
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadFacts("history.json in it is no list of epochs with their scores") from None


def hyperparameters(folder: Path) -> dict[str, str]:
    """Of hyperparameters.json, as text; empty if there is none. Raises BadFacts."""
    found = _read(folder / "hyperparameters.json")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadFacts("hyperparameters.json in it is not an object")
    return {name: _text(value) for name, value in found.items()}


def inputs(folder: Path) -> dict[str, list[float]]:
    """Of inputs.json: what it was trained on looked like, by record; empty if there is none.

    Raises BadFacts.
    """
    found = _read(folder / "inputs.json")
    try:
        return {str(name): [_number(one) for one in each] for name, each in (found or {}).items()}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise BadFacts("inputs.json in it is no table of inputs") from None


def _read(file: Path) -> Any:
    if not file.is_file():
        return None
    if file.stat().st_size > MOST_BYTES:
        raise BadFacts(f"{file.name} in it is larger than {MOST_BYTES // 1024**2} MiB")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        # JSON can hold half a character, which no file can be written with
        json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):
        raise BadFacts(f"{file.name} in it is not JSON") from None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    if abs(value) > LARGEST:
        raise ValueError
    return float(value) if abs(value) > 1 / LARGEST else 0.0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
