"""A terminal gets colours and rewritten lines; a file gets plain ones."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from scripts.lib.console import Console, ago, clock, shorten
from scripts.lib.problems import Problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_no_control_characters(page: io.StringIO, console: Console) -> None:
    console.live("building")
    console.line("done", "green")
    assert "\x1b" not in page.getvalue() and "\r" not in page.getvalue()


def test_a_live_line_is_printed_once_where_it_cannot_be_rewritten(
    page: io.StringIO, console: Console
) -> None:
    for _ in range(3):
        console.live("building")
    assert page.getvalue().count("building") == 1


def test_a_live_line_is_rewritten_on_a_terminal() -> None:
    terminal = Terminal()
    console = Console(terminal, {})
    console.live("building")
    console.live("testing")
    console.line("done")
    assert "\n" not in terminal.getvalue().removesuffix("done\n")


def test_no_color_is_honoured() -> None:
    terminal = Terminal()
    Console(terminal, {"NO_COLOR": "1"}).line("done", "green")
    assert terminal.getvalue() == "done\n"


def test_a_live_line_never_wraps() -> None:
    terminal = Terminal()
    console = Console(terminal, {"NO_COLOR": "1"})
    console.live("x" * 300)
    assert len(terminal.getvalue().removeprefix("\r\x1b[2K")) < 80


def test_where_nobody_can_answer_the_flag_is_named(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes"))
    with pytest.raises(Problem, match="pass --yes"):
        console.ask("Really? ", "--yes")


def test_texts_fit() -> None:
    assert shorten("a\nb", 9) == "a b"
    assert shorten("abcdef", 4) == "abc…"
    assert clock(61.9) == "1:01"


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (125, "2 min"), (7300, "2 h"), (200000, "2 d")]
)
def test_times_are_told_in_the_unit_that_fits(seconds: int, text: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == text
