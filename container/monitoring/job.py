"""A look from its folders to its files: the order in which the parts are used."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from evaluation.baseline import Distribution
from evaluation.telling import sentence
from monitoring import judging, page, reference
from monitoring.captured import Captured
from monitoring.comparing import compare
from monitoring.record import Drift, Look, Moved, Summary
from monitoring.reference import NoBaseline

DIGITS = 6
MOVED = 5  # classes that drift.json names; the page shows more


def run(processing: Path, look: Look, now: datetime) -> str:
    """Compares what lies in /opt/ml/processing/input, and writes ../output/drift.

    Gives the result in words.
    """
    found = _look(processing / "input", look, now)
    folder = processing / "output/drift"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page.render(found), encoding="utf-8")
    text = json.dumps(document(found), allow_nan=False, ensure_ascii=False)
    # Last: who finds it finds the other too
    (folder / "drift.json").write_text(text + "\n", encoding="utf-8")
    return f"{found.words}; retrain: {'yes' if found.retrain else 'no'}, {found.why}"


def _look(folder: Path, look: Look, now: datetime) -> Drift:
    try:
        before = reference.read(folder / "baseline/baseline.json")
    except NoBaseline as error:
        if error.__cause__:
            print(f"{error}: {error.__cause__!r}", flush=True)
        return _without(look, str(error))
    names = [before.class_names.get(at, str(at)) for at in range(before.class_count)]
    spread = Distribution(before.shape, names)
    captured = Captured(folder / "captured", before.shape, before.class_count)
    for asked, answered in captured.batches():
        spread.add(asked, answered)
    enough = captured.examples >= look.minimum
    inputs, predictions = compare(before, spread) if enough else ((), ())
    span = captured.first, captured.last
    verdict, words = judging.verdict(look, captured.examples, span, [*inputs, *predictions])
    due, why = judging.retrain(look, verdict, now)
    return Drift(
        look=look,
        verdict=verdict,
        words=words,
        records=captured.examples,
        skipped={each: captured.skipped[each] for each in ("golden", "broken", "other-types")},
        files=(captured.files_read, captured.files),
        first=captured.first,
        last=captured.last,
        inputs=inputs,
        predictions=predictions,
        retrain=due,
        why=why,
        compared_with=before.examples,
    )


def _without(look: Look, reason: str) -> Drift:
    none = {"golden": 0, "broken": 0, "other-types": 0}
    words = sentence(f"nothing to compare with: {reason}")
    why = "nothing has drifted: no-baseline"
    return Drift(
        look, "no-baseline", words, 0, none, (0, 0), None, None, (), (), retrain=False, why=why
    )


def document(found: Drift) -> dict[str, Any]:
    """What drift.json holds; null for what is not there."""
    return {
        "verdict": found.verdict,
        "words": found.words,
        "records": found.records,
        "skipped": found.skipped,
        "from": _time(found.first),
        "to": _time(found.last),
        "score": _number(found.score),
        "threshold": found.look.threshold,
        "inputs": {one.name: _shift(one) for one in found.inputs},
        "predictions": {one.name: _shift(one) for one in found.predictions},
        "retrain": found.retrain,
        "why": found.why,
    }


def _shift(one: Moved) -> dict[str, Any]:
    told = {"psi": _number(one.psi), "chance": _number(one.chance)}
    if one.summaries is None:
        then, now = one.before / max(one.before.sum(), 1), one.now / max(one.now.sum(), 1)
        order = sorted(range(len(one.places)), key=lambda at: -abs(now[at] - then[at]))
        moved = [
            {"class": one.places[at], "before": _number(then[at]), "now": _number(now[at])}
            for at in order[:MOVED]
        ]
        return {**told, "moved": moved}
    before, later = map(_summary, one.summaries)
    distance, p_value = _number(one.distance), _number(one.p_value)
    return {**told, "ks": distance, "pValue": p_value, "before": before, "now": later}


def _summary(one: Summary) -> dict[str, float | None]:
    mean, deviation = _number(one.mean), _number(one.deviation)
    return {"mean": mean, "deviation": deviation, "missing": _number(one.missing)}


def _time(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _number(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
