"""A log stream is read on from where the last look ended."""

from scripts.lib.logstreams import Tail, streams
from scripts.lib.session import Clients
from tests.scripts.answers import write_log


def test_a_tail_gives_each_line_once(memory: Clients) -> None:
    memory.logs.create_log_group(logGroupName="g")
    memory.logs.create_log_stream(logGroupName="g", logStreamName="s")
    tail = Tail(memory.logs, "g", "s")
    write_log(memory, "g", "s", "one", "two")
    assert tail.more() == ["one", "two"]
    assert tail.more() == []
    write_log(memory, "g", "s", "three")
    assert tail.more() == ["three"]


def test_a_log_that_does_not_exist_yet_is_empty(memory: Clients) -> None:
    assert Tail(memory.logs, "none", "none").more() == []
    assert streams(memory.logs, "none", "x") == []
