"""Which engine serves an artifact, and why another artifact cannot be served."""

import re
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from serving_models import classify, weights, write_onnx, write_saved_model

from serving.engines import (
    BATCH,
    INLINE_LEAST,
    INLINE_LEAST_OF_SEVERAL,
    ONNX,
    Prediction,
    Unusable,
    _inline,
    load,
)

SHAPE = (2, 3)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 in both forms."""
    versions = tmp_path_factory.mktemp("versions")
    write_saved_model(versions, SHAPE)
    return write_onnx(versions, SHAPE)


@pytest.mark.parametrize("shape", [(13,), (2, 3), (8, 8, 3)])
def test_the_shape_of_an_example_is_the_models(tmp_path: Path, shape: tuple[int, ...]) -> None:
    engine = load(write_onnx(tmp_path, shape))
    assert (engine.name, engine.version, engine.shape) == ("onnxruntime", 1, shape)
    examples = np.random.default_rng(0).random((4, *shape), np.float32)
    logits = examples.reshape(4, -1) @ weights(shape)
    found = engine.predict(examples)
    assert (found.classes == logits.argmax(1)).all()
    odds = np.exp(logits)
    np.testing.assert_allclose(found.probabilities, odds / odds.sum(1)[:, None], atol=1e-6)


def test_both_engines_give_the_same_answers(both: Path) -> None:
    engines = [load(both, choice) for choice in ("auto", "tensorflow")]
    assert [engine.name for engine in engines] == ["onnxruntime", "tensorflow"]
    assert engines[0].shape == engines[1].shape == SHAPE
    examples = np.random.default_rng(0).random((5, *SHAPE), np.float32)
    first, second = (engine.predict(examples) for engine in engines)
    assert (first.classes == second.classes).all()
    assert first.classes.dtype == second.classes.dtype
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)


def test_an_artifact_without_onnx_is_served_by_tensorflow(tmp_path: Path, both: Path) -> None:
    (tmp_path / "2").symlink_to(both / "1")
    (tmp_path / "10").mkdir()
    for part in ("saved_model.pb", "variables"):
        (tmp_path / "10" / part).symlink_to(both / "1" / part)
    engine = load(tmp_path)
    assert (engine.name, engine.version) == ("tensorflow", 10)


@pytest.mark.slow  # measures time: a busy builder must not fail a push
def test_the_event_loop_asks_a_quick_engine_and_no_slow_one(tmp_path: Path) -> None:
    assert load(write_onnx(tmp_path / "quick", SHAPE)).inline == BATCH
    assert load(write_onnx(tmp_path / "slow", SHAPE, work=1500)).inline == 0


@pytest.mark.slow
def test_an_engine_on_several_cores_leaves_the_event_loop_its_own_sooner() -> None:
    def predict(examples: np.ndarray) -> Prediction:
        time.sleep(0.0005)
        return classify(examples)

    assert _inline(predict, SHAPE, INLINE_LEAST) > 0
    assert _inline(predict, SHAPE, INLINE_LEAST_OF_SEVERAL) == 0


# Milliseconds for one prediction of n examples
TAKES: dict[str, Callable[[int], float]] = {
    "tiny": lambda n: 0.05 + 0.01 * n,
    "small": lambda n: 0.1 + 0.12 * n,
    "large": lambda n: 1.7 * n,
    "too large": lambda n: 3.2 * n,
    "of many small steps": lambda n: 0.9 + 0.125 * n,
    "of very many": lambda n: 2.3 + 0.1 * n,
    "of few examples only": lambda n: 1.0 + 0.3 * n,
}


@pytest.mark.parametrize(
    ("model", "inline"),
    [
        ("tiny", BATCH),
        ("small", 16),
        ("large", 1),
        ("too large", 0),
        ("of many small steps", 16),
        ("of very many", 0),
        ("of few examples only", 0),
    ],
)
def test_the_event_loop_asks_for_what_fits_unless_many_together_are_much_cheaper(
    model: str, inline: int
) -> None:
    now = 0.0

    def predict(examples: np.ndarray) -> Prediction:
        nonlocal now
        now += TAKES[model](len(examples)) / 1000
        return classify(examples)

    assert _inline(predict, SHAPE, INLINE_LEAST, lambda: now) == inline


def unusable(versions: Path, reason: str, choice: str = "auto") -> None:
    with pytest.raises(Unusable, match=reason) as error:
        load(versions, choice)
    assert "\n" not in str(error.value)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    unusable(tmp_path, f"{re.escape(str(tmp_path))} holds no model: expected .*/1/saved_model.pb")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 1000])
def test_a_damaged_onnx_file_is_not_replaced_by_another_engine(
    tmp_path: Path, content: bytes
) -> None:
    write_onnx(tmp_path, SHAPE)
    (tmp_path / "1" / ONNX).write_bytes(content)
    unusable(tmp_path, f"{re.escape(str(tmp_path))}/1 cannot be loaded by onnxruntime: .+")


def test_a_damaged_saved_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/saved_model.pb").write_bytes(b"damaged")
    unusable(tmp_path, "1 cannot be loaded by tensorflow: .+")


def test_of_a_reason_of_many_lines_the_first_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = types.ModuleType("onnxruntime")
    runtime.SessionOptions = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    unusable(write_onnx(tmp_path, SHAPE), "1 cannot be loaded by onnxruntime: no memory$")


def fail() -> None:
    raise RuntimeError("no memory\n  in file.cc:7")


def test_onnx_runtime_cannot_be_chosen_where_there_is_no_onnx(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    unusable(tmp_path, "1 cannot be loaded by onnxruntime: .*model.onnx", "onnxruntime")


@pytest.mark.parametrize("inputs", [[1, 2, 3], ["n", "rows", 3]])
def test_a_model_that_takes_no_batches_of_one_shape_is_refused(
    tmp_path: Path, inputs: list[str | int]
) -> None:
    write_onnx(tmp_path, SHAPE, inputs)
    unusable(tmp_path, "1: the model takes inputs of (1|any) x .*: expected any number of")


def test_a_model_whose_answer_to_one_example_is_no_batch_is_refused(tmp_path: Path) -> None:
    write_onnx(tmp_path, SHAPE)
    file = str(tmp_path / "1" / ONNX)
    model = onnx.load(file)
    (last,) = (node for node in model.graph.node if "classes" in node.output)
    last.output[0] = "found"
    model.graph.node.append(onnx.helper.make_node("Squeeze", ["found"], ["classes"]))
    onnx.save(model, file)
    unusable(tmp_path, r"1: classes of 1 examples are int64 \(\), expected int64 of 1 dimensions")


def test_without_tensorflow_the_missing_onnx_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1").mkdir()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    unusable(tmp_path, f"1 has no {ONNX} and so needs tensorflow, which is not installed")
