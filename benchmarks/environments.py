"""What the product is compared with gets an environment of its own, locked with hashes."""

import functools
import re
import subprocess
import sys
from pathlib import Path

LOCKED = Path("benchmarks/requirements")
FOLDER = Path("build/benchmarks/environments")


@functools.cache
def programs(name: str) -> Path:
    """The folder of the programs of requirements/NAME.txt, after installing it where it is not."""
    wanted, environment = LOCKED / f"{name}.txt", (FOLDER / name).absolute()
    done = environment / "requirements.txt"
    if not done.exists() or done.read_text() != wanted.read_text():
        print(f"Installing {name} to compare with, once", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = (str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-q")
        words = (*pip, "install", "--require-hashes", "--requirement", str(wanted))
        subprocess.run(words, check=True)
        done.write_text(wanted.read_text())
    return environment / "bin"


def version(name: str) -> str:
    """Of what requirements/NAME.in is for."""
    found = re.search(rf"^{name}==(\S+)", (LOCKED / f"{name}.txt").read_text(), re.M)
    assert found
    return found[1]
