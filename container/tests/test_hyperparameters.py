import json
from pathlib import Path

import pytest

from hyperparameters import HyperparameterError, Hyperparameters, parse


def test_the_strings_that_sagemaker_sends_become_numbers() -> None:
    choice = parse({"depth": "14", "learning_rate": "1e-2", "epochs": "3"})
    assert choice == Hyperparameters(depth=14, learning_rate=0.01, epochs=3)


def test_this_repositorys_own_choice_is_usable() -> None:
    parse(json.loads((Path(__file__).parents[1] / "hyperparameters.json").read_text()))


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(HyperparameterError, match="learning-rate: did you mean learning_rate"):
        parse({"learning-rate": "0.1"})


def test_a_name_like_no_other_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HyperparameterError, match="known are depth, epochs"):
        parse({"zzz": "1"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "many"),
        ("epochs", "2.5"),
        ("epochs", "0"),
        ("depth", "9"),
        ("depth", "2"),
        ("batch_size", "-1"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("seed", ""),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_value(name: str, text: str) -> None:
    with pytest.raises(HyperparameterError, match=f"{name} is '{text}', expected"):
        parse({name: text})
