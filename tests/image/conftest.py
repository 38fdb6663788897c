"""The two images, built once, and a job that was trained in one of them."""

import os
from pathlib import Path

import pytest

from scripts import image
from scripts.lib.digits import write_digits
from scripts.lib.problems import Problem
from tests.image.containers import Image
from tests.image.jobs import opt_ml


@pytest.fixture(scope="session")
def runner() -> str:
    try:
        return image.find(image.RUNNERS)
    except Problem as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def train_image(runner: str) -> Image:
    return Image(runner, image.build(runner, "train", os.environ, "--quiet"))


@pytest.fixture(scope="session")
def serve_image(runner: str) -> Image:
    return Image(runner, image.build(runner, "serve", os.environ, "--quiet"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_digits(folder)
    return folder


@pytest.fixture(scope="session")
def trained(train_image: Image, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job's /opt/ml after a short training."""
    job = opt_ml(tmp_path_factory.mktemp("job"), data, epochs="3")
    done = train_image.run("train", volume=f"{job}:/opt/ml")
    assert done.returncode == 0, done.stderr
    assert "eval:accuracy=" in done.stdout
    assert "export:onnx=1" in done.stdout
    return job
