"""The model's own test: replaced together with model.py."""

import json
from pathlib import Path

import tensorflow as tf

import model
from training.hyperparameters import parse


def test_this_repositorys_hyperparameters_are_usable() -> None:
    given = json.loads((Path(__file__).parents[1] / "hyperparameters.json").read_text())
    parse({name: json.dumps(value) for name, value in given.items()}, model.Hyperparameters)


def test_whatever_tuning_may_choose_is_usable() -> None:
    ranges = json.loads((Path(__file__).parents[1] / "tuning.json").read_text())["ranges"]
    for name, allowed in ranges.items():
        for value in allowed.get("values") or (allowed["from"], allowed["to"]):
            parse({name: json.dumps(value)}, model.Hyperparameters)


def test_a_row_arrives_as_it_was_written() -> None:
    numbers = [float(number) for number in range(13)]
    feature = {
        "numbers": tf.train.Feature(float_list=tf.train.FloatList(value=numbers)),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[2])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    inputs, labels = model.parse_example(tf.constant([example.SerializeToString()]))
    assert inputs.numpy().tolist() == [numbers]
    assert labels.numpy().tolist() == [2]


def test_the_network_tells_as_many_classes_as_there_are_names() -> None:
    network = model.build_model(model.Hyperparameters())
    assert network.input_shape == (None, 13)
    assert network.output_shape == (None, 3)
