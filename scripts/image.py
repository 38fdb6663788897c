"""Build the container image with Docker or podman, and run it the way SageMaker does.

build    build container/ as mlops:local; the environment's BASE_IMAGE and PIP_INDEX_URL
         choose the base image and the package index
test     build it, then train and predict in it (tests/image)
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.session import FAILED, Problem, guarded

CONTEXT = Path("container")
TAG = "mlops:local"
ARGUMENTS = ("BASE_IMAGE", "PIP_INDEX_URL")

# Runs in the container, which has no network: 127.0.0.2 answers only a server that listens on all
# addresses, as SageMaker needs it.
CLIENT = """
import sys, urllib.error, urllib.request
path, media = sys.argv[1:]
body = sys.stdin.buffer.read() or None
try:
    request = urllib.request.Request("http://127.0.0.2:8080" + path, body, {"Content-Type": media})
    answer = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as error:
    answer = error
except urllib.error.URLError:
    sys.exit("nothing listens")
print(answer.status)
print(answer.read().decode())
"""


@dataclass(frozen=True)
class Server:
    """A running container of the image."""

    program: str
    container: str

    def ask(self, path: str, media: str = "", body: bytes = b"") -> tuple[int, str]:
        """Status and text that the container answers; status 0 while nothing listens."""
        command = ["exec", "--interactive", self.container, "python3", "-c", CLIENT, path, media]
        done = subprocess.run([self.program, *command], input=body, capture_output=True)
        if done.returncode:
            return 0, done.stderr.decode()
        status, _, text = done.stdout.decode().partition("\n")
        return int(status), text

    def wait(self, most: float) -> float:
        """How many seconds it took until /ping was healthy."""
        started = time.monotonic()
        while self.ask("/ping")[0] != 200:
            if time.monotonic() - started > most:
                raise Problem(f"the image is not healthy after {most:g} s", FAILED)
            time.sleep(0.2)
        return time.monotonic() - started

    def stop(self) -> int:
        """Ends it as SageMaker does: SIGTERM, and a kill after 30 seconds; its exit code."""
        run(self.program, "stop", "--time", "30", self.container)
        form = "{{.State.ExitCode}}"
        return int(run(self.program, "inspect", "--format", form, self.container))


@dataclass(frozen=True)
class Image:
    program: str
    tag: str

    def train(self, opt_ml: Path) -> subprocess.CompletedProcess[str]:
        """`docker run IMAGE train` with a folder as /opt/ml."""
        command = ["run", "--rm", "--network", "none", "--volume", f"{opt_ml}:/opt/ml"]
        return subprocess.run(
            [self.program, *command, self.tag, "train"], capture_output=True, text=True
        )

    @contextmanager
    def serve(self, model: Path) -> Iterator[Server]:
        """`docker run IMAGE serve` with a folder as /opt/ml/model, read-only."""
        command = ["run", "--detach", "--network", "none", "--volume", f"{model}:/opt/ml/model:ro"]
        container = run(self.program, *command, self.tag, "serve")
        try:
            yield Server(self.program, container)
        finally:
            run(self.program, "rm", "--force", container)


def run(*command: str) -> str:
    """Standard output of a program, or a Problem with the last line that it complained in."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Problem(f"{' '.join(command[:2])} failed: {complaint}", FAILED)
    return done.stdout.strip()


def find_builder() -> str:
    """The first of docker and podman that works here."""
    installed = [program for program in ("docker", "podman") if shutil.which(program)]
    for program in installed:
        if subprocess.run([program, "info"], capture_output=True).returncode == 0:
            return program
    if installed:
        raise Problem(f"{installed[0]} does not work here: `{installed[0]} info` tells why")
    raise Problem("nothing here builds images: install Docker or podman (docs/image.md)")


def build(program: str, environment: Mapping[str, str]) -> Image:
    """The image of container/, its build shown as it goes."""
    given = [f"--build-arg={name}={environment[name]}" for name in ARGUMENTS if name in environment]
    command = [program, "build", "--tag", TAG, *given, str(CONTEXT)]
    if subprocess.run(command).returncode:
        raise Problem(f"the image was not built: the cause is above ({' '.join(command)})", FAILED)
    return Image(program, TAG)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.image",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("build", "test"))
    args = parser.parse_args(argv)

    def work() -> int:
        program = find_builder()
        if args.what == "build":
            build(program, os.environ)
            return 0
        tests = ["-m", "pytest", "-m", "image", "-rP", "tests/image"]
        return subprocess.run([sys.executable, *tests]).returncode

    return guarded(work, "What was built stays in the cache; run it again.")


if __name__ == "__main__":
    sys.exit(main())
