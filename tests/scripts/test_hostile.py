"""Whatever the environment, the disk and the terminal are like, and whenever Ctrl-C is pressed, a
command ends with a sentence and a status; nobody reads a traceback, and nothing is half-written.

A row is a command, what is wrong around it, and words of the sentence that it has to end with. What
happens before a command's own work (settings of AWS) is tried in this process, the rest in one of
its own.
"""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import (
    batch,
    create_stack,
    data,
    decide,
    destroy,
    image,
    laptop,
    logs,
    models,
    predict,
    report,
    rollback,
    status,
    trace,
    train,
    upload,
)
from scripts.lib import digits
from scripts.lib.console import Console
from scripts.lib.guard import guarded

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"  # the port of discard, at which nobody listens
PROFILES = """
[profile program]
credential_process = /bin/echo hello
[profile no-program]
credential_process = /nowhere/helper
[profile token-file]
role_arn = arn:aws:iam::111122223333:role/x
web_identity_token_file = /nowhere/token
[profile mfa]
role_arn = arn:aws:iam::111122223333:role/x
source_profile = keys
mfa_serial = arn:aws:iam::111122223333:mfa/x
[profile keys]
aws_access_key_id = AKIAX
aws_secret_access_key = y
[profile sso]
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111122223333
sso_role_name = x
[profile circle]
role_arn = arn:aws:iam::111122223333:role/x
source_profile = back
[profile back]
role_arn = arn:aws:iam::111122223333:role/x
source_profile = circle
"""

# The environment's variables, and what is said of them
SETTINGS = [
    ({"AWS_ENDPOINT_URL": "garbage"}, "Invalid endpoint: garbage; check AWS_ENDPOINT_URL=garbage"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:99999"}, "check AWS_ENDPOINT_URL=http"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4599x"}, "check AWS_ENDPOINT_URL=http"),
    ({"AWS_ENDPOINT_URL_STS": "nonsense"}, "check AWS_ENDPOINT_URL_STS=nonsense"),
    ({"AWS_ENDPOINT_URL": NOBODY}, f"is the local endpoint running at {NOBODY}? If not,"),
    ({"AWS_REGION": "mars-west-1"}, "region 'mars-west-1' is unknown"),
    ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "no where"}, "region 'no where' is unknown"),
    ({"AWS_REGION": "eu-west-1 "}, "region 'eu-west-1 ' is unknown: did you mean eu-west-1"),
    ({"AWS_PROFILE": "nobody"}, "profile 'nobody' is not in ~/.aws/config: pass PROFILE=<name>"),
    ({"AWS_CONFIG_FILE": "garbled"}, "Unable to parse config file: garbled"),
    ({"AWS_STS_REGIONAL_ENDPOINTS": "x"}, "check AWS_STS_REGIONAL_ENDPOINTS"),
    ({"AWS_DEFAULTS_MODE": "x"}, "check AWS_DEFAULTS_MODE"),
    ({"AWS_RETRY_MODE": "x", "HTTPS_PROXY": "x"}, "the proxy does not answer"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials: run `aws"),
    ({"AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials: run `aws configure`"),
]  # fmt: skip
# A profile of the file above, and what is said of it
LOGINS = [
    ("program", "with profile program cannot be used: a file or a program that they name does not"),
    ("no-program", "/nowhere/helper: No such file or directory; check"),
    ("token-file", "/nowhere/token: No such file or directory; check"),
    ("mfa", "the code of an MFA device is asked for, and there is no terminal to type it in"),
    ("sso", "log in (`aws sso login`), then repeat"),
    ("circle", "already been visited"),
]


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing but which region, in a folder of its own."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "config",
        "AWS_SHARED_CREDENTIALS_FILE": "credentials",
        "PYTHONPATH": str(ROOT),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("config").write_text(PROFILES)
    Path("garbled").write_bytes(b"\xff\xfe[profile\x00")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What the person was told on standard error, in one line."""
    return lambda: " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, as `make data` writes them."""
    folder = tmp_path_factory.mktemp("digits")
    digits.write_digits(folder)
    return folder


@pytest.mark.parametrize(("variables", "words"), SETTINGS)
def test_settings_that_no_call_can_be_made_with_are_named(
    variables: Mapping[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert status.main([]) in (1, 2)
    said = told()
    assert words in said and said.startswith("Error: ")
    assert "testing" not in said, "a key is nobody's business"


@pytest.mark.parametrize(("profile", "words"), LOGINS)
def test_a_login_that_does_not_work_is_named(
    profile: str, words: str, monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert status.main(["--profile", profile]) in (1, 2)
    assert words in told()


def test_a_missing_certificate_file_is_named(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
        assert status.main([]) == 2
    assert "is not trusted: check AWS_CA_BUNDLE" in told()


APPROVE = SimpleNamespace(main=lambda words: decide.main([*words, "approve"]))
BATCH = SimpleNamespace(main=lambda words: batch.main([*words, "s3://data/x"]))
COMMANDS = [
    create_stack,
    destroy,
    logs,
    models,
    report,
    rollback,
    status,
    trace,
    train,
    upload,
    APPROVE,
    BATCH,
]


class Refusing(BaseHTTPRequestHandler):
    """Answers each call as AWS does that does not know, or no longer knows, who asks."""

    code, asked = "", list[bytes]()

    def do_POST(self) -> None:
        self.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
        error = f"<Error><Code>{self.code}</Code><Message>No.</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>x</RequestId></ErrorResponse>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing: the test's output is the person's."""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ExpiredToken", "the AWS credentials have expired: log in again (`aws sso login`)"),
        ("InvalidClientTokenId", "credentials are not valid in cn-north-1 (partition aws-cn)"),
        ("SignatureDoesNotMatch", "credentials are not valid in cn-north-1 (partition aws-cn)"),
        ("AccessDenied", "access denied: GetCallerIdentity"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_keys_that_are_refused_are_told_before_anything_is_asked_or_changed(
    command: Any, code: str, words: str, monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    """Expired, mistyped, or of another partition."""
    Path("build").mkdir()
    for name in ("mlops", "bootstrap"):
        Path(f"build/{name}.yaml").write_text("Resources: {}")
    monkeypatch.setattr(Refusing, "code", code)
    monkeypatch.setattr(Refusing, "asked", [])
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        assert command.main(["--region", "cn-north-1"]) == 2
        server.shutdown()
    assert words in told()
    assert len(Refusing.asked) == 1 and b"Action=GetCallerIdentity" in Refusing.asked[0]


# ---------- the disk: commands that write, without any AWS ----------


def a_file(name: str) -> Callable[[], object]:
    return lambda: Path(name).write_text("")


def a_folder(name: str) -> Callable[[], object]:
    return lambda: Path(name).mkdir(parents=True)


def a_model() -> None:
    Path("container").mkdir()
    Path("container/train").write_text("")


DIGITS, SAMPLE = (data.main, ["digits"]), (data.main, ["sample"])
DOWNLOAD = (data.main, ["cifar10", "--source", "https://127.0.0.1:9/x"])
TRAIN, PREDICT = (laptop.main, ["train"]), (predict.main, ["build"])
# A command, what lies around it, and what is said of that
DISKS = [
    (DIGITS, [a_file("build")], "build is a file, and a folder is needed there: move it away"),
    (DIGITS, [a_folder("build"), a_file("build/data")], "build/data is a file, and a folder"),
    (DOWNLOAD, [a_file("build")], "build is a file, and a folder is needed there"),
    (SAMPLE, [a_folder("build/data/eval.tfrecords")], "build/data/eval.tfrecords is missing"),
    (TRAIN, [a_model, a_file("build")], "build is a file, and a folder is needed there"),
    (TRAIN, [a_model, a_folder("build/data/train.tfrecords")], "train.tfrecords: Is a directory"),
    (TRAIN, [a_model, a_folder("container/hyperparameters.json")], "json: Is a directory"),
    ((data.main, ["digits", "--output", "/sys/x"]), [], "work in a folder that you may write to"),
    (PREDICT, [a_folder("build")], "IMAGE=build cannot be read: Is a directory"),
]


@pytest.mark.parametrize(("command", "around", "words"), DISKS)
def test_what_lies_where_something_else_is_expected_is_named(
    command: Any,
    around: Sequence[Callable[[], object]],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], str],
) -> None:
    for make in around:
        make()
    main, words_given = command
    # A command that came as far as AWS would find nobody there
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    assert main(words_given) in (1, 2)
    assert words in told()


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    told: Callable[[], str], written: Path
) -> None:
    """A sample that was written before stays; the picture that could not be written is no file."""
    shutil.copytree(written, "build/data")
    picture = digits.write_sample(Path("build/data"), 0)
    picture.unlink()
    picture.symlink_to("/dev/full")
    assert data.main(["sample"]) == 1
    assert "the disk is full: free some space" in told()


# ---------- the terminal ----------


@pytest.mark.parametrize("encoding", ["ascii", "gb2312", "latin-1", "cp1252", "utf-8"])
def test_a_terminal_that_lacks_a_letter_gets_another(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding))

    def work() -> int:
        predict.show(Console(), predict.Guess(1, [0.1, 0.9]))
        return 0

    assert guarded(work, "") == 0
    assert b"Prediction: 1" in written.getvalue()


@pytest.mark.parametrize("columns", ["0", "1", "7", "-3", "x", "99999999999"])
@pytest.mark.parametrize("terminal", ["", "dumb", "nonsense"])
def test_a_width_that_nothing_fits_in_is_not_believed(
    columns: str, terminal: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", terminal)
    console = Console()
    predict.show(console, predict.Guess(1, [0.1, 0.9]))
    console.paragraph("one two three", 8)
    console.live("something goes on")
    assert 40 <= console.width <= 80
    assert "█" in capsys.readouterr().out


PRINT, HELP = "-m scripts.data sample", "-m scripts.data --help"
WRONG = "-m scripts.data nothing"
# A command, what the shell does with its streams, its status, and words of what it says
STREAMS = [
    (PRINT, "{} >/dev/full", 1, "what a file or the output goes to: the disk is full"),
    (PRINT, "PYTHONUNBUFFERED=1 {} >/dev/full", 1, "the disk is full: free some space"),
    (HELP, "{} >/dev/full", 1, "the disk is full: free some space"),
    (PRINT, "{} >/dev/full 2>/dev/full", 1, ""),
    (PRINT, "{} | sleep 0", 0, ""),  # of a pipe the status is the last command's
    (PRINT, "{} >&-", 0, ""),
    (PRINT, "{} >&- 2>&- <&-", 0, ""),
    (WRONG, "{} 2>&-", 2, ""),
    (WRONG, "{} <&-", 2, "DATA=nothing: choose digits"),
    (PRINT, "LC_ALL=C PYTHONUTF8=0 PYTHONIOENCODING=ascii {}", 0, "sample-"),
    (PRINT, "env -u HOME TMPDIR=/nowhere {}", 0, "sample-"),
    (PRINT, "HOME=/nowhere TERM= COLUMNS=0 {}", 0, "sample-"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "shell", "code", "words"), STREAMS)
def test_a_stream_that_takes_or_gives_nothing_is_no_traceback(
    command: str, shell: str, code: int, words: str, written: Path
) -> None:
    shutil.copytree(written, "build/data")
    done = in_shell(shell.format(f'"{sys.executable}" {command}'))
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said and "Exception" not in said
    assert words in " ".join(said.split())


def in_shell(line: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True)


# ---------- the folder, the libraries ----------


def test_a_library_that_is_broken_is_told_in_a_sentence() -> None:
    """Whatever is imported is imported within the guard."""
    Path("numpy.py").write_text("raise ValueError('half unpacked')")
    done = in_shell(f'PYTHONPATH="$PWD:$PYTHONPATH" "{sys.executable}" -m scripts.data digits')
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "a fault of this program: half unpacked" in done.stderr


def test_a_fault_of_the_program_shows_its_place_when_asked(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    def work() -> int:
        raise KeyError("place")

    assert guarded(work, "") == 1
    assert "Repeated with TRACEBACK=1 it shows the place" in told()
    monkeypatch.setenv("TRACEBACK", "1")
    with pytest.raises(KeyError):
        guarded(work, "")


def test_the_templates_are_written_or_it_is_said_why_not() -> None:
    a_file("build")()
    done = in_shell(f'"{sys.executable}" "{ROOT}/generate.py" --output build/sub')
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "build is a file, and a folder is needed there" in done.stderr


# ---------- Ctrl-C ----------


# It says so once the command has begun to answer Ctrl-C: before that only the interpreter can
TELLING = """
import runpy, signal
set_signal = signal.signal
def telling(*given):
    signal.signal = set_signal
    set_signal(*given)
    print("up", flush=True)
signal.signal = telling
runpy.run_module("scripts.status", run_name="__main__", alter_sys=True)
"""


@contextmanager
def begun(*command: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("milliseconds", range(0, 1500, 100))
def test_ctrl_c_at_any_moment_is_a_sentence_and_130(
    milliseconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While libraries are read, while a call is answered by nobody, while it is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with begun("-c", TELLING) as process:
            assert process.stdout and process.stdout.readline() == "up\n"
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    sentences = ("nothing was changed.", "Nothing was changed.", "Stopped looking. Run it again.")
    assert said.strip().endswith(sentences), said
    assert "Traceback" not in said


@pytest.mark.slow
def test_ctrl_c_twice_is_no_traceback_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with begun("-m", "scripts.status") as process:
            silent.accept()  # the libraries are read: a call was begun
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in said


@pytest.mark.slow
def test_ctrl_c_tells_that_a_training_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with begun("-m", "scripts.train") as process:
            silent.accept()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.strip().endswith("goes on in AWS; `make status STACK=mlops` shows it.")


def test_each_command_begins_in_the_guard() -> None:
    """Before its first import: what is imported earlier is not guarded."""
    for file in [ROOT / "generate.py", *sorted((ROOT / "scripts").glob("[a-z]*.py"))]:
        name = file.stem if file.parent == ROOT else f"scripts.{file.stem}"
        before = file.read_text().split(f'    begin("{name}")\n')[0]
        assert before.count("import ") == 1, f"{file.name} has to begin with entry.begin, as others"


def test_where_nothing_can_build_an_image_that_is_said(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert image.main(["build"]) == 2
    assert "none of docker, podman, buildah is installed (docs/image.md)" in told()
