import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local import processes
from local.tests.remote import alive

SLEEP_WITH_GRANDCHILD = "sleep 300 & echo $!; exec sleep 300"


def gone(pid: int, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def start(text: str, folder: Path, on_line: processes.LineHandler) -> processes.Child:
    return processes.start(["bash", "-c", text], folder, processes.base_environment(), on_line)


def test_output_arrives_line_by_line_before_wait_returns(tmp_path: Path) -> None:
    lines: list[str] = []
    status = start("echo one; echo two >&2; exit 3", tmp_path, lines.append).wait()
    assert (status, sorted(lines)) == (3, ["one", "two"])


def test_a_reader_that_fails_does_not_hold_the_child_up(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    assert start("head -c 300000 /dev/zero | tr '\\0' '\\n'", tmp_path, refuse).wait(20) == 0


def test_terminate_ends_the_whole_group(tmp_path: Path) -> None:
    pids: list[str] = []
    process = start(SLEEP_WITH_GRANDCHILD, tmp_path, pids.append)
    assert process.wait(0.5) is None
    process.terminate()
    assert gone(int(pids[0]))


def test_terminate_gives_a_trap_its_chance(tmp_path: Path) -> None:
    lines: list[str] = []
    text = "trap 'echo cleaned; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    process = start(text, tmp_path, lines.append)
    while not lines:
        time.sleep(0.02)
    process.terminate()
    assert (process.returncode, lines[-1]) == (7, "cleaned")


def test_what_a_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    pids: list[str] = []
    start("sleep 300 & echo $!", tmp_path, pids.append).wait()
    assert gone(int(pids[0]))


def test_a_kill_9_of_the_parent_leaves_no_orphan(tmp_path: Path) -> None:
    program = (
        "import os, time; from pathlib import Path; from local import processes;"
        "tell = lambda pid: os.write(1, f'{pid}\\n'.encode());"  # whole lines from two threads
        f"p = processes.start(['bash', '-c', {SLEEP_WITH_GRANDCHILD!r}], Path('.'),"
        "processes.base_environment(), tell);"
        "tell(p.pid); time.sleep(300)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout
    child, grandchild = (int(parent.stdout.readline()) for _ in range(2))
    assert alive(child)
    assert alive(grandchild)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert gone(child)
    assert gone(grandchild)


def test_a_child_does_not_see_the_secrets_of_the_shell() -> None:
    os.environ["AWS_SECRET_ACCESS_KEY_OF_MINE"] = "x"
    assert not [name for name in processes.base_environment() if "SECRET" in name]
