"""predictions.csv: each held-out example's answers, for whoever wants to look closer."""

import csv
from pathlib import Path

from evaluation.record import Evaluation, Scored

COLUMNS = ("index", "label", "predicted", "probability", "champion", "champion_probability")
# A spreadsheet takes for a formula what begins so
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(evaluation: Evaluation, file: Path) -> None:
    """Classes by their names; the last two are empty where no champion answered."""
    with file.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target, lineterminator="\n")
        rows.writerow(COLUMNS)
        for index, label in enumerate(evaluation.labels):
            names = evaluation.class_names
            rows.writerow(
                [
                    index,
                    _text(names[label]),
                    *_answer(evaluation.candidate, index),
                    *(_answer(evaluation.champion, index) if evaluation.champion else ("", "")),
                ]
            )


def _answer(scored: Scored, index: int) -> tuple[str, str]:
    found = scored.classes[index]
    return _text(scored.class_names[found]), f"{scored.probabilities[index, found]:.6f}"


def _text(name: str) -> str:
    if not name.startswith(FORMULA):
        return name
    try:
        float(name)
    except ValueError:
        return f"'{name}"
    return name
