"""When lines of the log are written, and when they are lost."""

import json
import threading

import pytest
from waiting import SECONDS

from serving.log import MOST_LINES, PIPE_BYTES, AccessLog


def test_lines_are_written_soon_and_whole() -> None:
    written: list[bytes] = []
    arrived = threading.Event()

    def write(chunk: bytes) -> None:
        written.append(chunk)
        arrived.set()

    log = AccessLog(write)
    for number in range(100):
        log.add({"path": "x" * 100, "examples": number})
    assert arrived.wait(SECONDS)
    log.close()
    assert all(len(chunk) <= PIPE_BYTES and chunk.endswith(b"\n") for chunk in written)
    lines = [json.loads(line) for line in b"".join(written).splitlines()]
    assert [line["examples"] for line in lines] == list(range(100))


def test_a_reader_that_stopped_reading_costs_lines_and_not_memory() -> None:
    written: list[bytes] = []
    reads = threading.Event()

    def write(chunk: bytes) -> None:
        assert reads.wait(SECONDS)
        written.append(chunk)

    log = AccessLog(write)
    log.add({"examples": -1})
    while log._lines:
        pass  # until the thread has begun to write
    for number in range(MOST_LINES + 5):
        log.add({"examples": number})
    reads.set()
    log.close()
    lines = b"".join(written).splitlines()
    assert len(lines) == 1 + MOST_LINES + 1
    assert json.loads(lines[-1]) == {"lost_lines": 5}


def test_a_reader_that_stopped_reading_does_not_keep_the_server_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.log.CLOSE_SECONDS", 0.1)
    reads, waited = threading.Event(), list[bool]()
    log = AccessLog(lambda chunk: waited.append(reads.wait(SECONDS)))
    log.add({"examples": 1})
    log.close()
    assert not waited
    reads.set()


def test_output_that_nobody_reads_any_more_ends_nothing() -> None:
    def broken(chunk: bytes) -> None:
        raise BrokenPipeError

    log = AccessLog(broken)
    log.add({"examples": 1})
    log.close()


def test_an_entry_that_cannot_be_written_does_not_end_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    log.add({"path": object()})
    while log._lines:
        pass  # until the thread has taken it
    log.add({"examples": 1})
    log.close()
    assert b"".join(written) == b'{"examples":1}\n'
    assert "not JSON serializable" in capsys.readouterr().err
