"""Every way out that a script names is one that a test has followed."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAPTOP = "tests/scripts/test_laptop.py"
TEARDOWN = "tests/system/test_teardown.py"
VERSIONS = "tests/scripts/test_version_commands.py"

# The command that is named, and the file and the words of the test in which it is given
TRIED = {
    "make create-stack": (TEARDOWN, 'begin(aws, "create_stack")'),
    "make deploy": (TEARDOWN, 'begin(aws, "create_stack", "--parameters"'),
    "make destroy": (TEARDOWN, 'begin(aws, "destroy")'),
    "make logs": (TEARDOWN, 'begin(aws, "logs")'),
    "make predict": (TEARDOWN, 'begin(aws, "predict"'),
    "make approve": (VERSIONS, 'said(decide.main, "--yes", "approve")'),
    "make models": (VERSIONS, "said(models.main)"),
    "make reject": (VERSIONS, '"--reason", "biased", "reject")'),
    "make rollback": ("tests/system/test_rollback_command.py", "rollback.rollback("),
    "make batch": ("tests/system/test_batch.py", "batch.stop("),
    "make report": (VERSIONS, 'said(report.main, "--version"'),
    "make trace": (VERSIONS, 'said(trace.main, "--version"'),
    "make status": (TEARDOWN, '"scripts.status"'),
    "make drift": ("tests/scripts/test_drift.py", "drift.drift(clients"),
    "make train": (TEARDOWN, 'begin(aws, "train"'),
    "make upload": (TEARDOWN, 'begin(aws, "upload")'),
    "make generate": (TEARDOWN, '"generate.py"'),
    "make data": ("tests/scripts/test_data.py", 'data.main(["digits"'),
    "make local": ("tests/system/driver.py", '"-m", "local"'),
    "make train-local": (LAPTOP, '"train", "--code", "model")'),
    "make serve-local": (LAPTOP, '"serve", "--code", "model")'),
    "source .local/env": ("tests/system/driver.py", 'home / "env"'),
    "aws cloudformation describe-stacks": ("tests/system/driver.py", '"describe-stacks"'),
    "aws cloudformation update-termination-protection": (TEARDOWN, 'findall("`(aws [^`]+)`"'),
    "aws s3 rm": ("tests/system/test_by_itself.py", '"`(aws s3 rm [^`]+)`"'),
    "aws sagemaker delete-endpoint": (
        "tests/system/test_rollout.py",
        "sagemaker.delete_endpoint(EndpointName=project.name)",
    ),
    ".venv/bin/python -m scripts.create_stack": (
        "tests/scripts/test_create_stack.py",
        "allow_replacement=True",
    ),
    # It leads to the package index, or to a person's own account
    "make lock": None,
    "aws configure": None,
    "aws sso login": None,
    # The local endpoint does not have the operation (AWS: Continue rolling back an update)
    "aws cloudformation continue-update-rollback": None,
}


VERBS = r"(make|aws|source|\.venv/bin/python) "


@cache
def ways() -> list[tuple[str, bool]]:
    """What stands between backticks in a text that is no docstring, or is made by `make(…)`, and
    whether it is. docs.py writes pages, which say how things are done in general."""
    found: list[tuple[str, bool]] = []
    for file in sorted((ROOT / "scripts").rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if file.name != "docs.py" else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "make":
                found.append((f"make {ast.literal_eval(node.args[0])}", True))
            if isinstance(node, ast.Constant | ast.JoinedStr) and "`" in ast.unparse(node):
                text = ast.get_source_segment(source, node) or ""
                joined = re.sub(r'"\s+f?"', "", text)  # a text that is written in pieces
                for way in re.findall("`([^`]+)`", joined):
                    if re.match(VERBS, way) and not text.startswith('"""'):
                        found.append((way, False))
    return found


def test_every_way_out_that_is_named_was_followed() -> None:
    # Without what differs from one stack to the next
    named = {re.split(r" (?=--|[A-Z]+=)", way)[0] for way, _ in ways()}
    assert named - TRIED.keys() == set(), "name the test in which this way out is followed"
    assert TRIED.keys() - named == set(), "nothing names this way out any more"
    for way, test in TRIED.items():
        if test:
            file, words = test
            assert words in (ROOT / file).read_text(encoding="utf-8"), f"{way} is not tried there"


def test_a_command_for_a_stack_is_named_with_its_stack() -> None:
    """By `make(…)`, which adds region and profile: without them it leads to another stack."""
    of_none = r"make (generate|data|local|lock|train-local|serve-local)\b"
    plain = [way for way, made in ways() if not made and not re.match(of_none, way)]
    assert [way for way in plain if way.startswith("make ")] == [], "write make(<target>, stack)"
