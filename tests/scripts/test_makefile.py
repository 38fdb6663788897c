"""The Makefile hands values on as they are and documents itself."""

import os
import re
import subprocess
from pathlib import Path

import pytest

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


AWKWARD = "$(shell touch trap) $5 a$$b ${HOME} #c \\d `touch trap` 'e\" ; touch trap"


def given() -> list[str]:
    """What a person may give, by the Makefile's own list."""
    listed = re.search(r"^GIVEN := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert listed
    return listed[1].replace("\\\n", " ").split()


# Each decides about one thing once: common names, which an environment may hold for another reason
ASKED_NOW = (
    *("VERSION", "TO", "REASON", "FORCE", "JSON", "ASK", "INPUT", "OUTPUT", "STOP", "REBUILD"),
    "RUN",
)


@pytest.mark.parametrize("how", ["as an argument", "in the environment"])
def test_every_value_arrives_as_it_was_typed(how: str, tmp_path: Path) -> None:
    """make reads a $ in each, unless it is told not to."""
    show = tmp_path / "show.mk"
    show.write_text(f"include {ROOT / 'Makefile'}\nshow: ; @env -0 >{tmp_path / 'seen'}\n")
    values = {name: f"{name} {AWKWARD}" for name in given()}
    arguments = [f"{name}={value}" for name, value in values.items()]
    done = subprocess.run(
        ["make", "-f", show, "show", *(arguments if how == "as an argument" else [])],
        cwd=tmp_path,
        env={**os.environ, **values} if how == "in the environment" else None,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    seen = dict(one.split("=", 1) for one in (tmp_path / "seen").read_text().split("\0") if one)
    if how == "in the environment":
        values |= dict.fromkeys(ASKED_NOW, "")
    assert {name: seen.get(name) for name in values} == values
    assert not (tmp_path / "trap").exists()


def test_no_recipe_reads_a_value_but_from_the_environment() -> None:
    """What stands in a recipe's text would be read by the shell."""
    text = (ROOT / "Makefile").read_text()
    used = set(re.findall(r"\$[({]([A-Z]+)[)}]", re.sub(r"\$\(if \$\(\w+\),", "", text)))
    assert not used & set(given()), "write $$NAME in the recipe"


def test_deploy_checks_lints_generates_uploads_and_creates_in_this_order() -> None:
    recipe = make("-n", "deploy")
    order = ['"$ROLE" --check', "-m ruff", "bin/cfn-lint", "scripts.upload", "scripts.create_stack"]
    positions = [recipe.rindex(word) for word in order]
    assert positions == sorted(positions)
    assert recipe.index("generate.py") < recipe.index("scripts.upload")


def test_templates_are_linted_anew_when_they_their_regions_or_cfn_lint_changed(
    tmp_path: Path,
) -> None:
    calls, verdict = tmp_path / "calls", tmp_path / "verdict"
    programs = {"python": "true", "cfn-lint": f'echo "$@" >>{calls}; exit $(cat {verdict})'}
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name, does in programs.items():
        (tmp_path / ".venv/bin" / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    (tmp_path / "build").mkdir()
    for name in ("mlops", "bootstrap", "deployer"):
        (tmp_path / f"build/{name}.yaml").write_text("as it was")
    (tmp_path / "requirements.lock").write_text("cfn-lint==1")
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())

    def linted(*words: str, code: int = 0) -> int:
        """How often, all in all."""
        (tmp_path / ".venv/.installed").touch()
        verdict.write_text(str(code))
        done = subprocess.run(["make", "lint", *words], cwd=tmp_path, capture_output=True)
        assert (done.returncode == 0) == (code == 0)
        return calls.read_text().count("\n")

    assert (linted(), linted()) == (1, 1)
    (tmp_path / "build/deployer.yaml").write_text("as it is")
    assert (linted(code=1), linted(), linted()) == (2, 3, 3)
    (tmp_path / "requirements.lock").write_text("cfn-lint==2")
    assert (linted(), linted()) == (4, 4)
    assert (linted("REGIONS=cn-north-1"), linted("REGIONS=cn-north-1")) == (5, 5)


@pytest.mark.parametrize("target", ["demo", "local"])
def test_what_jobs_begin_with_is_imported_as_the_image_and_the_tests_build_have_it(
    target: str,
) -> None:
    """Else each imports it anew."""
    loaded = set(re.findall(r"--load (\w+)=(\w+)", make("-n", target)))
    image = (ROOT / "container/Dockerfile").read_text()
    (settings,) = re.findall(r"^FROM serve-packages AS train-packages\nENV (.*)$", image, re.M)
    assert loaded == set(re.findall(r"(\w+)=(\w+)", settings))
    build = (ROOT / "buildspec/test.yml").read_text()
    assert loaded == set(re.findall(r'^    (\w+): "(\w+)"$', build, re.M))
