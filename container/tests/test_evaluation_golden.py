"""golden.json: what is asked of the endpoint later is answered by the real server's parts here."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from serving_models import write_onnx

from evaluation import golden
from serving import decoding, encoding, engines
from serving.engines import Engine, Prediction

PICTURE, ROW = (8, 8, 3), (13,)


def inputs(shape: tuple[int, ...], count: int = 200) -> np.ndarray:
    """Pictures of whole numbers, or measurements in units from thousandths to thousands."""
    random = np.random.default_rng(1)
    if shape == PICTURE:
        # Dark, or the small network would be sure of all of them
        return random.integers(0, 9, (count, *shape)).astype(np.float32)
    scale = 10.0 ** random.integers(-3, 1, shape)
    return (random.normal(0, 1, (count, *shape)) * scale).astype(np.float32)


def collected(given: np.ndarray, answer: Prediction, batch: int = 32) -> dict[str, Any]:
    """As if the labels were what the model says."""
    collector = golden.Collector()
    for at in range(0, len(given), batch):
        part = slice(at, at + batch)
        some = Prediction(answer.classes[part], answer.probabilities[part])
        collector.add(given[part], some.classes, some)
    return collector.document()


def answered(request: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """What a server says to it, from the body's bytes to those of the answer."""
    body = orjson.dumps(request["body"])
    examples = decoding.decode("application/json", body, engine.shape)
    return orjson.loads(encoding.to_json(engine.predict(examples)))["predictions"][0]


def far(found: dict[str, Any], expected: dict[str, Any]) -> float:
    apart = np.subtract(found["probabilities"], expected["probabilities"])
    return float(np.abs(apart).max())


def sure(margins: dict[int, list[float]], classes: int = 10) -> tuple[np.ndarray, Prediction]:
    """Inputs that tell their own margin, and answers of those margins, class by class."""
    given, labels, rows = [], [], []
    for label, several in margins.items():
        for margin in several:
            row = np.zeros(classes, np.float32)
            row[label], row[(label + 1) % classes] = (1 + margin) / 2, (1 - margin) / 2
            rows.append(row)
            labels.append(label)
            given.append([margin, label])
    return np.array(given, np.float32), Prediction(np.array(labels), np.array(rows))


def asked(document: dict[str, Any]) -> list[list[float]]:
    return [request["body"]["instances"][0] for request in document["requests"]]


@pytest.mark.parametrize("shape", [PICTURE, ROW])
def test_the_server_answers_each_request_as_expected(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    engine = engines.load(write_onnx(tmp_path, shape))
    given = inputs(shape)
    document = collected(given, engine.predict(given))
    assert document["contentType"] in decoding.DECODERS
    assert document["accept"] in encoding.ENCODERS
    assert len(document["requests"]) == 3  # one for each class
    for request in document["requests"]:
        found, expected = answered(request, engine), request["expected"]
        assert found["classes"] == expected["classes"]
        assert far(found, expected) <= document["tolerance"] / 100


@pytest.mark.parametrize("shape", [PICTURE, ROW])
def test_a_request_holds_exactly_the_numbers_that_the_model_was_given(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    engine = engines.load(write_onnx(tmp_path, shape))
    given = inputs(shape)
    for request in collected(given, engine.predict(given))["requests"]:
        decoded = decoding.decode("application/json", orjson.dumps(request["body"]), shape)
        assert (given == decoded[0]).reshape(len(given), -1).all(1).sum() == 1


def test_pixels_are_whole_numbers_in_the_text(tmp_path: Path) -> None:
    given = inputs(PICTURE)
    document = collected(given, engines.load(write_onnx(tmp_path, PICTURE)).predict(given))
    assert b"." not in orjson.dumps([request["body"] for request in document["requests"]])


def test_another_model_does_not_pass(tmp_path: Path) -> None:
    """A request to which every model answers 1.000 would be of no use."""
    engine, given = engines.load(write_onnx(tmp_path, ROW)), inputs(ROW)
    other = Engine("function", 1, ROW, lambda examples: engine.predict(0.9 * examples))
    document = collected(given, engine.predict(given))
    for request in document["requests"]:
        assert far(answered(request, other), request["expected"]) > document["tolerance"]


def test_at_most_five_classes_are_asked_about_each_once() -> None:
    document = collected(*sure({label: [0.8 - label / 100, 0.7] for label in range(9)}))
    classes = [request["expected"]["classes"] for request in document["requests"]]
    assert classes == [0, 1, 2, 3, 4]


def test_a_request_is_far_from_a_tie_but_no_certainty() -> None:
    document = collected(*sure({3: [1.0, 0.1, 0.78, 0.5]}))
    assert asked(document) == [[0.78, 3]]


def test_the_choice_does_not_depend_on_the_batches() -> None:
    random = np.random.default_rng(0)
    given, answer = sure({label: list(random.random(40)) for label in range(10)})
    once = collected(given, answer, batch=1000)
    assert len(once["requests"]) == golden.MOST
    assert once == collected(given, answer, batch=1) == collected(given, answer, batch=7)


def test_neither_a_wrong_answer_nor_what_the_server_refuses_is_asked() -> None:
    given, answer = sure({1: [0.8], 2: [0.8], 3: [0.8], 4: [0.8]})
    given[1, 0], given[2, 0] = np.nan, np.inf
    collector = golden.Collector()
    collector.add(given, np.array([9, 2, 3, 4]), answer)
    assert [request["expected"]["classes"] for request in collector.document()["requests"]] == [4]


@pytest.mark.parametrize(("side", "least", "most"), [(32, 4, 5), (100, 0, 1), (224, 0, 0)])
def test_all_requests_together_fit_into_a_state(side: int, least: int, most: int) -> None:
    _, answer = sure({label: [0.8] for label in range(6)})
    pictures = np.random.default_rng(0).integers(0, 256, (6, side, side, 3)).astype(np.float32)
    document = collected(pictures, answer)
    assert least <= len(document["requests"]) <= most
    assert len(golden.dump(document)) <= 64 * 1024


def test_no_example_gives_no_request() -> None:
    assert golden.Collector().document()["requests"] == []
