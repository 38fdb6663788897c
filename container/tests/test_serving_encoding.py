"""What an answer looks like, and which form a client gets."""

import io
import json

import numpy as np
import pytest

from serving.encoding import ROWS, negotiate, to_json, to_npy
from serving.engines import Prediction


def prediction(examples: int) -> Prediction:
    chances = np.random.default_rng(0).random((examples, 3), np.float32)
    return Prediction(np.arange(examples), chances)


@pytest.mark.parametrize("examples", [1, ROWS, ROWS + 1])
def test_json_has_an_object_for_each_example_and_loses_nothing(examples: int) -> None:
    found = prediction(examples)
    predictions = json.loads(to_json(found))["predictions"]
    assert [one["classes"] for one in predictions] == found.classes.tolist()
    read = np.array([one["probabilities"] for one in predictions], np.float32)
    assert (read == found.probabilities).all()


def test_npy_holds_the_probabilities() -> None:
    found = prediction(2)
    read = np.load(io.BytesIO(to_npy(found)))
    assert read.dtype == np.float32
    assert (read == found.probabilities).all()


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/x-npy", "application/x-npy"),
        ("Application/X-NPY; version=1", "application/x-npy"),
        ("text/html, application/*;q=0.8", "application/json"),
        ("application/x-npy, */*;q=0.1", "application/x-npy"),
        ("application/json;q=0.2, application/x-npy;q=0.9", "application/x-npy"),
        ("application/json;q=0, */*", "application/x-npy"),
        ("text/csv", None),
        ("*/*;q=0", None),
        ("application/json;q=high", None),
        ("", None),
    ],
)
def test_the_client_chooses_the_form_of_the_answer(accept: str, media: str | None) -> None:
    assert negotiate(accept) == media
