"""How quick the templates are generated: against the import of what they are written with.

CPU time of one process each, of modules that are compiled already, as from the second run on. The
least of several runs of each, in turn: what else a machine does only adds to it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Row, write

RUNS = 12
# What the parts import of troposphere, and nothing else
IMPORTS = (
    "import generate, sys; print(*sorted(m for m in sys.modules if m.startswith('troposphere')))"
)
CPU = (
    "import resource; r = resource.getrusage(resource.RUSAGE_SELF); print(r.ru_utime + r.ru_stime)"
)


def cpu_seconds(code: str, compiled: Path) -> float:
    """Of one process that finds and leaves compiled modules in a folder."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{CPU}"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout.split()[-1])


def measure(folder: Path) -> Row:
    listed = subprocess.run(
        [sys.executable, "-c", IMPORTS], stdout=subprocess.PIPE, text=True, check=True
    )
    imports = "import " + ", ".join(listed.stdout.split())
    arguments = ["generate.py", "--output", str(folder)]
    generate = f"import sys; sys.argv = {arguments!r}\nimport generate; generate.main()"
    compiled = folder / "compiled"
    runs = [(cpu_seconds(generate, compiled), cpu_seconds(imports, compiled)) for _ in range(RUNS)]
    ours, theirs = map(min, zip(*runs, strict=True))
    return Row(
        "`make generate`, CPU seconds",
        "importing troposphere",
        f"{ours:.2f} : {theirs:.2f}",
        ours / theirs,
        most=2,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write("generating", [measure(Path(folder))])


if __name__ == "__main__":
    main()
