"""The built image, run as SageMaker runs it: as root, without a network, folders mounted."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from scripts.data import write_digits, write_sample
from scripts.image import Image, build, find_builder
from scripts.session import Problem

pytestmark = pytest.mark.image


@pytest.fixture(scope="module")
def image() -> Image:
    try:
        program = find_builder()
    except Problem as problem:
        pytest.skip(str(problem))
    return build(program, os.environ)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_digits(folder)
    return folder


def opt_ml(folder: Path, data: Path, **hyperparameters: str) -> Path:
    """What SageMaker mounts at /opt/ml for a training job."""
    shutil.copytree(data, folder / "input/data/training")
    for name in ("input/config", "output", "model"):
        (folder / name).mkdir()
    text = json.dumps(hyperparameters)
    (folder / "input/config/hyperparameters.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def trained(image: Image, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    job = opt_ml(tmp_path_factory.mktemp("job"), data, depth="8", epochs="3", batch_size="32")
    done = image.train(job)
    assert done.returncode == 0, done.stderr
    assert "eval:accuracy=" in done.stdout
    return job / "model"


def test_it_trains_on_the_channel_and_leaves_a_model(trained: Path) -> None:
    assert (trained / "export/Servo/1/saved_model.pb").is_file()
    assert not (trained.parent / "output/failure").exists()


def test_it_serves_the_model_and_stops_when_told(image: Image, trained: Path, data: Path) -> None:
    with image.serve(trained) as server:
        print(f"healthy after {server.wait(60):.1f} s")
        picture = write_sample(data, index=3)
        status, text = server.ask("/invocations", "image/png", picture.read_bytes())
        assert status == 200
        assert len(json.loads(text)["predictions"][0]["probabilities"]) == 10
        assert server.ask("/invocations", "application/json", b"{")[0] == 400
        stopping = time.monotonic()
        server.stop()
        assert time.monotonic() - stopping < 10, "it had to be killed"


def test_a_failed_training_leaves_the_reason_where_sagemaker_reads_it(
    image: Image, data: Path, tmp_path: Path
) -> None:
    job = opt_ml(tmp_path, data, depth="7")
    assert image.train(job).returncode == 1
    assert "depth is '7', expected 6n + 2" in (job / "output/failure").read_text()
