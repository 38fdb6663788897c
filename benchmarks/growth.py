"""What grows with use, as slopes: the check of the data, the commands over a registry that fills,
the local endpoint over stacks that come and go, and over deployment after deployment. Linux only.

`--only PART` measures one of them anew; the page is made of what each part has last found.
"""

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.report import Row, measured, write
from scripts import destroy
from scripts.lib import tfrecord
from scripts.lib.console import Console
from tests.system.deployments import alone
from tests.system.driver import ROOT, Driver, endpoint, until
from tests.system.memory import megabytes, settled, small_stacks
from tests.system.shell_stack import code

KEPT = Path("build/benchmarks/growth")
REGION, STACK = "eu-west-1", "growth"
RECORDS, MILLION, ROUNDS = (10_000, 60_000, 200_000), 1_000_000, 3
VERSIONS = (10, 100, 1000)
WHOLE, SMALL = 10, 50  # stacks
RUNS, FIRST, LAST = 20, 5, 10  # deployments
MOST_KEPT = 5  # MB of a stack that is gone
FAR = 0.05  # seconds to an endpoint of AWS and back
CHECK = """
import sys, time
sys.path.insert(0, "container")
import model
from pathlib import Path
from training.checks import check_split
for folder in sys.argv[1:]:
    began = time.perf_counter()
    check_split(Path(folder), "train", model)
    print(time.perf_counter() - began)
"""


def check() -> Iterable[Row]:
    """The least of some rounds of each size, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        places = [_records(Path(folder), number) for number in RECORDS]
        order = [places[0], *places * ROUNDS]
        done = subprocess.run(
            [sys.executable, "-c", CHECK, *map(str, order)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    took = [float(each) for each in done.stdout.split()][1:]  # the first loads what all need
    few, some, many = (min(took[place :: len(RECORDS)]) for place in range(len(RECORDS)))
    first = (some - few) / (RECORDS[1] - RECORDS[0])
    slope = (many - some) / (RECORDS[2] - RECORDS[1])
    whole = many + slope * (MILLION - RECORDS[2])
    yield Row(
        "checking 60,000 images of CIFAR-10's size, seconds", "1 s", f"{some:.2f} : 1", some, most=1
    )
    yield Row(
        f"µs for one more, up to 200,000 (1 million, extrapolated: {whole:.0f} s)",
        "up to 60,000",
        f"{slope * 1e6:.1f} : {first * 1e6:.1f}",
        slope / first,
        most=1.25,
    )


def _records(folder: Path, number: int) -> Path:
    place, random = folder / str(number), np.random.default_rng(0)
    place.mkdir()
    with (place / "train.tfrecords").open("wb") as file:
        for first in range(0, number, 10_000):
            count = min(10_000, number - first)
            images = random.integers(0, 256, (count, tfrecord.IMAGE_BYTES), np.uint8)
            tfrecord.write(file, images, random.integers(0, 10, count).astype(np.uint8))
    return place


def versions() -> Iterable[Row]:
    """Of the project's own stack, once its first training has ended."""
    with tempfile.TemporaryDirectory() as folder, endpoint(Path(folder), REGION) as aws:
        _deploy(aws, STACK)
        pipeline = aws.client("codepipeline")

        def ended() -> bool:
            (run,) = pipeline.list_pipeline_executions(pipelineName=STACK)[
                "pipelineExecutionSummaries"
            ]
            return run["status"] != "InProgress"

        until(ended)
        took: dict[str, list[float]] = {}
        there = 1
        for number in VERSIONS:
            for each in range(there, number):
                _register(aws, each)
            there = number
            for command in ("models", "status", "trace"):
                more = ["--version", str(number)] if command == "trace" else []
                words = ["python", "-m", f"scripts.{command}", "--stack", STACK, *more]
                took.setdefault(command, []).append(
                    statistics.median(_seconds(aws.run, *words) for _ in range(ROUNDS))
                )
        for command, (few, some, many) in took.items():
            slope = 1000 * (many - few) / (VERSIONS[-1] - VERSIONS[0])
            figures = f"{many:.2f} : {few:.2f} (100: {some:.2f}; {slope:.2f} ms for one more)"
            what = f"`make {command}` over 1,000 versions, seconds"
            yield Row(what, "over 10", figures, many / few, most=1.5)
        gone = _seconds(destroy.remove_versions, _far(aws), STACK, Console(io.StringIO()))
        alone_for = VERSIONS[-1] * FAR
        yield Row(
            f"deleting 1,000 versions, each call held up by {FAR * 1000:.0f} ms, seconds",
            "those waits one by one, computed",
            f"{gone:.1f} : {alone_for:.1f}",
            gone / alone_for,
            most=0.5,
        )


def _register(aws: Driver, number: int) -> None:
    name = f"{STACK}-00000000-{number:012x}-00000000"
    aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=STACK,
        ModelApprovalStatus="Rejected",
        CustomerMetadataProperties={"version": name, "accuracy": "0.9"},
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://bucket/{name}"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )


def _far(aws: Driver) -> Any:
    """A client for which the endpoint is as far away as AWS is, as the scripts are given one."""
    client = aws.client("sagemaker")
    client.meta.events.register("before-send", lambda **_: time.sleep(FAR))
    return SimpleNamespace(sagemaker=client)


def stacks() -> Iterable[Row]:
    """Whole stacks, whose pipeline has begun when they are destroyed; then as many small ones (a
    bucket, a role, a log group and a machine that runs) as nobody would wait for whole ones."""
    with tempfile.TemporaryDirectory() as folder, endpoint(Path(folder), REGION) as aws:
        made, kept = list[float](), list[float]()
        for number in range(WHOLE):
            name = f"{STACK}-{number}"
            made.append(_seconds(_deploy, aws, name))
            aws.run("python", "-m", "scripts.destroy", "--stack", name, "--yes")
            kept.append(settled(aws.home))
            print(f"{name}: {made[-1]:.1f} s to create, then {kept[-1]:.0f} MB", flush=True)
        small_stacks(aws, SMALL)
        last = settled(aws.home)
        # The first one loads what all need
        early, late = statistics.median(made[1:4]), statistics.median(made[-3:])
        figures = f"{late:.1f} : {early:.1f} (the first: {made[0]:.1f})"
        what = f"creating the {WHOLE - 2}th to {WHOLE}th stack, seconds"
        yield Row(what, "the 2nd to 4th", figures, late / early, most=1.25)
        whole, small = (kept[-1] - kept[1]) / (WHOLE - 2), (last - kept[-1]) / SMALL
        last_ones = f"the last {WHOLE - 2} of {WHOLE} whole stacks"
        for title, each in ((last_ones, whole), (f"{SMALL} small ones", small)):
            what = f"MB that the endpoint keeps of each of {title}, destroyed"
            yield Row(what, f"{MOST_KEPT}", f"{each:.2f} : {MOST_KEPT}", each / MOST_KEPT, most=1)


def runs() -> Iterable[Row]:
    """The deployment workflow, each time with a version of its own, which really serves."""
    with tempfile.TemporaryDirectory() as folder, alone(Path(folder)) as project:
        took, kept = list[float](), list[float]()
        for number in range(RUNS):
            given = project.versioned(f"v{number}")
            took.append(_seconds(project.deploy, given))
            kept.append(megabytes(project.aws.context.home))
            print(f"{given['name']}: {took[-1]:.1f} s, then {kept[-1]:.0f} MB", flush=True)
        assert project.serving() == f"v{RUNS - 1}"
    early, late = statistics.median(took[1 : FIRST + 1]), statistics.median(took[-FIRST:])
    figures = f"{late:.1f} : {early:.1f}"
    what = f"a deployment after {RUNS - FIRST} others, seconds"
    yield Row(what, "after the first", figures, late / early, most=1.25)
    each = (kept[-1] - kept[-LAST - 1]) / LAST
    what = f"MB that the endpoint keeps of each of the last {LAST} deployments"
    yield Row(what, f"{MOST_KEPT}", f"{each:.2f} : {MOST_KEPT}", each / MOST_KEPT, most=1)


def _deploy(aws: Driver, stack: str) -> None:
    """The project's stack, with a container of a few lines of shell."""
    aws.run("python", "-m", "scripts.upload", "--stack", stack, "--yes")
    bucket = aws.outputs(f"{stack}-bootstrap")["Bucket"]
    model = code(aws.home / "no hold")
    aws.client("s3").put_object(Bucket=bucket, Key="seed/code.zip", Body=model)
    aws.run("python", "-m", "scripts.create_stack", "--stack", stack, "--yes")


def _seconds(work: Callable[..., Any], *arguments: Any) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


PARTS: dict[str, Callable[[], Iterable[Row]]] = {
    "check": check,
    "versions": versions,
    "stacks": stacks,
    "runs": runs,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    only = parser.parse_args().only
    if not only:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "generate.py"], cwd=ROOT, check=True)
    for name in [only] if only else PARTS:
        found = [asdict(row) for row in PARTS[name]()]
        (KEPT / f"{name}.json").write_text(json.dumps(measured() | {"rows": found}))
    files = [KEPT / f"{name}.json" for name in PARTS]
    parts = [json.loads(file.read_text()) for file in files if file.is_file()]
    rows = [Row(**one) for part in parts for one in part["rows"]]
    write(
        "growth", rows, "Each part is a run of its own, with both of its sides in it.", kept=parts
    )


if __name__ == "__main__":
    main()
