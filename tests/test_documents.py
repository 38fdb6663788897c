"""What the documents promise is there: links, commands and pictures, the same in both languages."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
PAGES = [name for name in FILES if name.endswith(".md") and (ROOT / name).exists()]
MAKEFILE = (ROOT / "Makefile").read_text()
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
# A folder, or a file in one; less what make writes, and the folder of the seed data in S3
PLACE = re.compile(r"(?!build/|\.local/|seed/)[\w.-]+/([\w.-]+/)*([\w.-]+\.[a-z]+)?")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def read_lines(file: str) -> list[str]:
    return text(file).splitlines() if (ROOT / file).exists() else []


def links(page: str) -> list[str]:
    """Where the page's links and pictures lead, but to other sites."""
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text(page)))
    return [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(page: str) -> list[str]:
    """The page's code: fenced blocks, indented ones and words in backticks."""
    body = text(page)
    rest = FENCE.sub("", body)
    indented = re.findall(r"^(?: {4}|\t)(.+)$", rest, re.M)
    return FENCE.findall(body) + indented + re.findall(r"`([^`]+)`", rest)


def commands(page: str) -> set[str]:
    """What the page tells the reader to run with make."""
    return set(re.findall(r"(?<![\w.-])make ([a-z][a-z-]*)", "\n".join(code(page))))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in links(page):
        name, _, anchor = target.partition("#")
        there = (ROOT / page).parent / name if name else ROOT / page
        assert there.exists(), f"{page} links to {name}, which does not exist"
        assert not anchor or anchor in anchors(there), f"{page}: no heading is #{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    """From the root, or from the folder of the page."""
    words = re.findall(r"`([^`]+)`", FENCE.sub("", text(page)))
    bases = (ROOT, (ROOT / page).parent)
    for name in filter(PLACE.fullmatch, words):
        assert any((base / name).exists() for base in bases), f"{page}: there is no {name}"


@pytest.mark.parametrize("page", PAGES)
def test_every_example_in_python_is_from_the_code(page: str) -> None:
    """Line by line, but for what is left out."""
    code = {line.strip() for file in FILES if file.endswith(".py") for line in read_lines(file)}
    examples = re.findall(r"^```python\n(.*?)^```", text(page), re.M | re.S)
    lines = [line.strip() for example in examples for line in example.splitlines()]
    assert [line for line in lines if line and "..." not in line and line not in code] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_figure_beside_a_measured_table_is_one_of_that_table(page: str) -> None:
    """Where a paragraph or a point links to it: so no figure outlives its measurement."""
    for part in re.split(r"\n\s*\n|\n(?=[-*] )", FENCE.sub("", text(page))):
        tables = re.findall(r"\]\(((?:docs/)?(?:benchmarks/)?(?:serving|training)\.md)\)", part)
        measured = " ".join(text(str(Path(page).parent / name)) for name in tables)
        told = FIGURE.findall(re.sub(r"\]\([^)]*\)", "", part)) if tables else []
        old = [figure for figure in told if figure not in FIGURE.findall(measured)]
        assert not old, f"{page}: {', '.join(old)} not in {', '.join(tables)}: write what is there"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_is_a_target(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    assert commands(page) <= targets, f"{page}: the Makefile has no {commands(page) - targets}"


def test_a_reader_finds_every_page_and_every_picture() -> None:
    """From the two pages that a repository shows by itself, link by link."""
    found, ahead = set[Path](), [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    while ahead:
        page = ahead.pop()
        if page.is_dir():
            page /= "README.md"
        if page not in found:
            found.add(page)
            if page.suffix == ".md":
                places = [target.partition("#")[0] for target in links(str(page))]
                ahead += [(page.parent / place).resolve() for place in places if place]
    shown = [name for name in FILES if name.endswith((".md", ".svg"))]
    assert {name for name in shown if ROOT / name not in found} == set()


def test_both_readmes_name_the_same_commands_and_the_same_places() -> None:
    english, chinese = "README.md", "README.zh-CN.md"
    assert commands(english) == commands(chinese)
    here = {english, chinese}
    assert set(links(english)) - here == set(links(chinese)) - here


def test_the_hooks_of_a_commit_are_a_part_of_the_gate() -> None:
    found = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = {hook["id"]: hook["entry"] for hook in found["repos"][0]["hooks"]}
    for name in ("ruff", "types"):
        arguments = hooks[name].removeprefix(".venv/bin/python ")
        assert re.search(rf"^\t@?\$\(PY\) {re.escape(arguments)}", MAKEFILE.replace("'", ""), re.M)


def test_ci_runs_the_gate_and_may_only_read() -> None:
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = ci["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert ci["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in used)


def test_the_package_names_its_licence_and_the_pythons_that_make_accepts() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in text("LICENSE")
    minors = re.findall(r"Python :: 3\.(\d+)", "\n".join(project["classifiers"]))
    assert project["requires-python"] == f">=3.{minors[0]},<3.{int(minors[-1]) + 1}"
    assert f"(3, {minors[0]}) <= sys.version_info[:2] <= (3, {minors[-1]})" in MAKEFILE
