"""The Makefile hands values on as they are and documents itself."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*words: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_alone_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.M))
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.M)
    assert phony
    listed = re.findall(r"^  ([a-z-]+) ", make(), re.M)
    assert set(listed) == targets, "say behind the target's ## what it does"
    assert sorted(listed) == sorted(phony[1].replace("\\\n", " ").split())


def test_a_value_is_never_read_as_shell_code() -> None:
    recipe = make("-n", "create-stack", "PARAMS=A=1; touch trap", "STACK=$$(touch trap)")
    assert "trap" not in recipe
    assert '"$PARAMS"' in recipe


def test_deploy_is_lint_generate_upload_create_stack_in_this_order() -> None:
    recipe = make("-n", "deploy")
    order = ["-m ruff", "bin/cfn-lint", "scripts.upload", "scripts.create_stack"]
    positions = [recipe.index(word) for word in order]
    assert positions == sorted(positions)
    assert recipe.index("generate.py") < recipe.index("scripts.upload")
