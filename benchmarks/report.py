"""Results as a table of ratios, on the terminal and in docs/benchmarks/."""

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path("docs/benchmarks")


@dataclass(frozen=True)
class Row:
    """`ratio` is of the two figures; `least` (or, where less is better, `most`) is what we want.

    `spread` has the least and the most of the ratios that `ratio` is the median of.
    """

    what: str
    against: str
    figures: str
    ratio: float
    least: float | None = None
    most: float | None = None
    spread: Sequence[float] = ()

    def reached(self) -> bool:
        enough = self.least is None or self.ratio >= self.least
        return enough and (self.most is None or self.ratio <= self.most)

    def cells(self) -> tuple[str, ...]:
        wanted = f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"
        spread = f" ({min(self.spread):.2f} to {max(self.spread):.2f})" if self.spread else ""
        reached = "yes" if self.reached() else "no"
        return self.what, self.against, self.figures, f"{self.ratio:.2f}{spread}", wanted, reached


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


def ratios(rows: Sequence[Row]) -> str:
    """The table, and what was missed in a sentence."""
    header = ("what", "against", "figures", "ratio", "wanted", "reached")
    missed = [f"{row.what}, against {row.against}" for row in rows if not row.reached()]
    words = f"Not reached: {'; '.join(missed)}." if missed else "All was reached."
    return f"{table(header, (row.cells() for row in rows))}\n\n{words}"


def measured() -> dict[str, str]:
    """When and where: to be kept with figures."""
    machine = f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}"
    return {"day": str(datetime.now(UTC).date()), "machine": machine}


def write(
    name: str, rows: Sequence[Row], remark: str = "", kept: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Prints the table and keeps it, with the remark, as docs/benchmarks/NAME.md."""
    write_page(name, [ratios(rows)], remark, kept)


def write_page(
    name: str, parts: Sequence[str], remark: str = "", kept: Iterable[Mapping[str, Any]] = ()
) -> None:
    """The same for what one table of ratios does not show; says when and where `kept` were
    measured: now, if there are none."""
    found = list(kept) or [measured()]
    days = sorted({each["day"] for each in found})
    when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"
    machines = " and on ".join(sorted({each["machine"] for each in found}))
    where = f"Measured {when} by `python -m benchmarks.{name}` on {machines}. {remark}".rstrip()
    text = "\n\n".join([*parts, where]) + "\n"
    print(text)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text)
