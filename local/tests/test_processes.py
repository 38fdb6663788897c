"""Whatever a program starts ends with it, and the program with the endpoint, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes
from local.tests.lasting import ESCAPES, LINUX, Lasting, comes, commands

ROOT = Path(__file__).parents[2]
GATE = "\nuntil [ -e gate ]; do sleep 0.05; done; exit 5"
# An endpoint's part in this: it is told its home, starts a program, and lasts
PARENT = """
import sys, time
from pathlib import Path
from local import processes
processes.begin(Path(sys.argv[1]))
processes.start(["bash", "-c", sys.argv[2]], Path(sys.argv[1]), processes.base_environment())
time.sleep(600)
"""
linux = pytest.mark.skipif(not LINUX, reason="marks are read in /proc")
escapes = pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())


def start(text: str, folder: Path, on_line: processes.LineHandler) -> processes.Child:
    return processes.start(["bash", "-c", text], folder, processes.base_environment(), on_line)


@contextlib.contextmanager
def parent(home: Path, text: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", PARENT, home, text], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def keepers(text: str) -> list[int]:
    """Of the programs with this text."""
    return [pid for pid, args in commands().items() if "keep.py" in args and text in args]


def test_output_arrives_line_by_line_before_wait_returns(tmp_path: Path) -> None:
    lines: list[str] = []
    status = start("echo one; echo two >&2; exit 3", tmp_path, lines.append).wait()
    assert (status, sorted(lines)) == (3, ["one", "two"])


def test_a_reader_that_fails_does_not_hold_the_child_up(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    assert start("head -c 300000 /dev/zero | tr '\\0' '\\n'", tmp_path, refuse).wait(120) == 0


def test_a_program_ends_with_the_status_of_a_container(tmp_path: Path) -> None:
    assert start("kill -TERM $$; sleep 600", tmp_path, print).wait() == 128 + signal.SIGTERM
    assert start("kill -KILL $$; sleep 600", tmp_path, print).wait() == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("text", "mode", "error"),
    [
        (None, 0, FileNotFoundError),
        ("#!/bin/sh\n", 0o644, PermissionError),
        ("#!/no/such/interpreter\n", 0o755, FileNotFoundError),
        ("neither a script nor a program", 0o755, OSError),
    ],
)
def test_a_program_that_cannot_be_run_is_the_callers_error(
    tmp_path: Path, text: str | None, mode: int, error: type[OSError]
) -> None:
    program = tmp_path / "program"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    with pytest.raises(error, match="program"):
        processes.start([str(program)], tmp_path, processes.base_environment())


@escapes
def test_what_a_program_leaves_behind_is_gone_when_its_end_is_told(
    tmp_path: Path, escape: str
) -> None:
    with Lasting() as lasting:
        process = start(escape.format(lasting.command) + GATE, tmp_path, print)
        assert lasting.runs()
        (tmp_path / "gate").touch()
        assert process.wait() == 5
        assert not lasting.pids


@escapes
def test_a_terminated_program_takes_all_with_it_although_it_ignores_that(
    tmp_path: Path, escape: str
) -> None:
    with Lasting() as lasting:
        text = f"trap '' TERM; {escape.format(lasting.command)}{GATE}"
        process = start(text, tmp_path, print)
        assert lasting.runs()
        process.terminate(0.1)
        assert process.returncode == 128 + signal.SIGKILL
        assert not lasting.pids


def test_terminate_gives_a_trap_its_chance(tmp_path: Path) -> None:
    lines: list[str] = []
    text = "trap 'echo cleaned; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    process = start(text, tmp_path, lines.append)
    assert comes(lambda: lines)
    process.terminate(120)
    assert (process.returncode, lines[-1]) == (7, "cleaned")


@escapes
def test_a_kill_9_of_the_parent_leaves_no_orphan(tmp_path: Path, escape: str) -> None:
    with (
        Lasting() as lasting,
        Lasting() as foreground,
        parent(tmp_path, f"{escape.format(lasting.command)}\n{foreground.command}") as process,
    ):
        assert lasting.runs()
        assert foreground.runs()
        process.kill()
        assert lasting.ends()
        assert foreground.ends()


@linux
def test_a_kill_9_of_a_programs_keeper_ends_the_program_and_what_it_has_started(
    tmp_path: Path,
) -> None:
    with Lasting() as lasting:
        process = start(f"setsid {lasting.command} & sleep 600", tmp_path, print)
        assert lasting.runs()
        for pid in keepers(lasting.command):
            os.kill(pid, signal.SIGKILL)
        assert process.wait(120) == 128 + signal.SIGKILL
        assert not lasting.pids


@linux
def test_what_a_kill_9_of_everything_leaves_is_ended_by_the_homes_next_start(
    tmp_path: Path,
) -> None:
    homes = tmp_path / "home", tmp_path / "home-of-another"
    for home in homes:
        home.mkdir()
    with (
        Lasting() as left,
        Lasting() as anothers,
        parent(homes[1], f"setsid {anothers.command} & sleep 600"),
        Lasting() as program,
        parent(homes[0], f"setsid {left.command} & exec {program.command}") as process,
    ):
        assert left.runs()
        assert program.runs()
        assert anothers.runs()
        everything = [process.pid, *keepers(left.command)]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none sees another's end
            for pid in everything:
                os.kill(pid, number)
        process.wait()
        assert program.ends()
        assert left.pids, "no test: nothing was left"
        with parent(homes[0], "true"):
            assert left.ends()
        assert anothers.pids


def test_a_program_writes_files_as_in_a_container(tmp_path: Path) -> None:
    lines: list[str] = []
    before = os.umask(0o077)
    try:
        start("umask", tmp_path, lines.append).wait()
    finally:
        os.umask(before)
    assert lines == ["0022"]


def test_a_child_does_not_see_the_secrets_of_the_shell() -> None:
    os.environ["AWS_SECRET_ACCESS_KEY_OF_MINE"] = "x"
    assert not [name for name in processes.base_environment() if "SECRET" in name]
