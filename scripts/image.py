"""Build the two container images, `train` and `serve`, with Docker, podman or buildah.

build    build container/ as mlops:train and mlops:serve; the environment's BASE_IMAGE and
         PIP_INDEX_URL choose the base image and the package index
sbom     write what they hold to build/sbom/train.cdx.json and serve.cdx.json (CycloneDX)
test     build them, then train and predict in them as SageMaker does (tests/image)
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.image")

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.lib.guard import guarded
from scripts.lib.problems import FAILED, Problem

CONTEXT = Path("container")
SBOM = Path("build/sbom")
TARGETS = ("train", "serve")
ARGUMENTS = ("BASE_IMAGE", "PIP_INDEX_URL")
# They also run an image as SageMaker does. buildah's run is a step of a build: it knows no CMD, no
# `exec` and no `stop`.
RUNNERS = ("docker", "podman")
BUILDERS = (*RUNNERS, "buildah")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.image",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("build", "sbom", "test"))
    args = parser.parse_args(argv)

    def work() -> int:
        program = find(BUILDERS if args.what == "build" else RUNNERS)
        if args.what == "test":
            tests = ["-m", "pytest", "-m", "image", "-rPs", "tests/image"]
            return subprocess.run([sys.executable, *tests]).returncode
        for target in TARGETS:
            if args.what == "build":
                build(program, target, os.environ)
            else:
                print(f"wrote {write_sbom(program, target)}")
        return 0

    return guarded(work, "What was built stays in the cache; run it again.")


def run(*command: str) -> str:
    """Standard output of a program, or a Problem with the last line that it complained in."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Problem(f"{' '.join(command[:2])} failed: {complaint}", FAILED)
    return done.stdout.strip()


def find(programs: Sequence[str]) -> str:
    """The first of the programs that works here."""
    installed = [program for program in programs if shutil.which(program)]
    for program in installed:
        if subprocess.run([program, "info"], capture_output=True).returncode == 0:
            return program
    if installed:
        raise Problem(f"{installed[0]} does not work here: `{installed[0]} info` tells why")
    raise Problem(f"none of {', '.join(programs)} is installed (docs/image.md)")


def tag(target: str) -> str:
    return f"mlops:{target}"


def build(program: str, target: str, environment: Mapping[str, str], *options: str) -> str:
    """Builds one of the targets, shown as it goes; its tag."""
    given = [f"--build-arg={name}={environment[name]}" for name in ARGUMENTS if name in environment]
    named = ["--target", target, "--tag", tag(target)]
    command = [program, "build", *options, *named, *given, str(CONTEXT)]
    started = time.monotonic()
    if subprocess.run(command).returncode:
        raise Problem(f"the image was not built: the cause is above ({' '.join(command)})", FAILED)
    print(f"{tag(target)} built in {time.monotonic() - started:.0f} s", flush=True)
    return tag(target)


def write_sbom(program: str, target: str) -> Path:
    """The bill of materials that the image carries, as a file on this machine."""
    SBOM.mkdir(parents=True, exist_ok=True)
    file = SBOM / f"{target}.cdx.json"
    file.write_text(run(program, "run", "--rm", tag(target), "cat", "sbom.cdx.json") + "\n")
    return file
