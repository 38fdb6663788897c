"""report.html: what it says, and that all it was given is only text in it."""

import base64
import dataclasses
import io
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation import figures
from evaluation.comparing import compare
from evaluation.record import MOST_MISTAKES, Comparison, Epoch, Evaluation, Mistake, Scored
from evaluation.report import page, pictures
from evaluation.telling import noun

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=\"alert('2')\"> & \ud800 \u202e"
NAMES = ("cat", "dog", "owl")
HISTORY = (Epoch(1, 1.5, 0.61, 1.4, 0.51), Epoch(2, 0.6, 0.93, 0.5, 0.972))
VOID = ("br", "img", "meta")


def answers(labels: np.ndarray, wrong: Sequence[int], classes: int) -> np.ndarray:
    """Right with 0.8, but for some places: there the next class with 0.9."""
    found = np.full((len(labels), classes), 0.2 / (classes - 1), np.float32)
    for at, label in enumerate(labels):
        if at in wrong:
            found[at] = 0.1 / (classes - 1)
        found[at, (label + (at in wrong)) % classes] = 0.9 if at in wrong else 0.8
    return found


def scored(name: str, names: Sequence[str], probabilities: np.ndarray) -> Scored:
    return Scored(name, "onnxruntime", tuple(names), probabilities.argmax(1), probabilities)


def evaluation(
    names: Sequence[str] = NAMES,
    wrong: Sequence[int] = (2, 5),
    champion_wrong: Sequence[int] | None = (2, 3, 4, 8),
    shape: tuple[int, ...] = (8, 8, 3),
    count: int = 30,
    **more: Any,
) -> Evaluation:
    """Real figures of made-up answers; the labels are 0, 1, 2, 0, 1, …"""
    labels = np.arange(count) % len(names)
    candidate = scored("mlops-candidate", names, answers(labels, wrong, len(names)))
    champion, comparison, theirs = None, Comparison("none", "no champion yet"), None
    if champion_wrong is not None:
        champion = scored("mlops-champion", names, answers(labels, champion_wrong, len(names)))
        comparison = compare(labels, candidate, champion, noun(shape))
        theirs = figures.metrics(labels, champion.classes, champion.probabilities, names)
    inputs = np.random.default_rng(0).integers(0, 256, (len(wrong), *shape)).astype(np.float32)
    mine = figures.metrics(labels, candidate.classes, candidate.probabilities, names)
    worst = [
        Mistake(at, int(labels[at]), int(candidate.classes[at]), 0.9, given)
        for at, given in zip(wrong, inputs, strict=True)
    ]
    found: dict[str, Any] = {
        "candidate": candidate,
        "champion": champion,
        "comparison": comparison,
        "labels": labels,
        "class_names": tuple(names),
        "metrics": mine,
        "champion_metrics": theirs,
        "shape": shape,
        "commit": "0123456789abcdef",
        "words": "93.3 % of 30 held-out pictures",
        "history": HISTORY,
        "hyperparameters": {"depth": "8"},
        "worst": tuple(worst[:MOST_MISTAKES]),
    }
    return Evaluation(**(found | more))


class Page(HTMLParser):
    """Elements with their attributes, the text in each, and what is open around each."""

    def __init__(self, found: Evaluation) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str], tuple[str, ...]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.html = page.render(found)
        self.feed(self.html)
        assert not self._open, f"{self._open[-1][0]} is not closed"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        around = tuple(given.get("class", name) for name, given, _ in self._open)
        element = (tag, dict(attrs), list[str]())
        self.elements.append((*element, around))
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, text in self._open:
            text.append(data)

    def all(self, tag: str, style: str | None = None) -> Iterator[tuple[dict[str, str], str]]:
        for name, given, text, _ in self.elements:
            if name == tag and (style is None or given.get("class") == style):
                yield given, "".join(text).replace("\u00a0", " ")

    def text(self) -> str:
        return next(text for _, text in self.all("body"))

    def section(self, title: str) -> str:
        return next((text for _, text in self.all("section") if text.startswith(title)), "")


def test_nothing_that_came_with_model_or_data_is_more_than_text() -> None:
    hostile = evaluation(
        names=(HOSTILE, f"{HOSTILE} ", "owl"),
        hyperparameters={HOSTILE: HOSTILE},
        commit=HOSTILE,
        words=HOSTILE,
        comparison=Comparison("unscorable", HOSTILE, HOSTILE),
    )
    hostile = dataclasses.replace(
        hostile, candidate=dataclasses.replace(hostile.candidate, name=HOSTILE, engine=HOSTILE)
    )
    tame, found = Page(evaluation()), Page(hostile)
    assert {name for name, *_ in found.elements} <= {name for name, *_ in tame.elements}
    for _, given, _, _ in found.elements:
        assert not [name for name in given if name.startswith("on")]
        assert given.get("src", "data:image/png;").startswith("data:image/png;")
    assert "<script>alert(1)</script><img" in found.text()
    found.html.encode("utf-8")


def test_the_page_needs_nothing_else_and_may_load_nothing() -> None:
    found = Page(evaluation())
    first = [given for given, _ in found.all("meta")][:2]
    assert first[1] == {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    }
    used = {name for name, *_ in found.elements}
    assert not used & {"script", "link", "iframe", "object", "base", "form"}
    without_pictures = re.sub('"data:[^"]*"', "", found.html)
    assert not re.search(r"https?:|url\(|@import|//", without_pictures)


def test_the_first_that_is_read_is_how_it_compares_with_the_champion() -> None:
    found = evaluation()
    [(_, first)] = Page(found).all("p", "basis")
    assert first == found.comparison.words
    assert "On 4 of 30 examples only one of the two is right" in Page(found).text()


def test_a_difference_that_chance_cannot_explain_is_told_without_many_zeros() -> None:
    text = Page(evaluation(wrong=(), champion_wrong=range(60), count=60)).text()
    assert "with a chance of less than 0.01 % (McNemar's exact test)" in text


def test_without_a_champion_it_is_how_good_it_is_and_why_nothing_is_compared() -> None:
    found = Page(evaluation(champion_wrong=None))
    words = [text for _, text in found.all("p", "basis")]
    assert words == ["93.3 % of 30 held-out pictures", "no champion yet"]
    assert "change" not in found.section("Key figures") + found.section("Classes")


def test_each_figure_stands_beside_the_champions_with_better_or_worse_in_words() -> None:
    table = Page(evaluation()).section("Key figures")
    assert re.search(r"Accuracy.*93\.3 %86\.7 %\+6\.7 points, better", table)
    assert re.search(r"Log loss.*0\.\d{3}0\.\d{3}\u22120\.\d{3}, better", table)
    worse = Page(evaluation(wrong=(2, 3, 4, 8), champion_wrong=(2, 5))).section("Key figures")
    assert re.search(r"Accuracy.*86\.7 %93\.3 %\u22126\.7 points, worse", worse)
    assert re.search(r"Log loss.*0\.\d{3}0\.\d{3}\+0\.\d{3}, worse", worse)


def test_figures_on_other_examples_are_not_subtracted() -> None:
    found = evaluation()
    fewer = found.labels < 2
    champion = found.champion
    assert champion
    on_fewer = figures.metrics(
        found.labels[fewer], champion.classes[fewer], champion.probabilities[fewer], NAMES
    )
    table = Page(dataclasses.replace(found, champion_metrics=on_fewer)).section("Key figures")
    assert "points" not in table
    assert "the champion on the 20 of them whose class it knows" in table


def test_which_classes_got_better_and_worse_is_told_by_name() -> None:
    text = Page(evaluation(wrong=(2, 5), champion_wrong=(3,))).section("Classes")
    assert "Better: cat (+10.0 points). Worse: owl (\u221220.0 points). As before: 1 class." in text
    assert "▼ \u221220.0 points" in text


def test_classes_of_the_same_name_keep_their_own_figures() -> None:
    text = Page(evaluation(names=("cat", "cat", "owl"), wrong=(1,), champion_wrong=())).text()
    assert "Better: none. Worse: cat (\u221210.0 points). As before: 2 classes." in text


def test_of_many_classes_the_worst_come_first_and_the_pairs_that_are_confused() -> None:
    found = Page(evaluation([f"class {n:03}" for n in range(100)], wrong=(77, 177), count=200))
    rows = [text for _, text in found.all("tr")]
    classes = [row[:9] for row in rows if re.match(r"class \d{3}\d", row)]
    assert classes[0] == "class 077"
    assert sorted(set(classes)) == [f"class {n:03}" for n in range(100)]
    confused = found.section("Confusion")
    assert "A table of 100 classes could not be read" in confused
    assert "class 077class 0782100.0 %" in confused


def test_of_few_classes_both_confusion_matrices_are_shown() -> None:
    tables = [text for _, text in Page(evaluation()).all("table", "confusion")]
    assert tables == ["catdogowlcat1000dog0100owl208", "catdogowlcat910dog091owl208"]


def test_every_plot_says_in_words_what_it_shows() -> None:
    found = Page(evaluation())
    told = [given["aria-label"] for given, _ in found.all("svg") if given.get("role") == "img"]
    texts = [text.replace("\u00a0", " ") for text in told]
    assert len(texts) == 4
    assert "differs by +6.7 points" in texts[0]
    assert "calibration error is 12.7 %. Of 30 answers with a probability of 0.8 to" in texts[1]
    assert "validation from 51.0 % to 97.2 %, best 97.2 % in epoch 2" in texts[2]
    assert "training from 1.500 to 0.600" in texts[3]
    others = [given for given, _ in found.all("svg") if given.get("role") != "img"]
    assert all(given["aria-hidden"] == "true" for given in others)


def test_a_wide_table_moves_in_a_box_that_the_keyboard_reaches() -> None:
    found = Page(evaluation())
    tables = [around for name, _, _, around in found.elements if name == "table"]
    assert len(tables) == 5
    assert all(around[-1] == "scroll" for around in tables)
    assert all(given["tabindex"] == "0" for given, _ in found.all("div", "scroll"))


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ((), "holds no curves"),
        (HISTORY[:1], "One epoch: 61.0 %"),
        ((HISTORY[0], Epoch(2, float("nan"), 0.5, float("inf"), 0.5)), "best 1.400 in epoch 1"),
    ],
)
def test_learning_is_told_of_any_history(history: tuple[Epoch, ...], words: str) -> None:
    assert words in Page(evaluation(history=history)).section("Learning").replace("\u00a0", " ")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_mistake_is_shown_as_the_picture_that_the_model_was_given(channels: int) -> None:
    found = evaluation(shape=(8, 8, channels))
    shown = [given for given, _ in Page(found).all("img")]
    assert [given["alt"] for given in shown] == [
        "Example 2: the label is owl, the answer cat.",
        "Example 5: the label is owl, the answer cat.",
    ]
    png = base64.b64decode(shown[0]["src"].partition("base64,")[2])
    pixels = np.asarray(Image.open(io.BytesIO(png))).reshape(8, 8, channels)
    assert (pixels == found.worst[0].input).all()
    assert "90.0 % sure" in Page(found).section("Worst mistakes")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-3.0, 700.0)])
def test_pictures_in_another_scale_are_seen_as_well(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 64, dtype=np.float32).reshape(8, 8, 1)
    [uri] = pictures.data_uris([ramp])
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_mistake_that_is_no_picture_is_a_row_of_values() -> None:
    found = evaluation(shape=(25,))
    text = Page(found).section("Worst mistakes")
    assert f"2owlcatcat90.0 %{found.worst[0].input[0]:.4g}" in text
    assert "The first 20 of 25 values" in text


def test_no_mistake_is_a_sentence() -> None:
    text = Page(evaluation(wrong=())).section("Worst mistakes")
    assert text.endswith("answers every example as its label says.")


def test_a_candidate_without_usable_answers_has_a_page_that_says_so() -> None:
    words = "not measured on 30 held-out pictures: its answer to example 0 is nan"
    none = Comparison("compared", "not compared", "mlops-champion")
    found = Page(evaluation(metrics=None, words=words, comparison=none, worst=()))
    assert [text for _, text in found.all("p", "basis")] == [words, "not compared"]
    assert not found.section("Key figures")
    assert "epoch" in found.section("Learning")


def test_the_page_stays_small_with_many_classes_and_pictures_that_do_not_compress() -> None:
    names = [f"{n} {HOSTILE}" * 2 for n in range(1000)]
    wrong = range(MOST_MISTAKES)
    assert len(page.render(evaluation(names, wrong, wrong, (224, 224, 3), 1000)).encode()) < 2e6


def colours(style: str) -> dict[str, np.ndarray]:
    found = {}
    for name, value in re.findall(r"--([a-z]+): (#[0-9a-f]+|\d+ \d+ \d+);", style):
        parts = [value[at : at + 2] for at in (1, 3, 5)] if value[0] == "#" else value.split()
        found[name] = np.array([int(part, 16 if value[0] == "#" else 10) for part in parts])
    return found


def luminance(colour: np.ndarray) -> float:
    """WCAG 2.2, "relative luminance"."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.2, "contrast ratio"."""
    high, low = sorted((luminance(np.divide(c, 255)) for c in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_on_every_ground(dark: bool) -> None:
    style = Path(page.__file__).with_name("report.css").read_text()
    light, _, rest = style.partition("@media screen and (prefers-color-scheme: dark)")
    of = colours(rest.partition("* {")[0] if dark else light)
    for text in ("text", "quiet", "candidate", "champion"):
        assert contrast(of[text], of["page"]) >= 4.5, text
    assert contrast(of["quiet"], of["box"]) >= 4.5
    for cell in ("right", "wrong"):
        strongest = (of[cell] + of["page"]) / 2
        assert contrast(of["text"], strongest) >= 4.5, cell
