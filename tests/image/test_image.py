"""The built images, run as SageMaker runs them: as root, without a network, folders mounted."""

import json
import shutil
import tarfile
import time
from pathlib import Path

import pytest

from scripts.lib.digits import write_sample
from tests.image.containers import Container, Image
from tests.image.jobs import opt_ml

pytestmark = pytest.mark.image


def probabilities(server: Container, data: Path) -> list[float]:
    picture = write_sample(data, index=3).read_bytes()
    status, text = server.ask("8080/invocations", "image/png", picture)
    assert status == 200, text
    (prediction,) = json.loads(text)["predictions"]
    return prediction["probabilities"]


def test_it_trains_on_the_channel_and_leaves_a_model(trained: Path, train_image: Image) -> None:
    print(train_image.size())
    assert (trained / "model/export/Servo/1/saved_model.pb").is_file()
    assert (trained / "model/export/Servo/1/assets.extra/model.onnx").is_file()
    assert list((trained / "output/data/tensorboard").rglob("events.out.tfevents.*"))
    assert not (trained / "output/failure").exists()


def test_it_serves_the_model_and_stops_when_told(
    serve_image: Image, trained: Path, data: Path
) -> None:
    print(serve_image.size())
    with serve_image.serve(trained / "model") as server:
        print(f"healthy after {server.wait(60):.1f} s")
        assert len(probabilities(server, data)) == 10
        assert server.ask("8080/invocations", "application/json", b"{")[0] == 400
        assert server.ask("8080/metrics")[0] == 200
        stopping = time.monotonic()
        assert server.stop(30) == 0
        assert time.monotonic() - stopping < 10, "it had to be killed"


def test_a_model_without_onnx_is_served_by_tensorflow_from_the_train_image(
    train_image: Image, serve_image: Image, trained: Path, data: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(trained / "model", tmp_path / "model")
    (model / "export/Servo/1/assets.extra/model.onnx").unlink()
    with train_image.serve(model) as server:
        print(f"healthy after {server.wait(120):.1f} s")
        by_tensorflow = probabilities(server, data)
    with serve_image.serve(trained / "model") as server:
        server.wait(60)
        assert by_tensorflow == pytest.approx(probabilities(server, data), abs=1e-4)


def test_a_stopped_training_goes_on_where_it_was(
    train_image: Image, data: Path, tmp_path: Path
) -> None:
    job = opt_ml(tmp_path, data, epochs="4")
    with train_image.start("train", volume=f"{job}:/opt/ml") as training:
        deadline = time.monotonic() + 120
        while "epoch=1/4" not in training.log():
            assert time.monotonic() < deadline, training.log()
            time.sleep(0.1)
        assert training.stop(120) == 0, training.log()
    assert list((job / "checkpoints").rglob("step-*"))
    assert not list((job / "model").iterdir())
    assert not (job / "output/failure").exists()
    done = train_image.run("train", volume=f"{job}:/opt/ml")
    assert done.returncode == 0, done.stderr
    assert "epoch=4/4" in done.stdout
    assert "epoch=1/4" not in done.stdout


def test_a_failed_training_leaves_the_reason_where_sagemaker_reads_it(
    train_image: Image, data: Path, tmp_path: Path
) -> None:
    job = opt_ml(tmp_path, data, depth="7")
    assert train_image.run("train", volume=f"{job}:/opt/ml").returncode == 1
    assert "depth is '7', expected 6n + 2" in (job / "output/failure").read_text()


def test_it_evaluates_a_model_without_a_network(
    train_image: Image, trained: Path, data: Path, tmp_path: Path
) -> None:
    inputs = tmp_path / "processing/input"
    shutil.copytree(data, inputs / "data")
    for model in ("candidate", "champion"):
        (inputs / model).mkdir()
        with tarfile.open(inputs / model / "model.tar.gz", "w:gz") as archive:
            archive.add(trained / "model", ".")
    job = ("evaluate", "--version", "new", "--commit", "0123abc", "--champion", "old")
    done = train_image.run(*job, volume=f"{tmp_path}:/opt/ml")
    assert done.returncode == 0, done.stderr
    assert "of old: the same of 360 pictures" in done.stdout
    assert (tmp_path / "processing/output/evaluation/report.html").is_file()


def test_it_looks_for_drift_without_a_network(train_image: Image, tmp_path: Path) -> None:
    """Of a model that has nothing to compare with: every part of the program is loaded for that."""
    told = ("--threshold", "0.25", "--minimum", "500", "--cooldown-days", "7")
    job = ("drift", *told, "--since", "2026-11-01T00:00:00Z")
    done = train_image.run(*job, volume=f"{tmp_path}:/opt/ml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nothing to compare with: what serves has no baseline.json")
    assert (tmp_path / "processing/output/drift/drift.json").is_file()


def test_nothing_that_installs_or_compiles_is_left_in_an_image(
    train_image: Image, serve_image: Image
) -> None:
    look = "for each in pip pip3 gcc cc make cyclonedx-py; do command -v $each; done"
    for image in (train_image, serve_image):
        assert image.run("sh", "-c", look).stdout == ""
        assert "No module named pip" in image.run("python3", "-m", "pip").stderr
    assert "ModuleNotFoundError" in serve_image.run("python3", "-c", "import tensorflow").stderr
