"""The whole system on this machine: from an empty endpoint to a prediction by a trained model."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.demo")

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts import create_stack, predict, upload
from scripts.lib import packages, pipeline, stacks
from scripts.lib.bootstrap import TEMPLATE, read_template
from scripts.lib.console import Console, Pace
from scripts.lib.digits import write_sample
from scripts.lib.following import follow
from scripts.lib.guard import guarded
from scripts.lib.problems import FAILED, Problem
from scripts.lib.session import Clients, connect
from scripts.report import fetch

STACK, DIGITS = "mlops", Path("build/digits")
HOME, LOG = Path(".demo/home"), Path(".demo/log")
START_SECONDS, STOP_SECONDS = 30, 20


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("--load", action="append", default=[], help="as python -m local has it")
    options = parser.parse_args(argv)
    console = Console()

    def work() -> int:
        step(console, 1, "Start AWS on this machine (no account, nothing leaves it)")
        with local_endpoint(HOME, LOG, os.environ, options.load, write_templates):
            code = run(console)
        console.line()
        if code:
            console.line(f"The demo failed; the endpoint's log is {LOG}", "red")
        else:
            console.line(f"Done in {console.elapsed:.0f} s; the endpoint is stopped.", "green")
            console.line("  `make local` keeps one running, and every make target works with it.")
        return code

    return guarded(work, "The local endpoint is stopped; nothing goes on.")


@contextmanager
def local_endpoint(
    home: Path,
    log: Path,
    environment: MutableMapping[str, str],
    load: Sequence[str] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Run the local endpoint and point `environment` at it; `meanwhile` is done while it starts.

    It is stopped in any case: in order, or by its keeper once this program is gone, which has held
    the keeper's standard input.
    """
    settings = home / "env"
    settings.unlink(missing_ok=True)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    endpoint = [sys.executable, "-m", "local", "--port", "0", "--home", str(home)]
    endpoint += [f"--load={each}" for each in load]
    with log.open("w") as output:
        # Its own session: Ctrl-C reaches this program only, which then stops it in order
        child = subprocess.Popen(
            [sys.executable, "-m", "local.keep", *endpoint],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        meanwhile()
        wait_until_up(child, settings, log)
        for name, value in read_environment(settings).items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired), child:  # whose end closes that input
            child.wait(STOP_SECONDS)


def write_templates() -> None:
    """As `make generate` does, in a process of its own: on a core that the endpoint leaves idle."""
    # Its own session: Ctrl-C reaches this program only, which then ends it
    done = subprocess.run([sys.executable, "generate.py"], start_new_session=True, check=False)
    if done.returncode:
        raise Problem("the templates were not written", FAILED)


def wait_until_up(child: "subprocess.Popen[bytes]", settings: Path, log: Path) -> None:
    """Wait for the file with the endpoint's address."""
    deadline = time.monotonic() + START_SECONDS
    while not settings.is_file() or not settings.read_text().strip():
        if child.poll() is not None or time.monotonic() > deadline:
            said = log.read_text().strip().splitlines()
            raise Problem(f"the local endpoint did not start: {said[-1] if said else log}", FAILED)
        time.sleep(0.05)


def read_environment(path: Path) -> dict[str, str | None]:
    """The exports of a shell file; None for what it unsets."""
    found: dict[str, str | None] = {}
    for line in path.read_text().splitlines():
        verb, *words = shlex.split(line) or [""]
        if verb == "export":
            found |= {name: value for name, _, value in (word.partition("=") for word in words)}
        elif verb == "unset":
            found |= dict.fromkeys(words)
    return found


def run(console: Console) -> int:
    """Deploy, follow the first execution, predict a picture that no training saw."""
    step(console, 2, "Upload the template, the code and the data (1,797 handwritten digits)")
    clients = connect(None, None)
    upload.upload(clients, STACK, console, folder=DIGITS)
    step(console, 3, "Create the stack: everything in one CloudFormation template")
    template = read_template(TEMPLATE)
    if create_stack.deploy(clients, STACK, {}, console, template=template, brief=True):
        return FAILED
    step(console, 4, "Follow the first execution: test, build, train, evaluate, judge, deploy")
    known = stacks.required_outputs(clients.cloudformation, STACK)
    if follow(clients, known, first_execution(clients, known["PipelineName"]), console):
        return FAILED
    show_evaluation(clients, known, console)
    step(console, 5, "Ask the endpoint what is on a picture that no training saw")
    return compare(clients, known["EndpointName"], console)


def compare(clients: Clients, endpoint: str, console: Console) -> int:
    """Predict one held-out picture; its file name ends in the true label."""
    picture = write_sample(DIGITS, 0)
    body, kind = predict.read_body(picture)
    (found,) = predict.predict(clients.sagemaker_runtime, endpoint, body, kind)
    predict.show(console, found)
    truth = picture.stem.rsplit("-", 1)[1]
    right = truth == str(found.label)
    console.line(
        f"  {picture} is a {truth}: the model is {'right' if right else 'wrong'}",
        "green" if right else "yellow",
    )
    return 0


def step(console: Console, number: int, text: str) -> None:
    """The heading of one step, with the time it begins at."""
    console.line()
    console.line(f"[{console.elapsed:5.1f} s] {number}/5  {text}", "bold")


def first_execution(clients: Clients, name: str) -> str:
    """The execution that the pipeline's creation started."""
    pace = Pace()
    while not (found := pipeline.runs(clients.codepipeline, name)):
        pace.wait()
    return found[-1].id


def show_evaluation(clients: Clients, known: Mapping[str, str], console: Console) -> None:
    """What the evaluation found of the version that serves, and where its report is now."""
    one = packages.newest(clients, known)
    if one is None:
        raise Problem("no version was registered", FAILED)
    console.paragraph(f"Version {one.label}: {one.description}")
    console.line("  Its report, for a browser:")
    console.line(f"  {fetch(clients.s3, known['ArtifactBucket'], one)}")
