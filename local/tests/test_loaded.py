"""A job that is a fork of what is loaded is, but for that, what it would be on its own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import forked, loaded, processes
from local.tests.lasting import LINUX, Lasting, comes, commands

pytestmark = pytest.mark.skipif(not LINUX, reason="libraries bear a fork on Linux only")

MODULE = "colorsys"  # that nothing here imports
WITH = {"TF_ANY": "1"}
LOADED = f"import sys; print({MODULE!r} in sys.modules)"
TELLS = """
import os, signal, sys
print(sys.argv, os.getcwd(), sys.path[0], __name__, __file__)
print({name: value for name, value in os.environ.items() if name != "LOCAL_ENDPOINT"})
print(os.umask(0), os.getsid(0) == os.getpid(), sorted(os.listdir("/proc/self/fd"))[:4])
print([str(signal.getsignal(number)) for number in range(1, 32)])
print(sys.stdin.read() == "", sys.stdout.isatty())
"""


def load(folder: Path) -> None:
    processes.load([MODULE], WITH)
    assert comes(lambda: ended(folder, LOADED)[1] == ["True"])


@pytest.fixture(scope="module", autouse=True)
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_home", str(home))
        load(home)
        yield
        processes.unload()


def script(folder: Path, text: str) -> list[str]:
    program = folder / "program"
    program.write_text(f"{loaded.SHEBANG}\n{text}")
    program.chmod(0o755)
    return [str(program), "a", "b c"]


def ended(folder: Path, text: str, fork: bool = True, **more: str) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    environment = {**processes.base_environment(), **WITH, **more}
    child = processes.start(script(folder, text), folder, environment, lines.append, fork)
    return child.wait(), lines


def asked(argv: list[str], folder: Path, **more: str) -> dict[str, Any]:
    environment = processes.base_environment() | WITH | more
    return {"argv": argv, "cwd": str(folder), "environment": environment}


def test_only_what_may_be_a_fork_is_one(tmp_path: Path) -> None:
    assert ended(tmp_path, LOADED, fork=True) == (0, ["True"])
    assert ended(tmp_path, LOADED, fork=False) == (0, ["False"])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (TELLS, 0),
        ("import sys; sys.exit(7)", 7),
        ("import sys; sys.exit('why')", 1),
        ("raise OSError(2, 'no')", 1),
        ("import atexit; atexit.register(print, 'at the end')", 0),
        ("import threading, time\nthreading.Timer(0.2, print, ['late']).start()", 0),
        ("import os; os.kill(os.getpid(), 15)", 128 + signal.SIGTERM),
        ("import os; os.kill(os.getpid(), 2)\nwhile True: pass", 128 + signal.SIGINT),
        ("import sys; print('word'); sys.stdout.close()", 0),
        ("import os; print('word'); os._exit(3)", 3),
        ("import sys; sys.excepthook = lambda *error: print('mine'); 1 / 0", 1),
        ("import tempfile, time; print(tempfile.gettempdir(), time.tzname)", 0),
        ("import os; os.write(1, b'x' * 300_000)", 0),
        ("import subprocess; subprocess.run(['sh', '-c', 'echo $A; pwd'])", 0),
    ],
)
def test_a_fork_is_and_says_what_a_process_of_its_own_does(
    tmp_path: Path, text: str, status: int
) -> None:
    more = {"A": "1", "PYTHONPATH": "/x", "PYTHONUNBUFFERED": "1", "TZ": "Asia/Tokyo"}
    own, fork = (
        ended(tmp_path, text, fork, **more, TMPDIR=str(tmp_path)) for fork in (False, True)
    )
    assert fork[0] == own[0] == status
    traces = ("Traceback", "  File", "    ")  # of the ways to the program, which differ
    assert [line for line in fork[1] if not line.startswith(traces)] == [
        line for line in own[1] if not line.startswith(traces)
    ]


def test_two_forks_draw_other_numbers(tmp_path: Path) -> None:
    text = "import random; print(random.random())"
    assert ended(tmp_path, text) != ended(tmp_path, text)


def test_what_a_fork_leaves_behind_ends_with_it_and_it_ends_when_it_is_told(tmp_path: Path) -> None:
    with Lasting() as left:
        text = f"import os; os.system({f'setsid {left.command} &'!r})\nwhile True: pass"
        argv = script(tmp_path, text)
        child = processes.start(argv, tmp_path, processes.base_environment() | WITH, print, True)
        assert left.runs()
        child.terminate(60)
        assert child.returncode == 128 + signal.SIGTERM
        assert not left.pids


def test_a_kill_9_of_a_forks_keeper_ends_it_and_what_has_left_it(tmp_path: Path) -> None:
    text = "import os, time\nif os.fork() == 0: os.setsid(); print(os.getpid(), flush=True)"
    lines: list[str] = []
    argv = script(tmp_path, f"{text}\ntime.sleep(600)")
    environment = processes.base_environment() | WITH
    child = processes.start(argv, tmp_path, environment, lines.append, True)
    assert comes(lambda: lines)
    child._ask_to_end(signal.SIGKILL)
    assert child.wait(120) == 128 + signal.SIGKILL
    assert lines[0] not in map(str, commands())


def test_a_fork_that_does_not_come_is_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forked, "SECONDS", 0.2)
    before = processes._loaded
    assert before
    os.kill(before.pid, signal.SIGSTOP)
    assert ended(tmp_path, LOADED) == (0, ["False"])
    assert before.poll() is not None
    load(tmp_path)


@pytest.mark.parametrize(
    "difference",
    [
        {"PYTHONHASHSEED": "1"},
        {"TF_ANY": "2"},
        {"LANG": "another"},
        {"PATH": "/nowhere"},
        {"PYTHONPATH": "{folder}/own"},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_a_program_that_wants_another_python_is_started_on_its_own(
    tmp_path: Path, difference: dict[str, str]
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / f"own/{MODULE}.py").touch()
    request = asked(script(tmp_path, LOADED), tmp_path)
    imported_with = loaded.read_at_import(request["environment"])
    assert loaded.suits(request, [MODULE], imported_with, [])
    more = {name: value.format(folder=tmp_path) for name, value in difference.items()}
    assert not loaded.suits(asked(request["argv"], tmp_path, **more), [MODULE], imported_with, [])


@pytest.mark.parametrize("first", ["#!/bin/sh", "#!/usr/bin/env python2", ""])
def test_a_program_of_another_kind_is_started_on_its_own(tmp_path: Path, first: str) -> None:
    request = asked(script(tmp_path, ""), tmp_path)
    imported_with = loaded.read_at_import(request["environment"])
    program = Path(request["argv"][0])
    program.write_text(f"{first}\n")
    assert not loaded.suits(request, [MODULE], imported_with, [])
    program.chmod(0o644)
    program.write_text(f"{loaded.SHEBANG}\n")
    assert not loaded.suits(request, [MODULE], imported_with, [])


def test_without_a_language_a_fork_is_what_a_process_of_its_own_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself then chooses an encoding, and tells it in its environment (PEP 538)."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(processes, "_home", str(tmp_path / "home"))
    monkeypatch.setattr(processes, "_loaded", None)
    (tmp_path / "home").mkdir()
    load(tmp_path)
    assert ended(tmp_path, TELLS) == ended(tmp_path, TELLS, fork=False)
    processes.unload()


def test_what_is_no_socket_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_home", str(tmp_path))
    monkeypatch.setattr(processes, "_loaded", None)
    (tmp_path / "loaded").mkdir()
    processes.load([MODULE], WITH)
    assert ended(tmp_path, LOADED) == (0, ["False"])
    processes.unload()
    assert (tmp_path / "loaded").is_dir()


def test_a_request_may_be_long(tmp_path: Path) -> None:
    more = {f"LONG_{number}": "x" * 100_000 for number in range(8)}
    assert ended(tmp_path, LOADED, True, **more) == (0, ["True"])


def test_a_program_beside_a_module_that_hides_what_is_loaded_is_started_on_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / f"{MODULE}.py").touch()
    assert ended(tmp_path, LOADED) == (0, ["False"])
