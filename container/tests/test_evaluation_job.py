"""An evaluation from its folders to its files: who is better, and what cannot be told."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_model
from evaluations import NAMES, answers, artifact, held_out, pack
from records import example, record, write
from serving_models import write_saved_model

from evaluation.errors import EvaluationError
from evaluation.job import Contest, run
from evaluation.scoring import Contender
from evaluation.telling import noun
from serving.engines import Engine
from training import checks, likeness
from training.errors import JobError

LABELS = [place % 3 for place in range(360)]
NAME, OLD = "mlops-0123abcd", "mlops-old"


@pytest.fixture
def ml(tmp_path: Path) -> Path:
    """/opt/ml/processing with data and a candidate that is right but for 7 of 360."""
    held_out(tmp_path / "input/data", LABELS)
    artifact(candidate(tmp_path), answers(wrong=range(7)))
    return tmp_path


def candidate(ml: Path) -> Path:
    return ml / "input/candidate/model.tar.gz"


def champion(ml: Path) -> Path:
    return ml / "input/champion/model.tar.gz"


def evaluate(ml: Path, old: str = OLD, gone: str = "") -> dict[str, Any]:
    """The summary."""
    run(ml, tiny_model, Contest(NAME, "0123abc", old, gone))
    return read(ml, "summary")


def read(ml: Path, name: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (ml / f"output/evaluation/{name}.json").read_text()
    return json.loads(text, parse_constant=refuse)


def refused(ml: Path) -> str:
    with pytest.raises(JobError) as caught:
        evaluate(ml, "")
    assert not (ml / "output").exists()
    return str(caught.value)


def test_a_worse_candidate_is_told_with_how_much_of_it_is_chance(ml: Path) -> None:
    artifact(champion(ml), answers(wrong=range(3, 8)))
    summary = evaluate(ml)
    assert summary["comparison"] == {
        "outcome": "compared",
        "examples": 360,
        "accuracy": 353 / 360,
        "championAccuracy": 355 / 360,
        "difference": pytest.approx(-2 / 360),
        "words": f"98.1 % against 98.6 % of {OLD}: 2 of 360 examples fewer, within chance",
    }
    assert (summary["engine"], summary["examples"]) == ("onnxruntime", 360)
    assert summary["words"] == "98.1 % of 360 held-out examples"
    assert summary["metadata"]["accuracy"] == "0.980556"
    assert summary["metadata"]["p-value"] == "0.625"  # three against one: 2 x 5 / 16


def test_every_answer_is_in_the_file_of_predictions(ml: Path) -> None:
    artifact(champion(ml), answers(wrong=[2]))
    evaluate(ml)
    with (ml / "output/evaluation/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [NAMES[label] for label in LABELS]
    assert list(rows[2].values()) == ["2", "high", "low", "0.750000", "low", "0.750000"]
    assert sum(row["label"] != row["predicted"] for row in rows) == 7


def test_both_models_figures_lie_beside_sagemakers_layout(ml: Path) -> None:
    artifact(champion(ml), answers(wrong=[2]))
    evaluate(ml)
    found = read(ml, "evaluation")
    table = found["multiclass_classification_metrics"]["confusion_matrix"]
    assert table == {
        "0": {"0": 117, "1": 3, "2": 0},
        "1": {"0": 0, "1": 118, "2": 2},
        "2": {"0": 2, "1": 0, "2": 118},
    }
    ours = found["evaluation"]
    assert (ours["version"], ours["commit"]) == (NAME, "0123abc")
    mine, theirs = (ours[who]["metrics"] for who in ("candidate", "champion"))
    assert [each["name"] for each in mine["classes"]] == list(NAMES)
    assert (mine["accuracy"], theirs["accuracy"]) == (353 / 360, 359 / 360)
    # Always 0.75 sure, and right in 353 of 360
    assert mine["calibration_error"] == pytest.approx(353 / 360 - 0.75)


def test_how_it_was_trained_travels_from_the_artifact_to_the_registry(ml: Path) -> None:
    score = {"loss": 0.5, "accuracy": 0.75}
    history = [{"epoch": 1, "train": score, "validation": score}]
    used = {"epochs": 3, "flip": True, "precision": "float32", "rate": 1e-05}
    artifact(candidate(ml), answers(), history=history, hyperparameters=used)
    summary = evaluate(ml, "")
    assert {k: v for k, v in summary["metadata"].items() if k.startswith("hyper")} == {
        "hyperparameter.epochs": "3",
        "hyperparameter.flip": "true",
        "hyperparameter.precision": "float32",
        "hyperparameter.rate": "1e-05",
    }
    (epoch,) = read(ml, "evaluation")["evaluation"]["history"]
    assert (epoch["loss"], epoch["validation_accuracy"]) == (0.5, 0.75)


def test_without_a_champion_the_candidate_stands_alone(ml: Path) -> None:
    summary = evaluate(ml, "")
    assert summary["comparison"]["outcome"] == "none"
    assert summary["comparison"]["difference"] is None
    assert summary["accuracy"] == 353 / 360
    assert "p-value" not in summary["metadata"]
    assert read(ml, "evaluation")["evaluation"]["champion"] is None


def outcome(ml: Path, gone: str = "") -> tuple[str, str]:
    """Of a champion that is not compared; the candidate's accuracy is told all the same."""
    summary = evaluate(ml, gone=gone)
    found = summary["comparison"]
    assert summary["accuracy"] == 353 / 360
    assert [found[name] for name in ("examples", "accuracy", "championAccuracy", "difference")] == [
        None
    ] * 4
    assert len(found["words"]) <= 300
    return found["outcome"], found["words"]


def test_a_champion_of_other_inputs_is_not_compared(ml: Path) -> None:
    artifact(champion(ml), answers(), shape=(2, 4))
    words = f"not comparable: {OLD} takes inputs of shape (2, 4), not (6,)"
    assert outcome(ml) == ("other-inputs", words)


def test_a_champion_of_other_classes_is_not_compared(ml: Path) -> None:
    artifact(champion(ml), answers(), names=("cat", "dog", "cow"))
    words = f"not comparable: {OLD} knows none of the classes, but cat, dog, cow"
    assert outcome(ml) == ("other-classes", words)


def test_a_champion_that_shares_classes_is_compared_by_their_names(ml: Path) -> None:
    table = answers(classes=(2, 1, 3), count=4)  # of a label low, middle, high: which column
    table[1] = answers(classes=(0,), count=4)[0]  # it takes middle for zero
    artifact(champion(ml), table, names=("zero", "one", "low", "high"))
    found = evaluate(ml)["comparison"]
    assert (found["outcome"], found["examples"]) == ("compared", 240)
    # Of the first seven, five are of a class that it knows
    assert (found["accuracy"], found["championAccuracy"]) == (235 / 240, 1)
    ours = read(ml, "evaluation")["evaluation"]["champion"]["metrics"]
    assert ours["class_names"] == [*NAMES, "zero", "one"]
    assert (ours["examples"], ours["accuracy"]) == (240, 1)


def test_a_champion_that_is_gone_is_unscorable_with_the_reason(ml: Path) -> None:
    words = f"{OLD} cannot be scored: its artifact was deleted"
    assert outcome(ml, "its artifact was deleted") == ("unscorable", words)


def test_a_champion_that_did_not_arrive_is_unscorable(ml: Path) -> None:
    words = f"{OLD} cannot be scored: its archive is refused: it is missing"
    assert outcome(ml) == ("unscorable", words)


def test_a_damaged_champion_is_unscorable(ml: Path) -> None:
    whole = artifact(champion(ml), answers()).read_bytes()
    champion(ml).write_bytes(whole[: len(whole) // 2])
    found, words = outcome(ml)
    assert found == "unscorable"
    assert words.endswith("it is damaged, cut short or no tar archive")


def test_a_champion_that_does_not_load_is_unscorable(ml: Path) -> None:
    file = ml / "broken/export/Servo/1/assets.extra/model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"nothing")
    pack(champion(ml), ml / "broken")
    found, words = outcome(ml)
    assert found == "unscorable"
    assert words.startswith(f"{OLD} cannot be scored: export/Servo/1 cannot be loaded by onnx")


def test_a_champion_with_more_names_than_answers_is_unscorable(ml: Path) -> None:
    artifact(champion(ml), answers(), names=(*NAMES, "highest"))
    words = f"{OLD} cannot be scored: it answers for 3 classes and names 4"
    assert outcome(ml) == ("unscorable", words)


def no_probability(place: int = 200, value: float = np.nan) -> np.ndarray:
    table = answers(wrong=range(7))
    table[:, place, 0] = value
    return table


def test_a_champion_that_answers_no_probability_is_unscorable(ml: Path) -> None:
    artifact(champion(ml), no_probability())
    words = f"{OLD} cannot be scored: its answer to example 200 is nan, which is no probability"
    assert outcome(ml) == ("unscorable", words)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -0.1])
def test_a_candidate_that_answers_no_probability_has_no_accuracy(ml: Path, value: float) -> None:
    artifact(candidate(ml), no_probability(value=value))
    artifact(champion(ml), answers())
    summary = evaluate(ml)
    assert summary["accuracy"] is None
    assert summary["comparison"]["difference"] is None
    assert summary["words"] == (
        "not measured on 360 held-out examples: its answer to example 200 is"
        f" {value:g}, which is no probability"
    )
    assert "accuracy" not in summary["metadata"]
    assert "multiclass_classification_metrics" not in read(ml, "evaluation")


def test_a_candidate_that_cannot_be_unpacked_ends_the_job_with_a_sentence(ml: Path) -> None:
    candidate(ml).write_bytes(b"<Error><Code>NoSuchKey")
    assert refused(ml) == (
        "the candidate cannot be evaluated: its archive is refused: it is no gzip archive, or"
        " damaged"
    )


def test_a_candidate_of_another_shape_than_the_code_reads_ends_the_job(ml: Path) -> None:
    artifact(candidate(ml), answers(), shape=(7,))
    assert refused(ml) == "the candidate takes inputs of shape (7,), but model.py reads (6,)"


def test_a_candidate_of_other_classes_than_the_data_ends_the_job(ml: Path) -> None:
    (ml / "input/data/classes.json").write_text('["small", "middle", "large"]')
    assert refused(ml) == (
        "the candidate's classes are low, middle, high, but those of the data are small, middle,"
        " large"
    )


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "eval.tfrecords holds no record"),
        ([example(0), record([0] * 6, 7)], "eval.tfrecords, record 1: label is 7, expected 0 to 2"),
        ([example(0), record([0] * 5, 1)], "eval.tfrecords, record 1: "),
        ([example(1)] * 4, "eval.tfrecords: all 4 examples are of class 'middle': whoever always"),
    ],
)
def test_held_out_data_that_tells_nothing_ends_the_job(
    ml: Path, records: list[bytes], reason: str
) -> None:
    write(ml / "input/data/eval.tfrecords", records)
    assert refused(ml).startswith(reason)


def test_held_out_data_that_is_cut_short_ends_the_job(ml: Path) -> None:
    file = ml / "input/data/eval.tfrecords"
    file.write_bytes(file.read_bytes()[:-1])
    assert refused(ml) == "eval.tfrecords, record 359: truncated, damaged, or not a TFRecord"


def test_absent_held_out_data_ends_the_job(ml: Path) -> None:
    (ml / "input/data/eval.tfrecords").unlink()
    assert refused(ml).startswith("eval.tfrecords is missing from channel data")


def test_a_model_that_only_tensorflow_can_serve_is_judged_by_it(ml: Path) -> None:
    versions = write_saved_model(ml / "own/export/Servo", (6,))
    pack(champion(ml), versions.parents[1])  # no list of classes: those of the data, as many
    assert evaluate(ml)["comparison"]["outcome"] == "compared"
    assert read(ml, "evaluation")["evaluation"]["champion"]["engine"] == "tensorflow"


def test_a_job_that_ends_while_it_writes_leaves_no_summary(ml: Path) -> None:
    (ml / "output/evaluation/report.html").mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.html"):
        evaluate(ml, "")
    assert (ml / "output/evaluation/predictions.csv").exists()
    assert not (ml / "output/evaluation/summary.json").exists()


def test_what_was_unpacked_is_gone_when_the_job_ends(ml: Path) -> None:
    artifact(champion(ml), answers())
    evaluate(ml)
    assert sorted(path.name for path in ml.iterdir()) == ["input", "output"]


def test_a_summary_stays_small_however_much_was_chosen(ml: Path) -> None:
    used = {f"选择{number:06}" * 9: "数" * 1000 for number in range(100)}
    artifact(candidate(ml), answers(), hyperparameters=used)
    evaluate(ml, "")
    assert 8 * 1024 < (ml / "output/evaluation/summary.json").stat().st_size <= 16 * 1024


@pytest.mark.parametrize("broken", ["[", '{"a": 1}', '[{"epoch": 1}]', "[" * 100_000])
def test_curves_that_cannot_be_read_are_left_out_and_told(
    ml: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    folder = ml / "input/candidate.unpacked"
    (folder / "history.json").write_text(broken)
    (folder / "hyperparameters.json").write_text("[]")
    pack(candidate(ml), folder)
    assert evaluate(ml, "")["accuracy"] == 353 / 360
    said = capsys.readouterr().out
    assert "the report has no learning curves: history.json" in said
    assert "the hyperparameters are unknown: hyperparameters.json in it is not an object" in said


def test_a_champion_that_was_given_other_inputs_is_not_asked(ml: Path) -> None:
    split = checks.check_split(ml / "input/data", "eval", tiny_model)
    known = likeness.describe(split, tiny_model)
    artifact(champion(ml), answers(), inputs=known)
    assert evaluate(ml)["comparison"]["outcome"] == "compared"
    scaled = {name: [each / 255 for each in figures] for name, figures in known.items()}
    artifact(champion(ml), answers(), inputs=scaled)
    told = evaluate(ml)["comparison"]
    assert told["outcome"] == "other-inputs"
    assert told["words"].startswith(f"not comparable: {OLD} was given another input for the same")


@pytest.mark.parametrize("broken", [[1], {"a": "b"}, {"a": [1e300]}])
def test_what_a_champion_says_of_its_inputs_need_not_be_readable(ml: Path, broken: Any) -> None:
    artifact(champion(ml), answers(), inputs=broken)
    assert evaluate(ml)["comparison"]["outcome"] == "compared"


def test_half_a_character_in_what_a_model_brings_is_no_fault_of_the_job(ml: Path) -> None:
    half = {"a": "\ud800"}
    artifact(candidate(ml), answers(wrong=range(7)), hyperparameters=half)
    artifact(champion(ml), answers(), names=["\ud800", "b", "c"])
    told = evaluate(ml)
    assert (told["accuracy"], told["comparison"]["outcome"]) == (353 / 360, "unscorable")


@pytest.mark.parametrize("score", [1e308, -1e308, 5e-324])
def test_scores_that_nobody_can_draw_are_no_fault_of_the_job(ml: Path, score: float) -> None:
    scores = {"loss": score, "accuracy": 1e-323}
    epochs = [{"epoch": one, "train": scores, "validation": scores} for one in (1, 2)]
    artifact(candidate(ml), answers(), history=epochs)
    assert evaluate(ml, "")["accuracy"] == 1


def test_want_of_memory_says_nothing_of_the_champion() -> None:
    def predict(inputs: Any) -> Any:
        raise MemoryError

    engine = Engine("onnxruntime", 1, (6,), predict)
    with pytest.raises(EvaluationError, match="EvaluationInstanceType"):
        Contender(OLD, Path(), engine, NAMES).ask(np.zeros((1, 6), np.float32))


def test_a_picture_is_called_one() -> None:
    assert [noun(shape) for shape in [(32, 32, 3), (8, 8, 1)]] == ["picture"] * 2
    assert [noun(shape) for shape in [(13,), (32, 32, 4), (5, 3)]] == ["example"] * 3


def test_report_baseline_and_requests_are_of_the_same_examples(ml: Path) -> None:
    artifact(champion(ml), answers(wrong=range(3, 8)))
    summary = evaluate(ml)
    assert read(ml, "baseline")["dataset"]["item_count"] == 360
    assert len(read(ml, "golden")["requests"]) == len(NAMES)
    assert summary["comparison"]["words"] in (ml / "output/evaluation/report.html").read_text()
