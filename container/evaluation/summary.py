"""summary.json: what the workflow reads, and what it writes into the registry."""

import math
import unicodedata
from collections.abc import Iterable
from typing import Any

from evaluation.record import Comparison, Evaluation

# CustomerMetadataProperties takes 50 entries, the workflow's own among them; keys of 128, values of
# 1 to 256 characters (SageMaker API Reference, CreateModelPackage). Here they are bytes of UTF-8,
# so that the whole stays small
MOST_ENTRIES, KEY, VALUE = 30, 128, 256
PUNCTUATION = set(" _.:/=+-@")
LEFT_OUT = "left-out"


def document(evaluation: Evaluation) -> dict[str, Any]:
    """At most 16 KiB; null for what is no number."""
    metrics = evaluation.metrics
    return {
        "engine": evaluation.candidate.engine,
        "examples": len(evaluation.labels),
        "accuracy": _finite(metrics.accuracy) if metrics else None,
        "words": evaluation.words,
        "comparison": _comparison(evaluation.comparison),
        "metadata": clean(_entries(evaluation)),
    }


def clean(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Entries as the registry takes them: other characters become -, what is too long is cut.

    What is empty, twice there, or one too many is named in the entry left-out.
    """
    kept: dict[str, str] = {}
    left: list[str] = []
    for name, text in entries:
        key, value = _cut(_allowed(name), KEY), _cut(_allowed(text), VALUE)
        if key and value and key not in (*kept, LEFT_OUT):
            kept[key] = value
        else:
            left.append(key or "-")
    if len(kept) + bool(left) > MOST_ENTRIES:
        beyond = list(kept)[MOST_ENTRIES - 1 :]
        left = [*beyond, *left]
        kept = {key: kept[key] for key in kept if key not in beyond}
    if left:
        kept[LEFT_OUT] = _cut(f"{len(left)}: {' '.join(left)}", VALUE)
    return kept


def _entries(evaluation: Evaluation) -> list[tuple[str, str]]:
    metrics, comparison = evaluation.metrics, evaluation.comparison
    figures: list[tuple[str, float | None]] = [("examples", len(evaluation.labels))]
    if metrics is not None:
        figures += [
            ("accuracy", metrics.accuracy),
            ("balanced-accuracy", metrics.balanced_accuracy),
            ("log-loss", metrics.log_loss),
            ("calibration-error", metrics.calibration_error),
        ]
    if comparison.outcome == "compared":
        low, high = comparison.interval or (None, None)
        figures += [
            ("champion-accuracy", comparison.champion_accuracy),
            ("difference", comparison.difference),
            ("difference-low", low),
            ("difference-high", high),
            ("p-value", comparison.p_value),
        ]
    told = [(name, f"{value:.6g}") for name, value in figures if _finite(value) is not None]
    chosen = evaluation.hyperparameters.items()
    return [*told, *((f"hyperparameter.{name}", value) for name, value in chosen)]


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "outcome": found.outcome,
        "examples": found.examples,
        "accuracy": _finite(found.accuracy),
        "championAccuracy": _finite(found.champion_accuracy),
        "difference": _finite(found.difference),
        "words": found.words,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _allowed(text: str) -> str:
    """Letters and digits of any script, as the registry does."""
    return "".join(
        each if each in PUNCTUATION or unicodedata.category(each)[0] in "LN" else "-"
        for each in text
    ).strip()


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8."""
    if len(text.encode()) <= most:
        return text
    return f"{text.encode()[: most - 3].decode(errors='ignore')}..."
