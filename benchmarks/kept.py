"""Figures that are kept between runs, so that a long measurement can be made in parts."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.report import measured

FOLDER = Path("build/benchmarks")


class Kept:
    """In build/benchmarks/NAME, with whatever else is made once; of one state of the sources."""

    def __init__(self, name: str, *sources: str, add: bool) -> None:
        """Forgets what is there unless it is to be added to and the sources are the same."""
        self.folder = (FOLDER / name).absolute()
        self._figures, mark = self.folder / "figures.jsonl", self.folder / "sources"
        state = _state(sources)
        if not (add and mark.exists() and mark.read_text() == state):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            mark.write_text(state)

    def add(self, figures: dict[str, Any]) -> None:
        """With the day and the machine."""
        with self._figures.open("a") as file:
            file.write(f"{json.dumps(figures | measured())}\n")

    def read(self) -> list[dict[str, Any]]:
        lines = self._figures.read_text().splitlines() if self._figures.exists() else []
        return [json.loads(line) for line in lines]


def _state(sources: tuple[str, ...]) -> str:
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *sources)
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    found = hashlib.sha256()
    for name in sorted(set(names)):
        if Path(name).exists():
            found.update(f"{name} {hashlib.sha256(Path(name).read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()
