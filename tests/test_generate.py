import os
import subprocess
import sys
from pathlib import Path

import pytest

import generate

ROOT = Path(generate.__file__).parent
GOLDEN = ROOT / "tests" / "golden"
FILES = ("bootstrap.yaml", "mlops.yaml")


def run(output: Path, seed: str = "0") -> None:
    subprocess.run(
        [sys.executable, "generate.py", "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
    )


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_every_run_writes_the_golden_bytes(tmp_path: Path, seed: str) -> None:
    """After a wanted change: make golden, and read the difference."""
    run(tmp_path, seed)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes(), (
            f"{name} has changed: run make golden, and read the difference"
        )


def test_the_yaml_has_nothing_that_cloudformation_refuses(tmp_path: Path) -> None:
    run(tmp_path)
    for name in FILES:
        text = (tmp_path / name).read_text()
        assert "&id" not in text
        assert text.isascii()
        assert len(text.encode()) < 1_000_000  # TemplateURL: 1 MB (CloudFormation quotas)


def test_the_help_has_no_switch_but_output() -> None:
    shown = subprocess.run(
        [sys.executable, "generate.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 0
    switches = {
        word.strip("[,]") for word in shown.stdout.split() if word.lstrip("[").startswith("-")
    }
    assert switches == {"-h", "--help", "--output"}


# What the parts import of troposphere, and nothing else
IMPORTS = (
    "import generate, sys; print(*sorted(m for m in sys.modules if m.startswith('troposphere')))"
)
CPU = (
    "import resource; r = resource.getrusage(resource.RUSAGE_SELF); print(r.ru_utime + r.ru_stime)"
)


def cpu_seconds(code: str, compiled: Path) -> float:
    """CPU time of one process that finds and leaves compiled modules in a folder."""
    command = [sys.executable, "-c", f"{code}\n{CPU}"]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return float(done.stdout.split()[-1])


def test_generating_costs_little_more_than_importing_troposphere(tmp_path: Path) -> None:
    """The least of several runs of each, in turn: noise only adds to it.

    Of modules that are compiled already: that is so from the second run on.
    """
    listed = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True
    )
    imports = "import " + ", ".join(listed.stdout.split())
    arguments = ["generate.py", "--output", str(tmp_path)]
    generate = f"import sys; sys.argv = {arguments!r}\nimport generate; generate.main()"
    compiled = tmp_path / "compiled"
    runs = [(cpu_seconds(generate, compiled), cpu_seconds(imports, compiled)) for _ in range(12)]
    generating, importing = map(min, zip(*runs, strict=True))
    assert (tmp_path / "mlops.yaml").exists()
    assert generating / importing < 2, (generating, importing)
