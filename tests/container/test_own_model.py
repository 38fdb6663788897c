"""Another model is another model.py: the example for tables, put in place and used to the end."""

import filecmp
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

CONTAINER = Path(__file__).parents[2] / "container"
MINE = {"model.py", "hyperparameters.json", "tuning.json", "tests/test_model.py"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's repository after the three commands of examples/tabular/README.md."""
    folder = tmp_path_factory.mktemp("repository") / "model"
    shutil.copytree(CONTAINER, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in sorted(MINE):
        shutil.copy(folder / "examples/tabular" / Path(name).name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wines() -> tuple[np.ndarray, np.ndarray]:
    return read_wines()


@pytest.fixture(scope="module")
def base(
    repository: Path, wines: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """/opt/ml after a training."""
    base = tmp_path_factory.mktemp("ml")
    (base / "input/config").mkdir(parents=True)
    channel = base / "input/data/training"
    channel.mkdir(parents=True)
    given = json.loads((repository / "hyperparameters.json").read_text())
    given["precision"] = "float32"  # as it is served, so that scores are the same on any processor
    text = json.dumps({name: str(value) for name, value in given.items()})
    (base / "input/config/hyperparameters.json").write_text(text)
    everything = np.arange(len(wines[1]))  # by kind: each fourth of a kind is held out
    rows, rest = everything[everything % 4 > 0], everything[::4]
    for name, chosen in (("train", rows), ("validation", rest), ("eval", rest)):
        with tf.io.TFRecordWriter(str(channel / f"{name}.tfrecords")) as file:
            for row in chosen:
                file.write(record(wines[0][row], int(wines[1][row])))
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    done = subprocess.run(
        [sys.executable, repository / "train"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return base


def read_wines() -> tuple[np.ndarray, np.ndarray]:
    """float32 [178, 13] measures of wines, and their kinds.

    Aeberhard and Forina, Wine, UCI Machine Learning Repository, 1992 (doi.org/10.24432/C5PC7J,
    CC BY 4.0).
    """
    rows = np.loadtxt(Path(__file__).with_name("wine.csv"), delimiter=",")
    return rows[:, :-1].astype(np.float32), rows[:, -1].astype(np.int64)


def record(numbers: np.ndarray, label: int) -> bytes:
    feature = {
        "numbers": tf.train.Feature(float_list=tf.train.FloatList(value=numbers)),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_nothing_but_the_model_its_values_and_its_test_differs(repository: Path) -> None:
    files = [path.relative_to(repository) for path in repository.rglob("*") if path.is_file()]
    _, differ, missing = filecmp.cmpfiles(CONTAINER, repository, files, shallow=False)
    assert {str(name) for name in differ} == MINE
    assert not missing


@pytest.mark.slow
def test_its_own_test_passes_where_a_push_runs_it(repository: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/test_model.py"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_other_test_knows_the_model() -> None:
    others = [path for path in CONTAINER.glob("tests/*.py") if path.name != "test_model.py"]
    assert len(others) > 5
    for path in others:
        text = path.read_text()
        assert "\nimport model\n" not in text and "from model import" not in text, path


@pytest.mark.slow
def test_it_trains_to_a_good_score(base: Path) -> None:
    scores = json.loads((base / "model/metrics.json").read_text())
    assert scores["eval"]["accuracy"] > 0.9
    assert (base / "model/export/Servo/1/assets.extra/model.onnx").is_file()
    assert json.loads((base / "model/classes.json").read_text()) == ["first", "second", "third"]


@pytest.mark.slow
def test_it_is_evaluated_against_the_model_that_serves(
    repository: Path, base: Path, tmp_path: Path
) -> None:
    inputs = tmp_path / "processing/input"
    shutil.copytree(base / "input/data/training", inputs / "data")
    for model in ("candidate", "champion"):
        (inputs / model).mkdir()
        with tarfile.open(inputs / model / "model.tar.gz", "w:gz") as archive:
            archive.add(base / "model", ".")
    named = ("--version", "new", "--commit", "0123abc", "--champion", "old")
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, repository / "evaluate", *named],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = tmp_path / "processing/output/evaluation"
    summary = json.loads((found / "summary.json").read_text())
    scores = json.loads((base / "model/metrics.json").read_text())["eval"]
    assert summary["accuracy"] == pytest.approx(scores["accuracy"], abs=1e-6)
    assert float(summary["metadata"]["log-loss"]) == pytest.approx(scores["loss"], abs=1e-4)
    assert summary["comparison"]["words"].endswith(" of old: the same of 45 examples")
    assert summary["metadata"]["hyperparameter.units"] == "16"
    assert (found / "report.html").is_file()


@pytest.mark.slow
def test_it_answers_rows_in_json_and_numpys_format_and_refuses_a_picture(
    repository: Path, base: Path, wines: tuple[np.ndarray, np.ndarray]
) -> None:
    rows = wines[0][::20]
    file = io.BytesIO()
    np.save(file, rows)
    with serving(repository, base) as url:
        as_json = ask(url, "application/json", json.dumps({"instances": rows.tolist()}).encode())
        as_array = ask(url, "application/x-npy", file.getvalue())
        status, refusal = ask(url, "image/png", b"\x89PNG")
    assert as_json == as_array
    answers = np.array([each["classes"] for each in as_json[1]["predictions"]])
    assert np.count_nonzero(answers != wines[1][::20]) <= 1
    assert status in (400, 415)
    assert refusal["error"]


@contextmanager
def serving(repository: Path, base: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }
    with subprocess.Popen([sys.executable, repository / "serve"], env=environment) as process:
        try:
            end = time.monotonic() + 300
            while ping(url) != 200:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def ping(url: str) -> int:
    try:
        with urllib.request.urlopen(f"{url}/ping") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def ask(url: str, kind: str, body: bytes) -> tuple[int, dict[str, list[dict[str, object]]]]:
    request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
