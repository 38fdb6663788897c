"""An evaluation from its folders to its files: the order in which the parts are used."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import (
    artifact,
    baseline,
    figures,
    golden,
    held_out,
    mistakes,
    predictions,
    quality,
    scoring,
    summary,
)
from evaluation.classes import align
from evaluation.comparing import compare
from evaluation.errors import EvaluationError
from evaluation.held_out import HeldOut
from evaluation.record import Comparison, Epoch, Evaluation, ModelFigures, Scored
from evaluation.report import page
from evaluation.scoring import Contender, Unscorable
from evaluation.telling import count, noun, percent, sentence
from serving.engines import Prediction
from training import likeness
from training.interface import Model

ARCHIVE = "model.tar.gz"


@dataclass(frozen=True)
class Contest:
    """What the job was started with; see evaluate."""

    version: str
    commit: str
    champion: str = ""  # empty: the endpoint serves nothing yet
    champion_gone: str = ""  # why its artifact is not there


def run(processing: Path, model: Model, contest: Contest) -> str:
    """Evaluates what lies in /opt/ml/processing/input, and writes ../output/evaluation.

    Gives the result in words. Raises JobError.
    """
    data = held_out.read(processing / "input/data", model)
    kept = Kept(data)
    # On the job's own volume, which is as large as that of the training
    with tempfile.TemporaryDirectory(dir=processing, prefix=".evaluation-") as temporary:
        private = Path(temporary)
        candidate = _candidate(processing, private / "candidate", data, contest)
        champion, reason = _champion(processing, private / "champion", data, contest)
        evaluation = _evaluate(data, candidate, champion, reason, contest, kept)
    _write(evaluation, kept, processing / "output/evaluation")
    return f"{evaluation.words}; {evaluation.comparison.words}"


class Kept:
    """What is taken from the examples while they pass."""

    def __init__(self, data: HeldOut) -> None:
        self.worst, self.requests = mistakes.WorstMistakes(), golden.GoldenRequests()
        self.spread = baseline.Distribution(data.model.INPUT_SHAPE, data.class_names)

    def add(
        self, inputs: NDArray[np.float32], labels: NDArray[np.int64], answer: Prediction
    ) -> None:
        self.worst.add(inputs, labels, answer)
        self.requests.add(inputs, labels, answer)
        self.spread.add(inputs, answer.probabilities)


def _candidate(processing: Path, folder: Path, data: HeldOut, contest: Contest) -> Contender:
    try:
        found = scoring.load(
            contest.version, processing / "input/candidate" / ARCHIVE, folder, data.class_names
        )
    except Unscorable as error:
        raise EvaluationError(f"the candidate cannot be evaluated: {error}") from None
    if found.shape != data.model.INPUT_SHAPE:
        raise EvaluationError(
            f"the candidate takes inputs of shape {found.shape}, but model.py reads"
            f" {data.model.INPUT_SHAPE}"
        )
    if found.class_names != data.class_names:
        raise EvaluationError(
            f"the candidate's classes are {_list(found.class_names)}, but those of the data are"
            f" {_list(data.class_names)}"
        )
    return found


def _champion(
    processing: Path, folder: Path, data: HeldOut, contest: Contest
) -> tuple[Contender | None, Comparison]:
    """The champion, or why there is none to ask."""
    name = contest.champion
    if not name:
        return None, Comparison("none", "no champion: the endpoint serves nothing yet")
    try:
        if contest.champion_gone:
            raise Unscorable(contest.champion_gone)
        found = scoring.load(
            name, processing / "input/champion" / ARCHIVE, folder, data.class_names
        )
    except Unscorable as error:
        return None, _unscorable(name, error)
    if found.shape != data.model.INPUT_SHAPE:
        words = f"{name} takes inputs of shape {found.shape}, not {data.model.INPUT_SHAPE}"
        return None, Comparison("other-inputs", sentence(f"not comparable: {words}"), name)
    changed = _changed_input(found, data)
    if changed is not None:
        words = f"{name} was given another input for the same example, number {changed}"
        return None, Comparison("other-inputs", sentence(f"not comparable: {words}"), name)
    if not len(align(data.class_names, found.class_names).shared):
        words = f"{name} knows none of the classes, but {_list(found.class_names)}"
        return None, Comparison("other-classes", sentence(f"not comparable: {words}"), name)
    return found, Comparison("compared", "", name)


def _changed_input(champion: Contender, data: HeldOut) -> int | None:
    """The example that model.py turns into another input now than when the champion was trained.

    Whoever asks the endpoint sends inputs, and knows nothing of model.py: a champion that is asked
    with other inputs than it serves would look worse than it is.
    """
    try:
        known = artifact.inputs(champion.folder)
    except artifact.BadFacts as error:
        print(f"{champion.name}: {error}", flush=True)
        return None
    return likeness.differs(data.split, data.model, known) if known else None


def _unscorable(name: str, reason: Exception) -> Comparison:
    return Comparison("unscorable", sentence(f"{name} cannot be scored: {reason}"), name)


def _ask(
    data: HeldOut, candidate: Contender, champion: Contender | None, kept: Kept
) -> tuple[Unscorable | None, Unscorable | None]:
    """Both about every example, once; why one of them cannot be judged."""
    seen, reason = 0, None
    for inputs in data.batches():
        labels = data.labels[seen : seen + len(inputs)]
        seen += len(inputs)
        try:
            answer = candidate.ask(inputs)
        except Unscorable as error:
            return error, reason
        kept.add(inputs, labels, answer)
        if champion and not reason:
            try:
                champion.ask(inputs)
            except Unscorable as error:
                reason = error
    return None, reason


def _evaluate(
    data: HeldOut,
    candidate: Contender,
    champion: Contender | None,
    comparison: Comparison,
    contest: Contest,
    kept: Kept,
) -> Evaluation:
    no_candidate, no_champion = _ask(data, candidate, champion, kept)
    if no_champion:
        champion, comparison = None, _unscorable(contest.champion, no_champion)
    one = noun(data.model.INPUT_SHAPE)
    examples = count(len(data.labels), f"held-out {one}")
    mine, theirs = candidate.scored(), champion.scored() if champion else None
    metrics = champion_metrics = None
    if no_candidate:
        words = f"not measured on {examples}: {no_candidate}"
        if theirs:
            reason = f"not compared with {theirs.name}: the candidate gives no answers to compare"
            comparison, theirs = Comparison("compared", sentence(reason), theirs.name), None
    else:
        metrics = figures.metrics(data.labels, mine.classes, mine.probabilities, data.class_names)
        words = f"{percent(metrics.accuracy)} of {examples}"
        if theirs:
            comparison = compare(data.labels, mine, theirs, one)
            champion_metrics = _champion_metrics(data, mine, theirs)
    return Evaluation(
        candidate=mine,
        champion=theirs,
        comparison=comparison,
        labels=data.labels,
        class_names=data.class_names,
        metrics=metrics,
        champion_metrics=champion_metrics,
        shape=data.model.INPUT_SHAPE,
        commit=contest.commit,
        words=sentence(words),
        history=_history(candidate.folder),
        hyperparameters=_hyperparameters(candidate.folder),
        worst=kept.worst.result() if metrics else (),
    )


def _champion_metrics(data: HeldOut, candidate: Scored, champion: Scored) -> ModelFigures | None:
    """On the examples whose class it knows; None if there is none."""
    aligned = align(candidate.class_names, champion.class_names)
    both = aligned.known(data.labels)
    if not both.any():
        return None
    return figures.metrics(
        data.labels[both],
        aligned.places[champion.classes[both]],
        aligned.probabilities(champion.probabilities[both]),
        aligned.names,
    )


def _history(folder: Path) -> tuple[Epoch, ...]:
    try:
        return artifact.history(folder)
    except artifact.BadFacts as error:
        print(f"the report has no learning curves: {error}", flush=True)
        return ()


def _hyperparameters(folder: Path) -> dict[str, str]:
    try:
        return artifact.hyperparameters(folder)
    except artifact.BadFacts as error:
        print(f"the hyperparameters are unknown: {error}", flush=True)
        return {}


def _write(evaluation: Evaluation, kept: Kept, folder: Path) -> None:
    """summary.json last: who finds it finds the others too."""
    folder.mkdir(parents=True, exist_ok=True)
    if evaluation.metrics:
        predictions.write(evaluation, folder / "predictions.csv")
        _write_json(folder / "baseline.json", kept.spread.document())
        (folder / "golden.json").write_bytes(golden.dump(kept.requests.document()))
    (folder / "report.html").write_text(page.render(evaluation), encoding="utf-8")
    _write_json(folder / "evaluation.json", quality.document(evaluation))
    _write_json(folder / "summary.json", summary.document(evaluation))


def _write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _list(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
