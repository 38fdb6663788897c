import subprocess
from pathlib import Path

import pytest

from local.codebuild.buildspec import BuildspecError, Files, NoFiles, parse
from local.codebuild.reports import ReportError, read_junit
from local.codebuild.work import script

HEAD = "version: 0.2\n"
BUILD = "phases: {build: {commands: ['true']}}\n"


def test_values_stay_as_they_are_written() -> None:
    spec = parse(HEAD + BUILD + "env: {variables: {A: 010, B: yes, C: 1.10}}\n")
    assert spec.variables == {"A": "010", "B": "yes", "C": "1.10"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 0.1\n" + BUILD, "version must be 0.2"),
        (BUILD, "version must be 0.2, not absent"),
        (HEAD, "phases is required"),
        (HEAD + "phases: {deploy: {commands: [x]}}", "'deploy' is not supported"),
        (HEAD + "phases: {build: {comands: [x]}}", "'comands' is not supported"),
        (HEAD + "phases: {build: {}}", "phases/build has no commands"),
        (
            HEAD + "phases: {build: {commands: [a, b: c]}}",
            "Expected Commands[1] to be of string type: found subkeys instead",
        ),
        (HEAD + "phases: {build: {commands: x}}", "Expected Commands to be of sequence type"),
        (HEAD + "phases: {build: {commands: [x], on-failure: RETRY}}", "on-failure must be"),
        (HEAD + BUILD + "env: {secrets-manager: {A: b}}", "'secrets-manager' is not supported"),
        (HEAD + BUILD + "env: {shell: powershell.exe}", "env/shell"),
        (HEAD + BUILD + "artifacts: {files: ['../x']}", "leaves the source folder"),
        (HEAD + BUILD + "artifacts: {name: x}", "artifacts/files is required"),
        (HEAD + BUILD + "reports: {r: {files: [x], file-format: CUCUMBERJSON}}", "JUNITXML"),
        (HEAD + "a: [", "expected"),
        ("!!python/object/apply:os.system [id]", "mapping"),
    ],
)
def test_what_is_no_buildspec_is_refused_in_one_line_that_names_the_place(
    text: str, words: str
) -> None:
    with pytest.raises(BuildspecError) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("phase", "on_failure", "following"),
    [
        ("install", None, None),
        ("pre_build", None, None),
        ("build", None, "post_build"),
        ("build", "ABORT", None),
        ("pre_build", "CONTINUE", "build"),
        ("post_build", None, None),
    ],
)
def test_what_follows_a_failed_phase(
    phase: str, on_failure: str | None, following: str | None
) -> None:
    more = f", on-failure: {on_failure}" if on_failure else ""
    spec = parse(HEAD + f"phases: {{{phase}: {{commands: ['false']{more}}}}}")
    assert spec.after(phase, failed=True) == following


def test_a_phase_that_is_not_declared_is_passed_through() -> None:
    spec = parse(HEAD + BUILD)
    assert spec.after("install", failed=False) == "pre_build"


def run(state: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    state.mkdir(exist_ok=True)
    text = script(commands, state, succeeding=True)
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True)


def test_a_command_with_a_syntax_error_fails_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "echo first", "if then", "echo third")
    assert done.returncode != 0
    assert "first" in done.stdout
    assert (tmp_path / "command").read_text().strip() == "1"


def test_a_command_that_exits_keeps_what_the_ones_before_it_set(tmp_path: Path) -> None:
    run(tmp_path, "KEPT='a  b'", "LOST=1; exit 3")
    assert run(tmp_path, 'echo "[$KEPT][$LOST]"').stdout.splitlines()[-1] == "[a  b][]"


def test_a_variable_that_is_not_exported_stays_unexported_in_the_next_phase(
    tmp_path: Path,
) -> None:
    """As in CodeBuild a program sees only what was exported; an emulator that exports all would
    hide the mistake until the first run on AWS."""
    run(tmp_path, "PLAIN=1", "export SHOWN=2")
    assert run(tmp_path, "printenv SHOWN").stdout.splitlines()[-1] == "2"
    assert run(tmp_path, "printenv PLAIN").returncode == 1


def test_multi_line_commands_quotes_and_here_documents_survive(tmp_path: Path) -> None:
    done = run(tmp_path, "cat <<'END'\nit's $HOME \"quoted\"\nEND\n")
    assert done.stdout.splitlines()[-1] == 'it\'s $HOME "quoted"'


@pytest.mark.parametrize(
    ("patterns", "base", "discard", "names"),
    [
        (("**/*",), ".", False, ["a.txt", "d/b.txt", "d/e/c.json"]),
        (("d/*",), ".", False, ["d/b.txt"]),
        (("e/**/*", "b.txt"), "d", False, ["e/c.json", "b.txt"]),
        (("d/e/c.json",), ".", True, ["c.json"]),
    ],
)
def test_artifacts_are_named_as_codebuild_names_them(
    tmp_path: Path, patterns: tuple[str, ...], base: str, discard: bool, names: list[str]
) -> None:
    for name in ("a.txt", "d/b.txt", "d/e/c.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = Files(patterns, base, discard).collect(tmp_path)
    assert [name for _, name in found] == names


def test_excluded_paths_stay_out_and_no_match_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    found = Files(("*.txt",), exclude=("b*",)).collect(tmp_path)
    assert [name for _, name in found] == ["a.txt"]
    with pytest.raises(NoFiles, match="no matching artifact paths found: none"):
        Files(("none",)).collect(tmp_path)
    with pytest.raises(NoFiles, match="no matching base directory path found for q"):
        Files(("*",), "q").collect(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_report_with_a_document_type_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "junit.xml"
    text = '<!DOCTYPE a [<!ENTITY b "c">]><testsuite><testcase name="&b;"/></testsuite>'
    path.write_bytes(text.encode(encoding))
    with pytest.raises(ReportError, match="document type"):
        read_junit(path)
