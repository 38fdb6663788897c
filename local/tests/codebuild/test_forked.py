"""The Python of a build that is a fork of what is loaded is, but for that, what it would be."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes
from local.tests.aws import Aws
from local.tests.builds import built, ended, log, project, start
from local.tests.lasting import LINUX, Lasting, comes, commands

pytestmark = pytest.mark.skipif(not LINUX, reason="libraries bear a fork on Linux only")

MODULE = "colorsys"  # that nothing here imports
TELLS = """
import os, signal, sys, sysconfig
def test_it():
    told = [sys.argv, os.getcwd(), sys.path, sys.executable, sys.prefix, sys.exec_prefix]
    own = {"LOCAL_ENDPOINT", "PYTHONHASHSEED", "_"}
    told += [{name: os.environ[name] for name in os.environ.keys() - own}.items()]
    told[-1] = sorted(told[-1])
    told += [os.umask(0), os.sched_getaffinity(0), sorted(os.listdir("/proc/self/fd"))]
    told += [str(signal.getsignal(number)) for number in range(1, 32)]
    told += [sys.stdin.read(), sys.stdout.isatty(), sysconfig.get_paths()]
    print("told", told)
    print("loaded", "colorsys" in sys.modules)
"""
TEST = "python3 -m pytest -q -s -p no:cacheprovider test_it.py"


@pytest.fixture(scope="module", autouse=True)
def loading(aws: Aws) -> Iterator[None]:
    processes.load([MODULE], {"TF_ANY": "1"})
    assert comes((aws.context.home / "loaded").exists)
    yield
    processes.unload()


def spec(folder: Path, test: str, *lines: str) -> str:
    (folder / "test_it.py").write_text(test)
    listed = "".join(f"\n      - {line}" for line in (f"cd {folder}", *lines))
    return f"""\
version: 0.2
env: {{variables: {{TF_ANY: "1"}}}}
phases:
  build:
    commands:{listed}
"""


def said(aws: Aws, *commands: str) -> tuple[list[str], list[str]]:
    """What is told in a build's log, and which were forks."""
    lines = log(aws, built(aws, spec(aws.context.home, TELLS, *commands)))
    told, loaded = (
        [line.removeprefix(first) for line in lines if line.startswith(first)]
        for first in ("told ", "loaded ")
    )
    return told, loaded


def test_it_is_and_says_what_a_process_of_its_own_does(aws: Aws) -> None:
    own = TEST.replace("python3", "PYTHONHASHSEED=1 python3")
    strange = ("strange() { :; }", "export -f strange")  # a variable that other shells drop
    (fork, itself), loaded = said(aws, *strange, TEST, own)
    assert fork == itself
    assert loaded == ["True", "False"]
    assert "BASH_FUNC_strange" in fork


def test_it_is_a_fork_unless_it_would_be_another(aws: Aws) -> None:
    install = "touch $(python3 -c 'import sysconfig as s; print(s.get_path(\"purelib\"))')/own.py"
    runs = {
        TEST: True,
        TEST.replace("python3", "python"): True,
        f"PYTHONHASHSEED=1 {TEST}": False,
        f"TF_ANY=2 {TEST}": False,
        f"echo word | {TEST}": False,
        f"mkdir own && touch own/{MODULE}.py && PYTHONPATH=own {TEST}": False,
        TEST.replace("python3", "python3 -B"): False,
        f"(ulimit -c 0; ulimit -n 333; {TEST})": False,
        f"nice {TEST}": False,
        f"taskset -c 0 {TEST}": os.cpu_count() == 1,
        f"{install}; {TEST}": False,
    }
    assert said(aws, *runs)[1] == [str(fork) for fork in runs.values()]


def test_its_output_errors_and_status_are_told_apart(aws: Aws, tmp_path: Path) -> None:
    test = "import sys\ndef test_it(): print('out'); print('err', file=sys.stderr); assert 0"
    code = f"{TEST} >out 2>err; [ $? = 1 ]"
    build = built(aws, spec(tmp_path, test, code, "python3 -m pytest --no-such-option"))
    assert build["buildStatus"] == "FAILED"
    assert log(aws, build)[-1].endswith("exit status 4")
    assert "1 failed" in (tmp_path / "out").read_text()
    assert (tmp_path / "err").read_text() == "err\n"


def test_it_ends_in_order_when_the_build_is_stopped_and_leaves_nothing(
    aws: Aws, tmp_path: Path
) -> None:
    with Lasting() as left:
        test = f"""
import os, signal, sys
def test_it():
    os.system({f"setsid {left.command} &"!r})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(open("told", "w").close()))
    while True: signal.pause()
"""
        build = start(aws, project(aws, spec(tmp_path, test, TEST)))
        assert left.runs()
        aws.client("codebuild").stop_build(id=build)
        assert ended(aws, build)["buildStatus"] == "STOPPED"
        assert (tmp_path / "told").exists()
        assert left.ends()


@pytest.mark.parametrize("victim", ["forked.py", "keep.py"])
def test_it_ends_with_the_process_that_stands_for_it_and_with_the_builds_keeper(
    aws: Aws, tmp_path: Path, victim: str
) -> None:
    with Lasting() as left:
        test = f"import os\ndef test_it(): os.system({left.command!r})"
        build = start(aws, project(aws, spec(tmp_path, test, TEST)))
        assert left.runs()
        folder = str(aws.context.home / "builds" / build.replace(":", "-"))
        for pid, args in commands().items():
            if victim in args and folder in args:
                os.kill(pid, signal.SIGKILL)
        assert left.ends()
        assert ended(aws, build)["buildStatus"] == "FAILED"
