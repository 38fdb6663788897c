"""Results as a table of ratios, on the terminal and in docs/benchmarks/."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path("docs/benchmarks")


@dataclass(frozen=True)
class Row:
    """`ratio` is of the two figures; `least` (or, where less is better, `most`) is what we want."""

    what: str
    against: str
    figures: str
    ratio: float
    least: float | None = None
    most: float | None = None

    def cells(self) -> tuple[str, ...]:
        wanted = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        return self.what, self.against, self.figures, f"{self.ratio:.2f}", wanted


def processor() -> str:
    """With what decides how quick it computes."""
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.is_file() else ""
    words = set(text.split())
    made = re.findall(r"^model name\s*: (.+)", text, re.M) or [platform.machine()]
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in words]
    return " ".join([made[0], *(f"with {', '.join(known)}" for _ in known[:1])])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ratios(rows: Iterable[Row]) -> str:
    return table(("what", "against", "figures", "ratio", "wanted"), (row.cells() for row in rows))


def write(name: str, rows: Sequence[Row], remark: str = "") -> None:
    """Prints the table and keeps it, with the remark, as docs/benchmarks/NAME.md."""
    write_page(name, [ratios(rows)], remark)


def write_page(name: str, parts: Sequence[str], remark: str = "") -> None:
    """The same for what one table of ratios does not show; says when and where it was measured."""
    when = datetime.now(UTC).date()
    machine = f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}"
    where = f"Measured on {when} by `python -m benchmarks.{name}` on {machine}. {remark}".rstrip()
    text = "\n\n".join([*parts, where]) + "\n"
    print(text)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text)
