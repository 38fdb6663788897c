"""A terminal gets colours and rewritten lines; a file gets plain ones."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from scripts.lib.console import Console, ago, clock, shorten
from scripts.lib.guard import guarded
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


HOSTILE = "a\x1b]0;title\x07\x1b[2Jb\x9b31mc\r\u202ed\x1b[1A"


@pytest.mark.parametrize("way", ["line", "live", "paragraph", "table"])
def test_what_others_have_written_never_commands_a_terminal(way: str) -> None:
    """Wherever a command prints it; our own colours pass."""
    terminal = Terminal()
    console = Console(terminal, {})
    console.live("building")
    given = f"{console.status('Failed')} {HOSTILE}"
    console.table([given], [[given]]) if way == "table" else getattr(console, way)(given)
    ours = ("\r\x1b[2K", "\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m")
    shown = terminal.getvalue()
    assert "\x1b[31mFailed\x1b[0m" in shown
    for one in ours:
        shown = shown.replace(one, "")
    assert not set(shown) & set("\x1b\x07\x9b\r\u202e")


def test_what_others_have_written_commands_nothing_from_an_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def work() -> int:
        raise Problem(f"the model refused it: {HOSTILE}")

    assert guarded(work, "") == 2
    assert not set(capfd.readouterr().err) & set("\x1b\x07\x9b\r\u202e")


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
