"""The container has a lock of its own; locally it runs in the environment of the other.

What the benchmarks compare with has one for each, which meets neither.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKED, COMPARED = (
    [str(file.relative_to(ROOT).with_suffix("")) for file in ROOT.glob(f"{folder}/*.in")]
    for folder in ("container", "benchmarks/requirements")
)


def pins(name: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+==\S+(?: ; .*?)?(?= \\$)", (ROOT / name).read_text(), re.M))


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-serve.txt", "requirements-test.txt"]
)
def test_the_container_pins_what_the_project_pins(name: str) -> None:
    versions = {pin.split(" ")[0] for pin in pins(f"container/{name}")}
    assert versions
    assert versions <= {pin.split(" ")[0] for pin in pins("requirements.lock")}


@pytest.mark.parametrize(
    ("wanted", "lock"),
    [
        ("requirements.in", "requirements.lock"),
        *((f"{name}.in", f"{name}.txt") for name in (*LOCKED, *COMPARED)),
    ],
)
def test_the_lock_holds_what_is_wanted(wanted: str, lock: str) -> None:
    lines = (ROOT / wanted).read_text().splitlines()
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in lines if re.match(r"\w", line)}
    assert names
    assert names <= {pin.split("==")[0] for pin in pins(lock)}, "run make lock"


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "container/requirements.txt",
        "container/requirements-serve.txt",
        "container/requirements-sbom.txt",
        *(f"{name}.txt" for name in COMPARED),
    ],
)
def test_every_pin_has_a_hash(name: str) -> None:
    text = (ROOT / name).read_text()
    blocks = re.split(r"\n(?=[a-z])", text)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
