"""Results as a table of ratios, on the terminal and in docs/benchmarks/."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
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


def write(name: str, rows: Sequence[Row]) -> None:
    """Prints the table and keeps it as docs/benchmarks/NAME.md."""
    header = ("what", "against", "figures", "ratio", "wanted")
    lines = [header, ("---",) * len(header), *(row.cells() for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    text = f"{table}\n\nMeasured in one run by `python -m benchmarks.{name}` on {machine}.\n"
    print(text)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text)
