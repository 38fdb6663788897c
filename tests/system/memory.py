"""How much memory a local endpoint takes, and what it is given to do."""

import subprocess
import time
from pathlib import Path

from local.context import Context
from local.memory import SETTLED
from local.tests import test_memory
from local.tests.remote import Remote
from tests.system.driver import Driver


def megabytes(home: Path) -> float:
    """Linux only."""
    asked = ["pgrep", "--full", "--oldest", f"local --port 0 --home {home} "]
    pid = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def settled(home: Path) -> float:
    """Once the endpoint has given back what it does of a deleted stack."""
    time.sleep(SETTLED + 2)
    return megabytes(home)


def small_stacks(aws: Driver, count: int) -> None:
    """So many, one after another, are made, used and deleted: a bucket, a role, a log group and a
    machine that runs."""
    cloud = Remote(Context(aws.environment["AWS_REGION"], 0, aws.home), aws.environment)
    for _ in range(count):
        test_memory.live(cloud)
