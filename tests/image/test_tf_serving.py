"""TensorFlow Serving's own image serves the same artifact with the same answers."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from scripts.image import run
from tests.image.containers import Container, Image

pytestmark = pytest.mark.image

# Documented in TensorFlow Serving with Docker: MODEL_NAME below /models, REST on port 8501
NAME = os.environ.get("TF_SERVING_IMAGE", "docker.io/tensorflow/serving:latest")
REST = "8501/v1/models/mlops"


def test_tensorflow_serving_gives_the_answers_that_our_server_gives(
    serve_image: Image, trained: Path
) -> None:
    program = serve_image.program
    known = subprocess.run([program, "image", "inspect", NAME], capture_output=True).returncode == 0
    if not known:
        pull = subprocess.run([program, "pull", "--quiet", NAME], capture_output=True, text=True)
        if pull.returncode:
            pytest.skip(f"{NAME} cannot be pulled: {pull.stderr.strip().splitlines()[-1]}")
    instances = [
        [[[7.0 * x + y] * 3 for x in range(32)] for y in range(32)],
        [[[0.0] * 3] * 32] * 32,
    ]
    body = json.dumps({"instances": instances}).encode()
    with serve_image.serve(trained / "model") as ours:
        ours.wait(60)
        expected = predictions(*ours.ask("8080/invocations", "application/json", body))
    volume = f"{trained / 'model/export/Servo'}:/models/mlops:ro"
    options = ["--detach", "--network", "none", "--env", "MODEL_NAME=mlops", "--volume", volume]
    name = run(program, "run", *options, NAME)
    try:
        # It holds no Python: the client is a container of ours in its network
        network = ("--network", f"container:{name}")
        client = ("run", "--rm", "--interactive", *network, serve_image.tag)
        theirs = Container(program, name, client, health=REST)
        theirs.wait(60)
        found = predictions(*theirs.ask(f"{REST}:predict", "application/json", body))
    finally:
        run(program, "rm", "--force", name)
    for one, other in zip(found, expected, strict=True):
        assert one["classes"] == other["classes"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def predictions(status: int, text: str) -> list[dict]:
    assert status == 200, text
    return json.loads(text)["predictions"]
