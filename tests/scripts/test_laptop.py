"""The model's code run here: what it is given, what is told; the program is a small one."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.tests.lasting import LINUX, Lasting
from scripts.laptop import main

ROOT = Path(__file__).parents[2]
ECHO = """
import json, os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
print((base / "input/config/hyperparameters.json").read_text())
print(sorted(path.name for path in (base / "input/data/training").iterdir()))
(base / "model/export/Servo").mkdir(parents=True)
"""
PATIENT = """
import signal
signals = [signal.SIGINT, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("up", flush=True)
print("saved at", signal.Signals(signal.sigwait(signals)).name, flush=True)
"""
# With a process that no signal to the program's group reaches
SPAWNING = """
import os, subprocess, time
subprocess.Popen({command!r}.split(), executable={sleep!r}, start_new_session={away})
while not os.path.exists("gate"):
    time.sleep(0.05)
raise SystemExit(3)
"""


def laptop(here: Path, *words: str) -> "subprocess.Popen[str]":
    """On a port where nothing listens, unless the words say which."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.laptop", f"--port={free_port()}", *words],
        cwd=here,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def spawning(lasting: Lasting) -> str:
    sleep = shutil.which("sleep")
    return SPAWNING.format(command=lasting.command, sleep=sleep, away=LINUX)


def repository(folder: Path, program: str) -> Path:
    folder.mkdir()
    (folder / "train").write_text(program)
    (folder / "hyperparameters.json").write_text(
        '{"epochs": 3, "flip": false, "precision": "auto"}'
    )
    return folder


def test_training_gets_strings_and_the_digits_and_says_what_comes_next(tmp_path: Path) -> None:
    repository(tmp_path / "model", ECHO)
    process = laptop(tmp_path, "train", "--code", "model")
    lines = process.communicate()[0].splitlines()
    assert process.returncode == 0, lines
    assert json.loads(lines[0]) == {"epochs": "3", "flip": "false", "precision": "auto"}
    assert "train.tfrecords" in lines[1]
    assert lines[-1].endswith("`make serve-local CODE=model` serves it")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGINT, "SIGINT"),
        (signal.SIGTERM, "SIGTERM"),
        (signal.SIGHUP, "SIGTERM"),  # which it knows from SageMaker, where no terminal closes
    ],
)
def test_whatever_signal_ends_it_the_program_saves_first(
    tmp_path: Path, number: signal.Signals, told: str
) -> None:
    repository(tmp_path / "model", PATIENT)
    process = laptop(tmp_path, "train", "--code", "model", "--channel", ".")
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, number)
    assert f"saved at {told}" in process.communicate(timeout=120)[0]
    assert process.returncode == 0


@pytest.mark.parametrize("what", ["train", "serve"])
def test_nothing_of_the_program_outlives_a_kill_9(tmp_path: Path, what: str) -> None:
    with Lasting() as lasting:
        program = spawning(lasting)
        (repository(tmp_path / "model", program) / "serve").write_text(program)
        (tmp_path / "build/laptop/model/export/Servo").mkdir(parents=True)
        process = laptop(tmp_path, what, "--code", "model", "--channel", ".")
        assert lasting.runs()
        process.kill()
        process.wait()
        assert lasting.ends()


def test_what_the_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    with Lasting() as lasting:
        repository(tmp_path / "model", spawning(lasting))
        process = laptop(tmp_path, "train", "--code", "model", "--channel", ".")
        assert lasting.runs()
        (tmp_path / "gate").touch()
        assert process.wait() == 1
        assert not lasting.pids


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("train", "--code", "."), "is not a model's repository: it has no file train"),
        (("serve", "--code", "model"), "no file serve"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    repository(tmp_path / "model", ECHO)
    process = laptop(tmp_path, *words)
    said = process.communicate()[0]
    assert process.returncode == 2
    assert reason in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "hyperparameters.json is missing: write {} into it"),
        ("{", "hyperparameters.json is not JSON"),
        ("[1]", 'hyperparameters.json has to be an object such as {"epochs": 12}'),
    ],
)
def test_hyperparameters_that_are_none_are_told(
    tmp_path: Path,
    text: str | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    file = repository(tmp_path / "model", ECHO) / "hyperparameters.json"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert main(["train", "--code", "model", "--channel", "."]) == 2
    assert reason in " ".join(capsys.readouterr().err.split())


def test_a_channel_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    repository(tmp_path / "model", ECHO)
    said = laptop(tmp_path, "train", "--code", "model", "--channel", "none").communicate()[0]
    assert "CHANNEL: there is no folder none" in said


def test_serving_without_a_model_names_the_way_to_one(tmp_path: Path) -> None:
    (repository(tmp_path / "model", ECHO) / "serve").write_text("")
    said = laptop(tmp_path, "serve", "--code", "model").communicate()[0]
    assert "no model was trained here yet: `make train-local` first" in said


def served(tmp_path: Path, *words: str) -> "subprocess.Popen[str]":
    """`serve` of a small program, with a model that was trained."""
    program = 'import os; print("on", os.environ["SAGEMAKER_BIND_TO_PORT"])'
    (repository(tmp_path / "model", ECHO) / "serve").write_text(program)
    (tmp_path / "build/laptop/model/export/Servo").mkdir(parents=True)
    return laptop(tmp_path, "serve", "--code", "model", "--channel", ".", *words)


def test_the_model_is_served_on_the_port_that_was_chosen(tmp_path: Path) -> None:
    port = free_port()
    said = served(tmp_path, "--port", str(port)).communicate()[0]
    assert f"http://127.0.0.1:{port}/invocations" in said
    assert f"on {port}\n" in said


def test_a_port_that_is_taken_is_told_with_the_way_to_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = served(tmp_path, "--port", str(port))
        said = process.communicate()[0]
    assert process.returncode == 2
    assert said == f"Error: something else listens on port {port}: pass PORT=<another>\n"


@pytest.mark.parametrize("port", ["", "http", "80", "70000", "8080.5"])
def test_what_is_no_port_is_told(
    tmp_path: Path,
    port: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (repository(tmp_path / "model", ECHO) / "serve").write_text("")
    assert main(["serve", "--code", "model", f"--port={port}"]) == 2
    said = capsys.readouterr().err
    assert said == f"Error: PORT={port} is no port: pass a number from 1024 to 65535\n"
