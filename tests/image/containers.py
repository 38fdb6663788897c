"""Containers of an image, started and asked as SageMaker does it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.image import run
from scripts.lib.problems import FAILED, Problem

# Runs in a container, which has no network: 127.0.0.2 answers only a server that listens on all
# addresses, as SageMaker needs it.
CLIENT = """
import sys, urllib.error, urllib.request
url, media = sys.argv[1:]
body = sys.stdin.buffer.read() or None
try:
    request = urllib.request.Request("http://127.0.0.2:" + url, body, {"Content-Type": media})
    answer = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as error:
    answer = error
except OSError:
    sys.exit("nothing listens")
print(answer.status)
print(answer.read().decode())
"""


@dataclass(frozen=True)
class Container:
    """A running container; `client` starts a command where its ports are reached."""

    program: str
    name: str
    client: tuple[str, ...]
    health: str = "8080/ping"

    def ask(self, url: str, media: str = "", body: bytes = b"") -> tuple[int, str]:
        """Status and text that `port/path` answers; status 0 while nothing listens."""
        command = [self.program, *self.client, "python3", "-c", CLIENT, url, media]
        done = subprocess.run(command, input=body, capture_output=True)
        if done.returncode:
            return 0, done.stderr.decode()
        status, _, text = done.stdout.decode().partition("\n")
        return int(status), text

    def wait(self, most: float) -> float:
        """How many seconds it took until it was healthy."""
        started = time.monotonic()
        while self.ask(self.health)[0] != 200:
            if time.monotonic() - started > most:
                raise Problem(f"not healthy after {most:g} s:\n{self.log()}", FAILED)
            time.sleep(0.1)
        return time.monotonic() - started

    def log(self) -> str:
        command = [self.program, "logs", self.name]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout

    def stop(self, seconds: int) -> int:
        """SIGTERM, and a kill after so many seconds; its exit code."""
        run(self.program, "stop", "--time", str(seconds), self.name)
        form = "{{.State.ExitCode}}"
        return int(run(self.program, "inspect", "--format", form, self.name))


@dataclass(frozen=True)
class Image:
    program: str
    tag: str

    def run(self, *command: str, volume: str = "/opt/ml") -> subprocess.CompletedProcess[str]:
        """`docker run IMAGE COMMAND` to its end; volume: `folder:/opt/ml`."""
        options = ["--rm", "--network", "none", "--volume", volume]
        return subprocess.run(
            [self.program, "run", *options, self.tag, *command], capture_output=True, text=True
        )

    @contextmanager
    def start(self, *command: str, volume: str) -> Iterator[Container]:
        """`docker run IMAGE COMMAND` in the background; removed at the end."""
        options = ["--detach", "--network", "none", "--volume", volume]
        name = run(self.program, "run", *options, self.tag, *command)
        try:
            yield Container(self.program, name, ("exec", "--interactive", name))
        finally:
            run(self.program, "rm", "--force", name)

    def serve(self, model: Path) -> AbstractContextManager[Container]:
        """`docker run IMAGE serve` with a folder as /opt/ml/model, read-only."""
        return self.start("serve", volume=f"{model}:/opt/ml/model:ro")

    def size(self) -> str:
        size = int(run(self.program, "image", "inspect", "--format", "{{.Size}}", self.tag))
        return f"{self.tag} has {size / 1e6:.0f} MB"
