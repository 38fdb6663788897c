"""`docker build`: what a Dockerfile becomes, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.docker.__main__ import main
from local.docker.dockerfile import DockerfileError, expand, parse
from local.docker.files import copy, excluded, patterns
from local.docker.store import pack


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A context with a program; `main` works in this test's folders."""
    monkeypatch.setenv("LOCAL_DOCKER_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("LOCAL_DOCKER_IMAGES", str(tmp_path / "images"))
    context = tmp_path / "context"
    (context / "package" / "deep").mkdir(parents=True)
    (context / "train").write_text("#!/bin/sh\n")
    (context / "train").chmod(0o755)
    (context / "package" / "deep" / "data.txt").write_text("data")
    return context


def build(context: Path, dockerfile: str, *options: str) -> int:
    (context / "Dockerfile").write_text(dockerfile)
    return main(["build", "--tag", "image", *options, str(context)])


def image(context: Path) -> Path:
    store = context.parent / "store"
    identifier = json.loads((store / "tags.json").read_text())["image:latest"]
    return store / identifier


def config(context: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((image(context) / "config.json").read_text())
    return found


def files(context: Path) -> list[str]:
    root = image(context) / "root"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_dockerfile_becomes_files_and_a_configuration(docker: Path) -> None:
    assert (
        build(
            docker,
            """\
# syntax=docker/dockerfile:1
ARG BASE=python:3.11
FROM ${BASE} AS base
ARG INDEX=none
ENV PATH=/opt/program:$PATH \\
    # a comment between the lines
    SERVE_HOST="0.0.0.0" INDEX=${INDEX} LITERAL='$PATH'
WORKDIR /opt/program
COPY train ./
COPY package package
LABEL version="a b"
ENTRYPOINT ["python3"]
CMD serve now
""",
            "--build-arg",
            "INDEX=https://index",
        )
        == 0
    )
    assert files(docker) == ["opt/program/package/deep/data.txt", "opt/program/train"]
    found = config(docker)
    assert found["WorkingDir"] == "/opt/program"
    assert found["Entrypoint"] == ["python3"]
    assert found["Cmd"] == ["/bin/sh", "-c", "serve now"]
    environment = found["Env"]
    assert isinstance(environment, dict)
    assert environment["PATH"].startswith("/opt/program:/usr/local/sbin")
    assert environment["INDEX"] == "https://index"
    assert environment["LITERAL"] == "$PATH"


def test_run_is_not_executed_and_that_is_said_once(
    docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        build(docker, "FROM a\nRUN touch /made\nRUN <<END\ntouch /made\nEND\nCOPY train /\n") == 0
    )
    assert capsys.readouterr().out.count("RUN is not executed") == 1
    assert files(docker) == ["train"]


def test_a_quiet_build_says_its_images_id_alone(
    docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(docker, "FROM a\nRUN x\nCOPY train /\n", "--quiet") == 0
    assert capsys.readouterr().out == f"sha256:{image(docker).name}\n"


def test_an_instruction_that_is_not_known_is_refused_with_its_line(
    docker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(docker, "FROM a\n\nVOLUME /data\n") == 1
    assert "Dockerfile:3: VOLUME is not supported" in capsys.readouterr().err


def test_the_target_stage_is_built_and_what_follows_it_is_not(docker: Path) -> None:
    text = (
        "FROM a AS train\nCOPY train /train\nFROM train AS serve\nENV ROLE=serve\nCOPY missing /\n"
    )
    assert build(docker, text, "--target", "train") == 0
    assert files(docker) == ["train"]
    assert build(docker, text) == 1
    assert build(docker, text, "--target", "none") == 1


TWO_TARGETS = """\
ARG BASE=python:3.11
FROM ${BASE} AS base
WORKDIR /opt/program
ENV PATH=/opt/program:${PATH}
ARG INDEX=https://default
COPY requirements-serve.txt ./

FROM base AS packages
RUN pip install --index-url ${INDEX} --requirement requirements-serve.txt

FROM base AS train
ENV ROLE=train INDEX=${INDEX}
COPY . ./
COPY --chmod=755 train serve ./
CMD ["train"]

FROM ${BASE} AS serve
ARG INDEX=https://other
ENV PATH=/opt/program:${PATH} ROLE=serve INDEX=${INDEX}
WORKDIR /opt/program
COPY --from=packages /opt/program/requirements-serve.txt ./
COPY serving/ serving/
COPY --chmod=755 serve ./
CMD ["serve"]
"""


@pytest.mark.parametrize(
    ("target", "index", "expected"),
    [
        (
            "train",
            "https://default",
            ["model.py", "requirements-serve.txt", "serve", "serving/app.py", "train"],
        ),
        ("serve", "https://other", ["requirements-serve.txt", "serve", "serving/app.py"]),
    ],
)
def test_one_dockerfile_has_an_image_to_train_and_one_to_serve(
    docker: Path, target: str, index: str, expected: list[str]
) -> None:
    (docker / "serving").mkdir()
    for name in ("model.py", "serve", "serving/app.py", "requirements-serve.txt"):
        (docker / name).write_text(name)
    (docker / ".dockerignore").write_text("Dockerfile\n.dockerignore\npackage\n")
    assert build(docker, TWO_TARGETS, "--target", target) == 0
    assert files(docker) == [f"opt/program/{name}" for name in expected]
    assert os.access(image(docker) / "root/opt/program/serve", os.X_OK)
    found = config(docker)
    assert (found["Cmd"], found["WorkingDir"]) == ([target], "/opt/program")
    environment = found["Env"]
    assert isinstance(environment, dict)
    assert (environment["ROLE"], environment["INDEX"]) == (target, index)
    assert environment["PATH"].startswith("/opt/program:/usr/local/sbin")


def test_a_stage_hands_files_and_environment_to_the_next(docker: Path) -> None:
    assert (
        build(
            docker,
            "FROM a AS one\nENV A=1\nCOPY train /x/\n"
            "FROM one AS two\nFROM b\nCOPY --from=two /x/train /y/\n",
        )
        == 0
    )
    assert files(docker) == ["y/train"]


def test_the_dockerignore_keeps_files_out(docker: Path) -> None:
    (docker / ".dockerignore").write_text("# no data\n**/*.txt\nDockerfile\n.dockerignore\n")
    assert build(docker, "FROM a\nCOPY . /all\n") == 0
    assert files(docker) == ["all/train"]


@pytest.mark.parametrize(
    ("rules", "path", "out"),
    [
        ("*.pyc", "a.pyc", True),
        ("*.pyc", "d/a.pyc", False),
        ("**/*.pyc", "d/e/a.pyc", True),
        ("tests", "tests/a/b", True),
        ("tests/", "tests/a", True),
        ("tes", "tests/a", False),
        ("*\n!train", "train", False),
        ("*\n!train", "d/serve", True),
        ("/a?c", "abc", True),
    ],
)
def test_dockerignore_patterns(rules: str, path: str, out: bool) -> None:
    assert excluded(path, patterns(rules)) is out


def test_copy_keeps_executable_bits_and_chmod_changes_them(docker: Path) -> None:
    assert build(docker, "FROM a\nCOPY train /kept\nCOPY --chmod=644 train /plain\n") == 0
    root = image(docker) / "root"
    assert os.access(root / "kept", os.X_OK)
    assert (root / "plain").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY missing /", '"/missing": not found'),
        ("COPY train package /both", "needs a destination folder that ends with /"),
        ("COPY --from=nobody x /", "names no earlier stage"),
        ("COPY --exclude=x . /", "not supported"),
        ("ENV a=1 b", "'b' is not key=value"),
        ("ENTRYPOINT [oops]", "JSON list"),
    ],
)
def test_a_line_that_cannot_be_built_is_named(
    docker: Path, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    assert build(docker, f"FROM a\n{line}\n") == 1
    error = capsys.readouterr().err
    assert "Dockerfile:2:" in error
    assert words in error


def test_a_source_cannot_be_read_from_outside_the_context(docker: Path) -> None:
    (docker.parent / "secret").write_text("x")
    for name in ("../secret", "package/../../secret", str(docker.parent / "secret")):
        with pytest.raises(ValueError, match="not found"):
            copy(docker, [name], docker.parent / "root", "/", None)


def test_the_same_files_give_the_same_digest_and_a_change_another(docker: Path) -> None:
    text = "FROM a\nCOPY . /all\n"
    build(docker, text)
    first = pack(image(docker)).digest
    os.utime(docker / "train", (1, 1))
    build(docker, text)
    assert pack(image(docker)).digest == first
    (docker / "train").write_text("#!/bin/sh\necho changed\n")
    build(docker, text)
    second = pack(image(docker)).digest
    build(docker, "FROM a\nENV A=1\nCOPY . /all\n")
    assert len({first, second, pack(image(docker)).digest}) == 3


@pytest.mark.parametrize("words", [["run", "image"], ["build", "--ssh", "x", "."], []])
def test_what_the_stand_in_does_not_do_is_refused_with_exit_64(
    docker: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 64
    assert "it knows login, build, tag, push" in capsys.readouterr().err


def test_variables_expand_as_docker_does() -> None:
    known = {"A": "1", "EMPTY": ""}
    assert expand(r"$A ${A} ${NONE:-x$A} ${EMPTY:-d} ${A:+set} \$A $NONE.", known) == (
        "1 1 x1 d set $A ."
    )


def test_a_here_document_that_is_not_closed_is_refused() -> None:
    with pytest.raises(DockerfileError, match="END is not closed"):
        parse("FROM a\nRUN <<END\ntouch x\n")


def test_a_build_does_not_wait_for_an_aws_client_to_be_imported() -> None:
    """The shell starts the program anew for each command."""
    said = "import sys, local.docker.__main__; print('boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
