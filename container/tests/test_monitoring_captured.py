"""Captured requests: anybody who may ask the endpoint writes them, and none may end the look."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import JPEG, JSON, NPY, PNG, answers, capture, record

from monitoring import captured
from monitoring.captured import Captured

ROW, PICTURE = (4,), (8, 8, 3)
ROWS = np.random.default_rng(0).normal(0, 1, (6, *ROW)).astype(np.float32)
PICTURES = np.random.default_rng(1).integers(0, 256, (1, *PICTURE)).astype(np.float32)


def read(processing: Path, shape: tuple[int, ...] = ROW) -> tuple[Captured, np.ndarray, np.ndarray]:
    found = Captured(processing / "input/captured", shape, 3)
    batches = list(found.batches())
    if not batches:
        return found, np.empty((0, *shape)), np.empty((0, 3))
    inputs, probabilities = zip(*batches, strict=True)
    return found, np.concatenate(inputs), np.concatenate(probabilities)


@pytest.mark.parametrize("media", [JSON, NPY])
@pytest.mark.parametrize("accept", [JSON, NPY])
def test_rows_are_read_as_the_endpoint_read_them(tmp_path: Path, media: str, accept: str) -> None:
    capture(tmp_path, [record(ROWS, answers(6), media, accept)])
    found, inputs, probabilities = read(tmp_path)
    assert (inputs == ROWS).all()
    assert (probabilities == answers(6)).all()
    assert (found.examples, dict(found.skipped)) == (6, {})


def test_pictures_are_read_as_the_endpoint_read_them(tmp_path: Path) -> None:
    capture(tmp_path, [record(PICTURES, answers(1), PNG), record(PICTURES, answers(1), JPEG)])
    _, inputs, _ = read(tmp_path, PICTURE)
    assert (inputs[0] == PICTURES[0]).all()
    assert inputs[1].mean() == pytest.approx(PICTURES.mean(), abs=4)


def test_a_content_type_may_say_more_than_its_name(tmp_path: Path) -> None:
    one = record(ROWS, answers(6))
    one["captureData"]["endpointInput"]["observedContentType"] = "Application/JSON; charset=utf-8"
    capture(tmp_path, [one])
    assert read(tmp_path)[0].examples == 6


def test_a_number_that_is_missing_stays_missing(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[0, 1] = np.nan
    capture(tmp_path, [record(rows, answers(6), NPY)])
    assert np.isnan(read(tmp_path)[1]).sum() == 1


def test_the_deployments_own_requests_are_left_out(tmp_path: Path) -> None:
    golden = record(ROWS, answers(6), inferenceId="golden-mlops-1-0")
    other = record(ROWS[:1], answers(1), inferenceId="order-golden-7")
    capture(tmp_path, [golden, other])
    found, _, _ = read(tmp_path)
    assert (found.examples, dict(found.skipped)) == (1, {"golden": 1})


def test_other_content_types_are_counted(tmp_path: Path) -> None:
    one = record(ROWS, answers(6))
    one["captureData"]["endpointInput"] |= {"observedContentType": "text/csv", "encoding": "CSV"}
    other = record(ROWS, answers(6))
    other["captureData"]["endpointOutput"]["observedContentType"] = "text/plain"
    capture(tmp_path, [one, other])
    found, _, _ = read(tmp_path)
    assert (found.examples, dict(found.skipped)) == (0, {"other-types": 2})


def changed(*path: str, to: Any) -> dict[str, Any]:
    """A record with another value at one place."""
    found = copy.deepcopy(record(ROWS, answers(6)))
    at = found
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = to
    return found


ASKED, ANSWERED = ("captureData", "endpointInput"), ("captureData", "endpointOutput")
BROKEN: dict[str, dict[str, Any] | bytes] = {
    "no JSON": b"{",
    "cut short": json.dumps(record(ROWS, answers(6))).encode()[:-40],
    "not UTF-8": b'"\xff"',
    "another thing": b"[1, 2]",
    "a number": b"7",
    "very deep": b"[" * 100_000,
    "not a number": b'{"captureData": NaN}',
    "no metadata": changed("eventMetadata", to=None),
    "no answer": changed("captureData", to={"endpointInput": {}}),
    "an input of another shape": record(ROWS[:, :3], answers(6)),
    "answers of another model": record(ROWS, answers(6, classes=4)),
    "fewer answers than inputs": record(ROWS, answers(5)),
    "no example": record(ROWS[:0], answers(0)),
    "an error instead of an answer": changed(*ANSWERED, "data", to='{"error": "no"}'),
    "answers that are no probabilities": record(ROWS, answers(6) + 1),
    "answers that are no numbers": record(ROWS, answers(6) * np.float32("nan"), accept=NPY),
    "data that is no base64": changed(
        *ASKED, to={"observedContentType": NPY, "encoding": "BASE64", "data": "%%%"}
    ),
    "a picture for a table": record(PICTURES, answers(1), PNG),
    "an array of objects": changed(
        *ASKED,
        to={
            "observedContentType": NPY,
            "encoding": "CSV",
            "data": "\x93NUMPY\x01\x00\x40\x00{'descr': '|O', 'fortran_order': 0, 'shape': (1,)}",
        },
    ),
    "a time that is none": changed("eventMetadata", "inferenceTime", to="yesterday"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_line_is_counted_and_the_next_one_read(tmp_path: Path, name: str) -> None:
    capture(tmp_path, [BROKEN[name], record(ROWS, answers(6))])
    found, _, _ = read(tmp_path)
    assert (found.examples, dict(found.skipped)) == (6, {"broken": 1})


def test_a_line_without_end_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "LINE_BYTES", 4096)
    capture(tmp_path, [b'"' + b"x" * 20_000 + b'"', record(ROWS[:1], answers(1))])
    found, _, _ = read(tmp_path)
    assert (found.examples, dict(found.skipped)) == (1, {"broken": 1})


def test_of_too_many_records_a_part_is_read_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "MOST_EXAMPLES", 20)
    for hour in range(10, 20):
        capture(tmp_path, [record(ROWS, answers(6))], str(hour))
    found, _, _ = read(tmp_path)
    assert (found.files_read, found.files, found.examples) == (4, 10, 24)


def test_large_pictures_are_held_a_few_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "BATCH_BYTES", 2 * PICTURES.nbytes)
    capture(tmp_path, [record(PICTURES, answers(1), PNG)] * 5)
    batches = Captured(tmp_path / "input/captured", PICTURE, 3).batches()
    assert [len(inputs) for inputs, _ in batches] == [2, 2, 1]


def test_only_capture_files_are_read(tmp_path: Path) -> None:
    file = capture(tmp_path, [record(ROWS, answers(6))])
    file.with_suffix(".manifest").write_bytes(file.read_bytes())
    assert read(tmp_path)[0].examples == 6


def test_the_time_that_is_spanned_is_told(tmp_path: Path) -> None:
    times = ("2026-11-28T10:00:00Z", "2026-11-27T09:00:00", "2026-11-28T12:00:00+01:00")
    capture(tmp_path, [record(ROWS, answers(6), time=time) for time in times])
    found, _, _ = read(tmp_path)
    assert f"{found.first} {found.last}" == "2026-11-27 09:00:00+00:00 2026-11-28 11:00:00+00:00"
