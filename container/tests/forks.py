"""The tests of a push on all cores: forks of the one process that has imported what they need.

TensorFlow takes longer to import than most tests to run. It bears a fork as long as it has computed
nothing, so no test module may compute at import.

What is told by record_testsuite_property or record_xml_attribute is lost.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

CONTAINER = Path(__file__).parents[1]
ALONE = 50  # so many tests are not worth a fork
BLOCKS = 100  # a fork takes so much of them at once: neighbours, which may share a fixture
PATIENCE = 10  # seconds for the end of a fork's fixtures where the tests are stopped


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """None, so that pytest runs them itself, where forks are no use."""
    option = session.config.option
    if not session.config.rootpath.samefile(CONTAINER) or getattr(option, "numprocesses", None):
        return None  # a part of other tests, which are spread already
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores == 1 or len(session.items) < ALONE or option.usepdb or option.collectonly:
        return None
    if session.testsfailed:
        return None
    if not _bears_a_fork():
        print("On one core: a test module computes with TensorFlow when it is imported")
        return None
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["TMPDIR"] = temporary  # what they leave behind goes with it
        tempfile.tempdir = None
        _run(session, cores + 1)  # some tests wait, for a time or a disk
    return True


def _bears_a_fork() -> bool:
    """Whether TensorFlow has begun no thread; from here on it has one in each process."""
    if tensorflow := sys.modules.get("tensorflow"):
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        except RuntimeError:  # too late, as it has computed
            return False
    return True


def _run(session: pytest.Session, processes: int) -> None:
    size = -(-len(session.items) // BLOCKS)
    blocks = [
        range(len(session.items))[first:][:size] for first in range(0, len(session.items), size)
    ]
    # Whoever reads a byte has the block of that number
    waiting, numbers = os.pipe()
    os.write(numbers, bytes(range(len(blocks))))
    os.close(numbers)
    if session.config.option.basetemp:
        vars(session.config)["_tmp_path_factory"].getbasetemp()  # emptied here, once
    fork = multiprocessing.get_context("fork")
    told, started = [], []
    try:
        for _ in range(processes):
            here, there = fork.Pipe(duplex=False)
            started.append(fork.Process(target=_work, args=(session, blocks, waiting, there)))
            started[-1].start()
            there.close()
            told.append(here)
        _tell(session, told)
    finally:
        os.close(waiting)
        for process in started:
            process.terminate()
        for process in started:
            process.join(PATIENCE)
            process.kill()
            process.join()


def _tell(session: pytest.Session, told: list[Connection]) -> None:
    """Gives pytest the reports as they come; a test without one has failed."""
    missing = set(range(len(session.items)))
    begun = dict.fromkeys(told, -1)
    last: list[int] = []  # the tests in which a process ended
    hook = session.config.hook
    while told:
        for one in connection.wait(told):
            assert isinstance(one, Connection)
            try:
                number, found, warned = json.loads(one.recv_bytes())
            except EOFError:
                told.remove(one)
                last += missing & {begun[one]}
                continue
            if found is None:
                begun[one] = number
                continue
            missing.remove(number)
            item = session.items[number]
            hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for data in found:
                report = hook.pytest_report_from_serializable(config=session.config, data=data)
                if isinstance(report.longrepr, list):  # of a skipped test: JSON has no tuples
                    report.longrepr = tuple(report.longrepr)
                hook.pytest_runtest_logreport(report=report)
            for warning in warned:
                _warn(session, item.nodeid, *warning)
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    names = ", ".join(session.items[number].nodeid for number in last) or "no test"
    for number in last + sorted(missing.difference(last)):
        item, words = session.items[number], f"a process that runs tests ended in {names}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", words, "call")
        hook.pytest_runtest_logreport(report=report)


def _warn(session: pytest.Session, nodeid: str, text: str, name: str, file: str, at: int) -> None:
    message = warnings.WarningMessage(text, type(name, (Warning,), {}), file, at)
    words = {"warning_message": message, "when": "runtest", "nodeid": nodeid, "location": None}
    session.config.hook.pytest_warning_recorded.call_historic(kwargs=words)


def _work(session: pytest.Session, blocks: list[range], waiting: int, there: Connection) -> None:
    """In the fork."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C: the parent has it too, and ends this
    # pytest takes most other exceptions, SystemExit too, for a failed test, and goes on
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plugins = session.config.pluginmanager
    plugins.unregister(name="terminalreporter")
    # The file that output is kept in is the other processes' too
    capture = plugins.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    kept = _Kept()
    plugins.register(kept)
    kept.warnings.clear()  # those from before the fork
    if session.config.option.basetemp:
        temporary = vars(session.config)["_tmp_path_factory"]
        temporary._basetemp = temporary.mktemp(f"process{os.getpid()}", numbered=False)

    def mine() -> Iterator[int]:
        while number := os.read(waiting, 1):
            yield from blocks[number[0]]

    def tell(*words: object) -> None:
        there.send_bytes(json.dumps(words, default=str).encode())

    numbers = mine()
    number = next(numbers, None)
    try:
        while number is not None:
            after = next(numbers, None)
            following = None if after is None else session.items[after]
            item = session.items[number]
            tell(number, None, None)
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            to_data = session.config.hook.pytest_report_to_serializable
            found = [to_data(config=session.config, report=report) for report in kept.reports]
            tell(number, found, kept.warnings)
            kept.reports.clear()
            kept.warnings.clear()
            number = after
    finally:
        session._setupstate.teardown_exact(None)


class _Kept:
    """The reports and warnings of one test."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []
        self.warnings: list[tuple[str, str, str, int]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        it = warning_message
        self.warnings.append((str(it.message), it.category.__name__, it.filename, it.lineno))
