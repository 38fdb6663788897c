import re
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
    with pytest.raises(HyperparameterError, match="dropout is 'much', expected a number"):
        parse({"dropout": "much"}, Plain)
    with pytest.raises(HyperparameterError, match="dropout is 'nan', expected a number"):
        parse({"dropout": "nan"}, Plain)


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
        ("batch_size", "1_0"),
        ("batch_size", " 64"),
        ("batch_size", "٣"),
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("precision", "float16"),
        ("seed", ""),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_value(name: str, text: str) -> None:
    with pytest.raises(HyperparameterError, match=f"{name} is '{text}', expected"):
        parse({name: text}, tiny_model.Hyperparameters)


def test_a_job_of_a_tuning_job_is_any_other_job() -> None:
    """Each gets the name of the objective's metric beside what is tuned."""
    given = {"epochs": "3", "_tuning_objective_metric": "eval:accuracy"}
    assert parse(given, tiny_model.Hyperparameters).epochs == 3


def test_what_an_sdk_adds_for_itself_is_left_aside() -> None:
    names = ("program", "submit_directory", "region", "job_name", "container_log_level")
    given = {f"sagemaker_{name}": '"x"' for name in names} | {"epochs": "3"}
    assert parse(given, tiny_model.Hyperparameters).epochs == 3


@dataclass(frozen=True)
class Named(Hyperparameters):
    sagemaker_like: str = "a"


def test_a_field_of_ones_own_may_begin_like_an_added_one() -> None:
    assert parse({"sagemaker_like": "b"}, Named).sagemaker_like == "b"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("precision", '"float32"', "float32"),
        ("batch_size", '"64"', 64),
        ("learning_rate", '"1e-2"', 0.01),
        ("sagemaker_like", r'"a \"b\" \u00fc"', 'a "b" ü'),
        ("sagemaker_like", '"', '"'),
        ("sagemaker_like", '"a" or "b"', '"a" or "b"'),
    ],
)
def test_a_value_in_json_quotes_is_the_value(name: str, text: str, value: object) -> None:
    assert getattr(parse({name: text}, Named), name) == value


@pytest.mark.parametrize("name", ["epochs", "x" * 2500])
def test_the_reason_is_read_however_long_the_value_is(name: str) -> None:
    """DescribeTrainingJob shows the first 1,024 characters of a FailureReason."""
    with pytest.raises(HyperparameterError) as error:
        parse({name: "1" * 2500}, tiny_model.Hyperparameters)
    assert re.search("expected a whole|known are epochs", str(error.value)[:400])


def test_a_number_that_is_too_large_is_told_the_largest() -> None:
    with pytest.raises(HyperparameterError, match="from 0 to 2147483647"):
        parse({"seed": "2147483648"}, tiny_model.Hyperparameters)
