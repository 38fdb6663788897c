"""What a person sees: at most 80 columns, colours and rewritten lines only on a terminal."""

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TextIO

from scripts.lib.problems import Problem, harmless

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
COLOURS = {
    **dict.fromkeys(("Succeeded", "SUCCEEDED", "InService", "Completed"), "green"),
    **dict.fromkeys(("Failed", "FAILED", "TIMED_OUT", "ABORTED", "Stopped", "Abandoned"), "red"),
    **dict.fromkeys(("InProgress", "RUNNING", "Updating", "Creating", "Stopping"), "cyan"),
}

_OWN = re.compile(r"(\x1b\[(?:0|" + "|".join(STYLES.values()) + r")m)")


class Console:
    """Progress on one stream; a live line is rewritten on a terminal, printed once elsewhere."""

    def __init__(
        self, stream: TextIO | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        # Looked up at each use where none is given, so that a captured stdout is honoured
        self._stream = stream
        environment = os.environ if environment is None else environment
        self.terminal = self.stream.isatty() and environment.get("TERM") != "dumb"
        self._colour = self.terminal and not environment.get("NO_COLOR")
        # A COLUMNS in which no table fits is left from somewhere: lines may as well be wrapped
        self.width = max(40, min(80, shutil.get_terminal_size((80, 24)).columns))
        self._live = ""
        self._started = time.monotonic()

    @property
    def stream(self) -> TextIO:
        return self._stream or sys.stdout

    @property
    def elapsed(self) -> float:
        """Seconds since this console was made."""
        return time.monotonic() - self._started

    def paint(self, text: str, style: str | None) -> str:
        """The text in a style of STYLES, or as it is where colours are not wanted."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and self._colour and text else text

    def line(self, text: str = "", style: str | None = None) -> None:
        """One finished line."""
        self._wipe()
        print(self.paint(self._shown(text), style), file=self.stream, flush=True)

    def paragraph(self, text: str, indent: int = 2) -> None:
        """A text of any length, wrapped; words that do not fit, as addresses, stay whole."""
        margin = " " * indent
        wrapped = textwrap.wrap(
            text,
            self.width,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self.line("\n".join(wrapped))

    def live(self, text: str) -> None:
        """What is going on now: rewritten in place, or printed when it changes."""
        text = self._shown(text)
        if self.terminal:
            shown = shorten(f"  {clock(self.elapsed)}  {text}", self.width - 1)
            self.stream.write("\r\x1b[2K" + self.paint(shown, "dim"))
            self.stream.flush()
        elif text != self._live:
            print(f"  {clock(self.elapsed)}  {text}", file=self.stream, flush=True)
        self._live = text

    def _shown(self, text: str) -> str:
        """What others have written cannot command the terminal: of that, only our styles pass."""
        if not self._colour:
            return harmless(text)
        parts = _OWN.split(text)
        return "".join(one if at % 2 else harmless(one) for at, one in enumerate(parts))

    def _wipe(self) -> None:
        if self._live and self.terminal:
            self.stream.write("\r\x1b[2K")
        self._live = ""

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns as wide as their content; the last one takes what is left of the width."""
        body = [list(row) for row in rows]
        widths = [max(len(row[i]) for row in [list(headers), *body]) for i in range(len(headers))]
        for number, row in enumerate([list(headers), *body]):
            cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
            self.line("  " + "  ".join([*cells, row[-1]]).rstrip(), "bold" if number == 0 else None)

    def status(self, status: str, width: int = 0) -> str:
        """A status word in its colour, padded to `width` columns."""
        return self.paint(status, COLOURS.get(status)) + " " * max(0, width - len(status))

    def ask(self, question: str, without: str) -> str:
        """A person's answer; where nobody can answer, the flag that answers instead is named."""
        self._wipe()
        if not sys.stdin.isatty():
            raise Problem(f"this needs an answer and there is no terminal: pass {without}")
        try:
            return input(question).strip()
        except EOFError:
            self.line()
            return ""


def clock(seconds: float) -> str:
    """Elapsed time as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def ago(when: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    if when is None:
        return ""
    seconds = max(0, int((now - when).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def plain(text: object) -> str:
    """What others have written, on one line and without what would command a terminal."""
    return harmless(" ".join(str("" if text is None else text).split()))


def shorten(text: str, width: int) -> str:
    """One line of at most `width` columns."""
    text = " ".join(text.splitlines())
    return text if len(text) <= width else text[: width - 1] + "…"


class Pace:
    """How long to wait between two looks: short after news, up to `most` seconds without."""

    def __init__(self, least: float = 0.3, most: float = 4.0) -> None:
        self._least, self._most, self._next = least, most, least

    def wait(self, news: bool = False) -> None:
        """Sleep; after news start again with the short wait."""
        self._next = self._least if news else self._next
        time.sleep(self._next)
        self._next = min(self._most, self._next * 1.4)
