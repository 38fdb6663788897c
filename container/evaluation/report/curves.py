"""The report's sections with curves: calibration, and how the training went."""

from collections.abc import Callable, Sequence

from evaluation.record import Bin, Epoch, Evaluation, Metrics
from evaluation.report import charts
from evaluation.report.charts import Axis, Series
from evaluation.report.markup import Markup, join, tag
from evaluation.report.tables import section, table
from evaluation.report.words import count, number, percent, told

EN_DASH = "\u2013"
SHARES = [n / 5 for n in range(6)]


def calibration(found: Evaluation, metrics: Metrics) -> Markup:
    """Whether a probability means what it says."""
    models = [("candidate", metrics)]
    if found.champion_metrics:
        models.append(("champion", found.champion_metrics))
    series = [_series(who, one.calibration) for who, one in models]
    # The largest bins are told, since they decide the error
    text = " ".join(
        f"The {who}'s calibration error is {percent(one.calibration_error)}. "
        + " ".join(map(_sentence, sorted(one.calibration, key=lambda bin: -bin.examples)[:3]))
        for who, one in models
    )
    x = Axis("probability of the answer", 0, 1, SHARES, _share)
    y = Axis("", 0, 1, SHARES, _share)
    picture = charts.lines(x, y, series, text.strip(), height=340, ideal=True)
    caption = tag(
        "figcaption",
        "The share of right answers, by the probability that was given for them; a larger mark "
        "stands for more answers. Below the dotted line a model is surer than it may be, above it "
        "less sure.",
    )
    legend = charts.legend(series) if len(series) > 1 else ""
    return section(
        "Calibration",
        tag("div", tag("figure", legend, picture, caption), _bins(models), class_="beside"),
    )


def _series(who: str, bins: Sequence[Bin]) -> Series:
    kept = [
        (one.confidence, one.accuracy, one.examples)
        for one in bins
        if one.confidence is not None and one.accuracy is not None
    ]
    total = sum(one.examples for one in bins) or 1
    return Series(who, who, [(a, b) for a, b, _ in kept], [n / total for _, _, n in kept])


def _sentence(one: Bin) -> str:
    if not one.examples:
        return ""
    return (
        f"Of {count(one.examples, 'answer')} with a probability of {_range(one, ' to ')}, "
        f"{percent(one.confidence)} on average, {percent(one.accuracy)} are right."
    )


def _range(one: Bin, between: str) -> str:
    return f"{one.low:.1f}{between}{one.high:.1f}"


def _bins(models: Sequence[tuple[str, Metrics]]) -> Markup:
    """The same as numbers, beside each other: the bins of both are the same."""
    head: list[object] = ["probability"]
    for who, _ in models:
        head += [join(who, tag("br"), what) for what in ("answers", "right")]
    rows = []
    for bins in zip(*(one.calibration for _, one in models), strict=True):
        row: list[object] = [_range(bins[0], EN_DASH)]
        for one in bins:
            row += [f"{one.examples:,}", percent(one.accuracy)]
        if any(one.examples for one in bins):
            rows.append(row)
    return table("Calibration in numbers", head, rows)


def learning(found: Evaluation) -> Markup:
    """Accuracy and loss by epoch, on what it learned from and on what it did not."""
    title = "Learning"
    if not found.history:
        return section(title, tag("p", "The candidate's artifact holds no curves of its training."))
    if len(found.history) == 1:
        only = found.history[0]
        text = (
            f"One epoch: {percent(only.accuracy)} of the training data right, and "
            f"{percent(only.validation_accuracy)} of the data to validate."
        )
        return section(title, tag("p", text))
    figures = [
        _curves(found.history, "Accuracy", "accuracy", percent, _share, max),
        _curves(found.history, "Loss", "loss", number, lambda value: f"{value:g}", min),
    ]
    return section(title, tag("div", *figures, class_="beside"))


def _curves(
    history: Sequence[Epoch],
    name: str,
    field: str,
    words: Callable[[float], str],
    show: Callable[[float], str],
    best: Callable[..., Epoch],
) -> Markup:
    series, sentences = [], []
    for who, source in (("training", field), ("validation", f"validation_{field}")):
        kept = [one for one in history if told(getattr(one, source))]
        if not kept:
            continue
        values = [getattr(one, source) for one in kept]
        points = [(one.epoch, value) for one, value in zip(kept, values, strict=True)]
        series.append(Series(who, who, points))
        at = best(kept, key=lambda one, source=source: getattr(one, source))
        sentences.append(
            f"{who} from {words(values[0])} to {words(values[-1])}, best "
            f"{words(getattr(at, source))} in epoch {at.epoch:,}"
        )
    if not series:
        return tag("p", f"{name}: no epoch has a number.")
    text = f"{name} over {count(len(history), 'epoch')}: {'; '.join(sentences)}."
    epochs = [one.epoch for one in history]
    x = charts.axis("epoch", epochs, lambda value: f"{value:,.0f}", least=1)
    y = charts.axis("", [b for one in series for _, b in one.points], show)
    picture = charts.lines(x, y, series, text)
    caption = tag("figcaption", f"{sentences[-1].capitalize()}.")
    return tag("figure", tag("h3", name), charts.legend(series), picture, caption)


def _share(value: float) -> str:
    return f"{100 * value:g}\u00a0%"
