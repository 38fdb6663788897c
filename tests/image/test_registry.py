"""What the build does with an image, and SageMaker after it: push, then pull by digest and run."""

import time
from pathlib import Path

import pytest

from scripts.image import run
from tests.image import registry
from tests.image.containers import Image

pytestmark = pytest.mark.image


def test_what_is_pulled_by_digest_serves_as_what_was_pushed(
    serve_image: Image, trained: Path, tmp_path: Path
) -> None:
    server = registry.installed()
    if server is None:
        pytest.skip(f"no registry to push to: none of {', '.join(registry.PROGRAMS)} is installed")
    program = serve_image.program
    options = ["--tls-verify=false"] if program == "podman" else []
    with registry.running(server, tmp_path) as ours:
        name = f"{ours.host}/mlops/models"
        run(program, "tag", serve_image.tag, f"{name}:abc-serve")
        started = time.monotonic()
        run(program, "push", *options, f"{name}:abc-serve")
        pushed = time.monotonic()
        digest = ours.digest("mlops/models", "abc-serve")
        assert ours.complete("mlops/models", digest)
        run(program, "rmi", f"{name}:abc-serve")
        run(program, "pull", *options, f"{name}@{digest}")
        print(f"push {pushed - started:.0f} s, pull {time.monotonic() - pushed:.0f} s")
        pulled = Image(program, f"{name}@{digest}")
        digests = run(program, "image", "inspect", "--format", "{{.RepoDigests}}", pulled.tag)
        assert f"{name}@{digest}" in digests
        with pulled.serve(trained / "model") as container:
            container.wait(60)
        run(program, "rmi", pulled.tag)
