"""What a job leaves behind: a model that two programs serve alike, or one if the other cannot."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf

from training.export import export

SAMPLE = np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 6)
VERSION = "export/Servo/1"


def network() -> keras.Model:
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])


def test_both_programs_give_the_same_answers_and_facts_travel_along(
    tmp_path: Path,
) -> None:
    facts = {"metrics": {"eval": {"loss": 0.5, "accuracy": 0.75}}, "classes": ["a", "b", "c"]}
    done = export(network(), tf.constant(SAMPLE), facts, tmp_path)
    assert done.not_onnx == ""
    for name, value in facts.items():
        assert json.loads((tmp_path / f"{name}.json").read_text()) == value
    saved = tf.saved_model.load(str(tmp_path / VERSION)).signatures["serving_default"]
    session = onnxruntime.InferenceSession(tmp_path / VERSION / "assets.extra/model.onnx")
    for rows in (1, 5):
        inputs = SAMPLE[:rows]
        expected = {
            name: value.numpy() for name, value in saved(inputs=tf.constant(inputs)).items()
        }
        found = session.run(["classes", "probabilities"], {"inputs": inputs})
        assert found[0].dtype == expected["classes"].dtype == np.int64
        assert (found[0] == expected["classes"]).all()
        np.testing.assert_allclose(found[1], expected["probabilities"], atol=1e-6)


@keras.saving.register_keras_serializable()
class OnlyHere(keras.layers.Layer):
    """Calls Python, which nothing but this process can."""

    def call(self, inputs: tf.Tensor) -> Any:
        found = tf.raw_ops.Betainc(a=tf.abs(inputs) + 1, b=tf.abs(inputs) + 1, x=inputs * 0 + 0.5)
        return tf.ensure_shape(found, inputs.shape)


def test_a_model_that_does_not_convert_is_left_to_tensorflow_with_the_reason(
    tmp_path: Path,
) -> None:
    odd = keras.Sequential([keras.Input((6,)), OnlyHere(), keras.layers.Dense(3)])
    done = export(odd, tf.constant(SAMPLE), {}, tmp_path)
    assert done.not_onnx.startswith("it does not convert")
    assert (tmp_path / VERSION / "saved_model.pb").is_file()
    assert not (tmp_path / VERSION / "assets.extra").exists()


class Coin(keras.layers.Layer):
    """Another answer at each call, so that no two programs can agree."""

    def call(self, inputs: tf.Tensor) -> Any:
        return inputs * tf.random.uniform(tf.shape(inputs), maxval=9.0)


def test_a_conversion_that_answers_otherwise_is_not_kept(tmp_path: Path) -> None:
    odd = keras.Sequential([keras.Input((6,)), Coin(), keras.layers.Dense(3)])
    done = export(odd, tf.constant(SAMPLE), {}, tmp_path)
    assert done.not_onnx.startswith("its answers differ by")
    assert not (tmp_path / VERSION / "assets.extra").exists()


def test_a_second_run_replaces_the_model_of_the_first(tmp_path: Path) -> None:
    stale = ("saved_model.pb", "variables/of-the-first", "assets.extra/of-the-first")
    for name in stale:
        (tmp_path / VERSION / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / VERSION / name).write_text("stale")
    export(network(), tf.constant(SAMPLE), {}, tmp_path)
    left = [path for path in (tmp_path / VERSION).rglob("*") if path.is_file()]
    assert len(left) >= 4
    assert not [path for path in left if path.read_bytes() == b"stale"]
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
