"""The demo finds its endpoint and never leaves one behind."""

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.tests.lasting import comes, commands
from scripts.demo import local_endpoint, read_environment, show_evaluation, write_templates
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.conftest import Stubs

ROOT = Path(__file__).parents[2]
ENDS = [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
# The demo once its endpoint is up, in a terminal of its own where it is given one
DEMO = """
import fcntl, os, sys, termios, time
from pathlib import Path
from scripts.demo import local_endpoint
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
home = Path(sys.argv[1])
with local_endpoint(home / "home", home / "log", os.environ):
    (home / "up").touch()
    time.sleep(600)
"""


@contextmanager
def demo(folder: Path, terminal: int) -> Iterator["subprocess.Popen[bytes]"]:
    """From the moment that its endpoint is up; whatever is left is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", DEMO, str(folder)],
        cwd=ROOT,
        stdin=terminal,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert comes((folder / "up").exists)
        assert endpoints(folder)
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in endpoints(folder):
            os.kill(pid, signal.SIGKILL)


def endpoints(folder: Path) -> list[int]:
    """Every process that was told this home: the endpoint, its keeper."""
    return [pid for pid, args in commands().items() if f"--home {folder / 'home'}" in args]


def test_the_endpoints_settings_are_read_as_a_shell_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4599\n"
        "export AWS_SECRET_ACCESS_KEY='a b' AWS_REGION=eu-west-1\n"
        "unset AWS_PROFILE AWS_SESSION_TOKEN\n"
    )
    assert read_environment(file) == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4599",
        "AWS_SECRET_ACCESS_KEY": "a b",
        "AWS_REGION": "eu-west-1",
        "AWS_PROFILE": None,
        "AWS_SESSION_TOKEN": None,
    }


def test_an_endpoint_that_does_not_start_is_told_in_its_own_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "lock").mkdir()  # where the endpoint's own lock would be a file
    with (
        pytest.raises(Problem, match="cannot use --home"),
        local_endpoint(tmp_path, tmp_path / "log", {}),
    ):
        pytest.fail("it started")


@pytest.mark.local
def test_what_fails_while_the_endpoint_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """And is told in its own words."""
    (tmp_path / "generate.py").write_text("import sys; sys.exit('Error: no such part')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with (
        pytest.raises(Problem, match="the templates were not written"),
        local_endpoint(tmp_path / "home", tmp_path / "log", {}, meanwhile=write_templates),
    ):
        pytest.fail("it went on")
    assert capfd.readouterr().err == "Error: no such part\n"
    assert comes(lambda: not endpoints(tmp_path))


@pytest.mark.local
def test_the_endpoint_is_stopped_when_the_demo_is_interrupted(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    home = tmp_path / "home"
    with (
        pytest.raises(KeyboardInterrupt),
        local_endpoint(home, tmp_path / "log", environment),
    ):
        assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        raise KeyboardInterrupt
    assert not (home / "env").exists()
    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.mark.local
@pytest.mark.parametrize("number", ENDS, ids=lambda end: end.name)
def test_the_endpoint_ends_with_the_demo_whatever_ends_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    with demo(tmp_path, subprocess.DEVNULL) as process:
        process.send_signal(number)
        process.wait()
        assert comes(lambda: not endpoints(tmp_path))


@pytest.mark.local
def test_the_endpoint_ends_when_the_terminal_of_the_demo_is_closed(tmp_path: Path) -> None:
    window, terminal = pty.openpty()
    with demo(tmp_path, terminal) as process:
        os.close(terminal)
        os.close(window)
        process.wait()
        assert comes(lambda: not endpoints(tmp_path))


@pytest.mark.local
def test_an_impatient_second_ctrl_c_leaves_no_endpoint_either(tmp_path: Path) -> None:
    with demo(tmp_path, subprocess.DEVNULL) as process:
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        process.wait()
        assert comes(lambda: not endpoints(tmp_path))


def test_the_demo_shows_the_evaluation_and_where_its_report_is(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    versions.registry(stub, versions.description(1))
    stub["s3"].add_response("get_object", {"Body": versions.stream(b"<html>")})
    show_evaluation(clients, versions.KNOWN, console)
    path = f"build/reports/{versions.name(1)}/report.html"
    assert page.getvalue().splitlines() == [
        "  Version 1 (0123456789ab): 98.1 % against 98.6 %: 2 of 360 pictures, within",
        "  chance",
        "  Its report, for a browser:",
        f"  {path}",
    ]
    assert Path(path).is_file()
