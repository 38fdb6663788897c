"""A push runs its tests in several processes, and is told what one process would have told it."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from container.tests.forks import ALONE, CONTAINER

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")
GOOD = f"""
import os, pytest

@pytest.mark.parametrize("number", range({2 * ALONE}))
def test_it_is_well(number, record_property):
    record_property("process", os.getpid())
"""


def push(folder: Path, more: str, *options: str) -> tuple[int, str, list[ElementTree.Element]]:
    """Exit code, log and the report's tests of a repository with one more test module."""
    tests = folder / "tests"
    tests.mkdir()
    (folder / "pytest.ini").write_text((CONTAINER / "pytest.ini").read_text())
    for name in ("conftest.py", "forks.py"):
        (tests / name).write_text((CONTAINER / "tests" / name).read_text())
    (tests / "test_good.py").write_text(GOOD)
    (tests / "test_more.py").write_text(more)
    command = [sys.executable, "-m", "pytest", "--junitxml=unit.xml", *options]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return (
        done.returncode,
        done.stdout,
        list(ElementTree.parse(folder / "unit.xml").iter("testcase")),
    )


def processes(tests: list[ElementTree.Element]) -> set[str]:
    return {each.attrib["value"] for test in tests for each in test.iter("property")}


def test_every_test_is_run_once_and_a_failure_is_told_with_its_reason_and_output(
    tmp_path: Path,
) -> None:
    more = "def test_it_fails():\n    print('a word')\n    assert [1, 2] == [1, 3]\n"
    code, log, tests = push(tmp_path, more)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "At index 1 diff: 2 != 3" in log and "a word" in log
    assert len({test.attrib["name"] for test in tests}) == len(tests) == 2 * ALONE + 1
    assert [test.attrib["name"] for test in tests if len(test.findall("failure"))] == [
        "test_it_fails"
    ]
    cores = len(os.sched_getaffinity(0))
    assert len(processes(tests)) in (cores, cores + 1)  # one may find that no test is left


def test_a_skipped_test_is_told_with_its_reason(tmp_path: Path) -> None:
    more = "import pytest\n\ndef test_no():\n    pytest.skip('because')\n"
    code, log, tests = push(tmp_path, more)
    assert code == 0, log
    assert [each.attrib["message"] for test in tests for each in test.iter("skipped")] == [
        "because"
    ]


def test_a_process_that_ends_fails_the_tests_that_it_had(tmp_path: Path) -> None:
    more = (
        "import os\n\ndef test_it_ends_all():\n    os._exit(0)\n"
        "\ndef test_it_comes_after():\n    pass\n"
    )
    code, log, tests = push(tmp_path, more)
    assert code == pytest.ExitCode.TESTS_FAILED
    first = log[log.index("FAILURES") :].splitlines()[1:3]
    assert "test_it_ends_all" in first[0] and "test_more.py::test_it_ends_all" in first[1]
    assert "test_it_comes_after" in log
    assert len(tests) == 2 * ALONE + 2


def test_what_computes_when_it_is_imported_is_run_all_the_same(tmp_path: Path) -> None:
    more = (
        "import tensorflow as tf\nONE = tf.constant(1)\n\ndef test():\n    assert ONE + ONE == 2\n"
    )
    code, log, tests = push(tmp_path, more)
    assert code == 0, log
    assert len(tests) == 2 * ALONE + 1 and len(processes(tests)) == 1


def test_a_push_that_is_stopped_ends_its_fixtures(tmp_path: Path) -> None:
    more = """
import time, pytest
from pathlib import Path

@pytest.fixture(scope="session")
def held():
    Path("begun").touch()
    yield
    Path("ended").touch()

def test_it_lasts(held):
    time.sleep(60)

def test_its_neighbour():
    pass

def test_it_fails_elsewhere():
    while not Path("begun").exists():
        time.sleep(0.01)
    assert False
"""
    code, log, tests = push(tmp_path, more, "-x")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "stopping after 1 failures" in log and "test_it_fails_elsewhere" in log
    assert "test_it_lasts" not in [test.attrib["name"] for test in tests]
    assert (tmp_path / "ended").exists()


def test_no_process_deletes_the_temporary_files_of_another(tmp_path: Path) -> None:
    more = """
import time
from pathlib import Path

def wait_for(name):
    for _ in range(1000):
        if Path(name).exists():
            return
        time.sleep(0.01)

def test_it_keeps_a_file(tmp_path):
    Path("begun").touch()
    wait_for("second")
    assert tmp_path.exists()

def test_its_neighbour():
    pass

def test_it_begins_later(request):
    wait_for("begun")
    request.getfixturevalue("tmp_path")
    Path("second").touch()
"""
    base = tmp_path / "base"
    base.mkdir()
    (base / "old").touch()
    code, log, _ = push(tmp_path, more, f"--basetemp={base}")
    assert code == 0, log
    assert not (base / "old").exists()


def test_warnings_are_told_and_any_value_may_be_recorded(tmp_path: Path) -> None:
    more = """
import warnings
from pathlib import Path

warnings.warn("a word at import")

def test_it_warns(record_property):
    record_property("path", Path("/here"))
    warnings.warn("a word of warning", FutureWarning)
"""
    code, log, tests = push(tmp_path, more)
    assert code == 0, log
    assert "FutureWarning: a word of warning" in log and "tests/test_more.py::test_it_warns" in log
    # pytest warns of record_property in each test
    assert f"{len(tests)} passed, {len(tests) + 2} warnings" in log
    assert "/here" in processes(tests)
