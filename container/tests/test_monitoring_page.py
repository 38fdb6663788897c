"""The drift report: what it says, that it needs nothing else, and that all in it is only text."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from captures import NPY, answers, baseline, capture, record

from monitoring import job
from monitoring.record import Look

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOOK = Look(threshold=0.25, minimum=100, cooldown_days=7, since=NOW - timedelta(days=30))
HOSTILE = "</td><script>alert(1)</script>"


def rows(count: int, seed: int, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, (count, width)).astype(np.float32)


def page(processing: Path, inputs: np.ndarray, probabilities: np.ndarray) -> str:
    capture(processing, [record(inputs, probabilities, NPY)])
    job.run(processing, LOOK, NOW)
    text = (processing / "output/drift/report.html").read_text(encoding="utf-8")
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first column has moved by 3, and one class has gone."""
    processing = tmp_path_factory.mktemp("processing")
    even = np.eye(3, dtype=np.float32)[np.arange(300) % 3]
    baseline(processing, rows(300, 1), even)
    moved = rows(300, 2) + np.array([3, 0, 0, 0], np.float32)
    return page(processing, moved, np.eye(3, dtype=np.float32)[np.arange(300) % 2])


def test_the_first_that_is_read_is_the_verdict_and_whether_a_training_is_due(drifted: str) -> None:
    basis = re.search('<p class="basis">(.*?)</p><p>(.*?)</p>', drifted)
    assert basis
    assert re.fullmatch(
        r"drifted: value 1 by a PSI of \d\.\d\d and 3 other figures as well,"
        " in 300 records from 2026-11-28 10:00 UTC to 2026-11-28 10:00 UTC; the limit is 0.25",
        basis[1],
    )
    # Whether it does, the page does not know
    assert basis[2].startswith(
        "Where drift trains by itself, it does so now: drifted, and the cool-down of 7 days is over"
    )


def test_what_moved_most_comes_first_and_the_rest_is_called_steady(drifted: str) -> None:
    found = re.findall(
        r'<th scope="row"><bdi>([a-z0-9 ]+)</bdi></th><td>[\d.]+</td><td>(?:<span[^>]*>)?(\w+)',
        drifted,
    )
    assert found[0] == ("value 1", "drifted")
    assert {"value 2", "value 3", "value 4"} <= {name for name, word in found if word == "steady"}
    assert ("answer class", "drifted") in found


def test_every_plot_says_in_words_what_it_shows(drifted: str) -> None:
    told = re.findall('<svg [^>]*role="img" aria-label="([^"]*)"', drifted)
    assert len(told) == len(re.findall("<figure>", drifted)) == 9
    mean = r"value 1, before and now: PSI \d\.\d\d\. The mean was [45].* and is [78]"
    assert any(re.match(mean, one) for one in told)
    assert any("class 2 from 33.3 % to 0.0 %" in one for one in told)
    others = re.findall("<svg (?![^>]*role=)[^>]*>", drifted)
    assert all('aria-hidden="true"' in one for one in others)


def test_bars_are_as_high_as_the_shares_that_they_show(drifted: str) -> None:
    plot = drifted.partition('aria-label="answer class, ')[2].partition("</svg>")[0]
    heights = {
        style: [float(one) for one in re.findall(rf'height="([\d.]+)" class="bar {style}"', plot)]
        for style in ("before", "now")
    }
    third = heights["before"][0]
    assert heights["before"] == [third] * 3 != [0] * 3
    assert heights["now"] == pytest.approx([1.5 * third, 1.5 * third, 0], abs=0.2)


def test_channels_of_a_grey_picture_are_not_shown_again(tmp_path: Path) -> None:
    grey = np.random.default_rng(3).integers(0, 256, (200, 8, 8, 1)).repeat(3, 3)
    baseline(tmp_path, grey[:100].astype(np.float32), answers(100))
    text = page(tmp_path, grey[100:].astype(np.float32), answers(100))
    shown = re.findall("<h3><bdi>((?:input|channel)[^<]*)", text)
    assert sorted(shown) == ["input deviation", "input mean"]


def test_the_page_needs_nothing_else_and_may_load_nothing(drifted: str) -> None:
    policy = "default-src &#x27;none&#x27;; img-src data:; style-src &#x27;unsafe-inline&#x27;"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in drifted
    assert not re.search(r"<(script|link|iframe|object|base|form|img)\b", drifted)
    assert not re.search(r"https?:|url\(|@import|//", drifted)


def test_names_from_the_baseline_are_only_text(tmp_path: Path) -> None:
    file = baseline(tmp_path, rows(300, 1), answers(300, seed=1))
    file.write_text(file.read_text().replace("class 1", HOSTILE))
    text = page(tmp_path, rows(300, 2), answers(300, seed=2))
    assert "<script" not in text
    assert "&lt;/td&gt;&lt;script" in text


def test_no_number_of_a_request_is_in_it(tmp_path: Path) -> None:
    """Requests may be about people."""
    baseline(tmp_path, rows(300, 1), answers(300, seed=1))
    asked = rows(300, 2)
    asked[17, 2] = 123456.75
    assert "123456" not in page(tmp_path, asked, answers(300, seed=2))


def test_too_few_records_are_a_page_too(tmp_path: Path) -> None:
    baseline(tmp_path, rows(300, 1), answers(300, seed=1))
    text = page(tmp_path, rows(99, 2), answers(99))
    assert "too few to judge: 99 records of the 100 needed" in text
    assert "<h2>Inputs</h2>" not in text
    assert "<h2>What was read</h2>" in text


def test_the_page_stays_small_with_many_columns_and_classes(tmp_path: Path) -> None:
    baseline(tmp_path, rows(300, 1, 2000), answers(300, 1000, seed=1))
    text = page(tmp_path, rows(300, 2, 2000), answers(300, 1000, seed=2))
    assert len(text.encode()) < 300_000
    assert "112 figures that moved less are in drift.json alone" in text
    drift = tmp_path / "output/drift/drift.json"
    assert len(drift.read_bytes()) < 64 * 1024
