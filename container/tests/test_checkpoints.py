from pathlib import Path

import numpy as np

from training.checkpoints import Checkpoints

ARRAYS = {"weights": np.arange(1000, dtype=np.float32), "step": np.array(7)}

MARKS = ("uploading", "uploaded")


def saved(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder / "run")
    for step in steps:
        checkpoints.save(step, {**ARRAYS, "step": np.array(step)})
    return checkpoints


def test_what_is_saved_comes_back_as_it_was(tmp_path: Path) -> None:
    loaded = saved(tmp_path, 7).load(7)
    assert {name: value.tobytes() for name, value in loaded.items()} == {
        name: value.tobytes() for name, value in ARRAYS.items()
    }


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5, 90, 100)
    assert checkpoints.steps() == [100, 90]
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_a_checkpoint_that_is_being_uploaded_is_not_taken_away(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1)
    marks = [tmp_path / f"run/step-000000001.npz.sagemaker-{mark}" for mark in MARKS]
    marks[0].touch()
    checkpoints = saved(tmp_path, 2, 3)
    assert checkpoints.steps() == [3, 2, 1]
    marks[1].touch()
    assert saved(tmp_path, 4).steps() == [4, 3]


def test_a_checkpoint_that_is_cut_or_changed_is_passed_over(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    newest = tmp_path / "run/step-000000002.npz"
    whole = newest.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:200] + b"!" + whole[201:]):
        newest.write_bytes(damaged)
        assert checkpoints.steps() == [1]


def test_damaged_ones_of_later_steps_do_not_push_out_the_new(tmp_path: Path) -> None:
    saved(tmp_path, 500, 510)
    for path in (tmp_path / "run").iterdir():
        path.write_bytes(b"")
    assert saved(tmp_path, 10, 20).steps() == [20, 10]


def test_nothing_is_executed_that_a_checkpoint_holds(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1)
    with (tmp_path / "run/step-000000002.npz").open("wb") as file:
        np.savez(file, weights=np.array([print], dtype=object))
    assert checkpoints.steps() == [1]


def test_a_first_start_finds_nothing(tmp_path: Path) -> None:
    assert saved(tmp_path).steps() == []
