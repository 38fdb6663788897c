from dataclasses import dataclass

import pytest
import tiny_model

from training.errors import HyperparameterError
from training.hyperparameters import Hyperparameters, parse


def test_the_strings_that_sagemaker_sends_become_numbers() -> None:
    choice = parse(
        {"epochs": "3", "learning_rate": "1e-2", "noise": "0.2"}, tiny_model.Hyperparameters
    )
    assert choice == tiny_model.Hyperparameters(epochs=3, learning_rate=0.01, noise=0.2)


@dataclass(frozen=True)
class Plain(Hyperparameters):
    dropout: "float" = 0.1


def test_a_field_of_ones_own_needs_no_rule() -> None:
    assert parse({"dropout": "0.2"}, Plain).dropout == 0.2
    with pytest.raises(HyperparameterError, match="dropout is 'much', expected float"):
        parse({"dropout": "much"}, Plain)


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(HyperparameterError, match="learning-rate: did you mean learning_rate"):
        parse({"learning-rate": "0.1"}, tiny_model.Hyperparameters)


def test_a_name_like_no_other_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HyperparameterError, match=r"known are epochs, batch_size.*noise"):
        parse({"zzz": "1"}, tiny_model.Hyperparameters)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epochs", "many"),
        ("epochs", "2.5"),
        ("epochs", "0"),
        ("noise", "0.6"),
        ("batch_size", "-1"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("precision", "float16"),
        ("seed", ""),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_value(name: str, text: str) -> None:
    with pytest.raises(HyperparameterError, match=f"{name} is '{text}', expected"):
        parse({name: text}, tiny_model.Hyperparameters)
