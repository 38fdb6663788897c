import os
import subprocess
import sys
from pathlib import Path

import pytest

import generate

ROOT = Path(generate.__file__).parent
GOLDEN = ROOT / "tests" / "golden"
FILES = ("bootstrap.yaml", "mlops.yaml", "deployer.yaml")


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
        # TemplateURL: 1 MB; TemplateBody, as `aws cloudformation deploy` sends the others: 51,200
        # (CloudFormation quotas)
        assert len(text.encode()) <= (1_000_000 if name == "mlops.yaml" else 51_200), name


def test_the_help_has_no_switch_but_output() -> None:
    shown = subprocess.run(
        [sys.executable, "generate.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert shown.returncode == 0
    switches = {
        word.strip("[,]") for word in shown.stdout.split() if word.lstrip("[").startswith("-")
    }
    assert switches == {"-h", "--help", "--output"}
