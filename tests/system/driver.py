"""The aws CLI and git against an endpoint, as a person uses them."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

ROOT = Path(__file__).parents[2]
KEPT_TEST = "test_checkpoints.py"  # it needs no TensorFlow, which takes seconds to load
ONE_LAYER = b"""\
    x = layers.Flatten()(layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    return keras.Model(inputs, layers.Dense(len(CLASS_NAMES), name="logits")(x))
"""
SECONDS = 600  # a push takes one to two minutes on a slow machine, and more on a busy one


@cache
def _awscli() -> tuple[Callable[[], Any], str]:
    """What makes a CLI, and the variable that its import sets, which is not for other tests."""
    with patch.dict(os.environ):
        from awscli.clidriver import create_clidriver

        return create_clidriver, os.environ["AWS_DATA_PATH"]


@dataclass(frozen=True)
class Driver:
    environment: dict[str, str]
    home: Path

    def client(self, service: Any) -> Any:
        """A boto3 client of the endpoint, one for each service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.environment["AWS_ENDPOINT_URL"],
                region_name=self.environment["AWS_REGION"],
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            )
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def run(self, *argv: str, cwd: Path = ROOT, check: bool = True) -> str:
        """Standard output of a program; AssertionError with its stderr if it fails."""
        done = subprocess.run(
            argv, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
        return done.stdout + ("" if check else done.stderr)

    def aws(self, *words: str) -> Any:
        """The answer of `aws WORDS`, parsed. By the CLI's own entry, in this process: to start one
        for each takes a second of the processor's time, and the stories ask hundreds of times."""
        said, refused = io.StringIO(), io.StringIO()
        _, data_path = _awscli()
        own = {**self.environment, "AWS_DATA_PATH": data_path}
        with (
            patch.dict(os.environ, own, clear=True),
            redirect_stdout(said),
            redirect_stderr(refused),
        ):
            status = self._cli.main([*words, "--output", "json"])
        assert status == 0, f"aws {' '.join(words)}\n{said.getvalue()}{refused.getvalue()}"
        return json.loads(said.getvalue()) if said.getvalue().strip() else None

    @cached_property
    def _cli(self) -> Any:
        """Reads a service's description once."""
        create, _ = _awscli()
        return create()

    def refused(self, *words: str) -> str:
        """What `aws WORDS` prints when it is refused."""
        done = subprocess.run(
            ["aws", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode != 0, f"aws {' '.join(words)} was accepted: {done.stdout}"
        return done.stderr

    def git(self, *words: str, cwd: Path) -> str:
        return self.run(
            "git",
            "-c", "user.name=Developer",
            "-c", "user.email=developer@example.com",
            *words,
            cwd=cwd,
        )  # fmt: skip

    def outputs(self, stack: str) -> dict[str, str]:
        (described,) = self.aws("cloudformation", "describe-stacks", "--stack-name", stack)[
            "Stacks"
        ]
        return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}

    def verdict(self, pipeline: str, after: int) -> str:
        """The status of the pipeline's execution number `after` + 1, once it has ended.

        Asked through boto3: one start of the aws CLI takes a second of the processor's time, which
        is all the pipeline's.
        """
        client = self.client("codepipeline")

        def ended() -> str | None:
            answer = client.list_pipeline_executions(pipelineName=pipeline)
            executions = answer["pipelineExecutionSummaries"]
            status = str(executions[-after - 1]["status"]) if len(executions) > after else ""
            return status if status in ("Succeeded", "Failed", "Stopped") else None

        return str(until(ended))

    def actions(self, pipeline: str) -> dict[str, dict[str, Any]]:
        """Actions of the newest execution, by name."""
        listed = self.aws("codepipeline", "list-pipeline-executions", "--pipeline-name", pipeline)
        newest = listed["pipelineExecutionSummaries"][0]["pipelineExecutionId"]
        details = self.aws(
            "codepipeline", "list-action-executions",
            "--pipeline-name", pipeline,
            "--filter", f"pipelineExecutionId={newest}",
        )["actionExecutionDetails"]  # fmt: skip
        return {each["actionName"]: each for each in details}

    def drop_seed_tests(self, stack: str, one_layer: bool = False, test: str = "") -> None:
        """As `drop_tests`, of the code that is uploaded for the first commit; its model may become
        one of `one_layer`, which reads digits nearly as well and trains in a moment, and the test
        that is kept this `test`."""
        bucket = self.outputs(f"{stack}-bootstrap")["Bucket"]
        s3 = self.client("s3")
        code = s3.get_object(Bucket=bucket, Key="seed/code.zip")["Body"].read()
        kept = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(code)) as old, zipfile.ZipFile(kept, "w") as new:
            for name in old.namelist():
                if name == f"tests/{KEPT_TEST}":
                    new.writestr(name, test or old.read(name))
                elif name == "model.py" and one_layer:
                    new.writestr(name, _one_layer(old.read(name)))
                elif not name.startswith("tests/test_"):
                    new.writestr(name, old.read(name))
        s3.put_object(Bucket=bucket, Key="seed/code.zip", Body=kept.getvalue())

    def push(self, work: Path, message: str, files: dict[str, str]) -> None:
        for name, content in files.items():
            (work / name).write_text(content)
        self.git("add", "--all", cwd=work)
        self.git("commit", "--quiet", "--message", message, cwd=work)
        self.git("push", "--quiet", "origin", "main", cwd=work)


def _one_layer(model: bytes) -> bytes:
    """The text of a model, with another network."""
    begin, found, _ = model.partition(b'    inputs = keras.Input(INPUT_SHAPE, name="inputs")\n')
    assert found
    return begin + found + ONE_LAYER


def drop_tests(work: Path) -> None:
    """Leave one file of the tests of a model's code, which stage Test runs: with all of them, it
    takes half of a push."""
    for path in (work / "tests").glob("test_*.py"):
        if path.name != KEPT_TEST:
            path.unlink()


def until(probe: Callable[[], Any]) -> Any:
    """What `probe` answers once it is truthy; AssertionError if that takes too long."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"nothing came within {SECONDS} s")


@contextmanager
def endpoint(folder: Path, region: str, *options: str) -> Iterator[Driver]:
    """A local endpoint in a process of its own, and the environment that it prints."""
    home, log = folder / "home", folder / "log"
    where = ("--port", "0", "--home", str(home), "--region", region)
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *where, *options],
        cwd=ROOT,
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        exports = until(lambda: _exports(process, home, log))
        words = [word for word in shlex.split(exports) if re.match(r"[A-Z0-9_]+=", word)]
        variables = dict(word.split("=", 1) for word in words)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        yield Driver({**kept, **variables, "PATH": path}, home)
    finally:
        process.terminate()
        process.wait(SECONDS)


def loads() -> list[str]:
    """What `make local` has imported for all jobs, as options."""
    said = subprocess.run(["make", "-n", "local"], cwd=ROOT, check=True, capture_output=True).stdout
    return [f"--load={each}" for each in re.findall(r"--load (\S+)", said.decode())]


def _exports(process: "subprocess.Popen[bytes]", home: Path, log: Path) -> str:
    assert process.poll() is None, log.read_text()
    file = home / "env"
    return file.read_text() if file.exists() else ""
