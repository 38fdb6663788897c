"""The notebook stops itself when nothing runs: its own script, against a server that answers as
Jupyter's does, and a command in the place of the AWS CLI's."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.templates.reading import of_type

Template = dict[str, Any]
STOPPED = "sagemaker stop-notebook-instance --region eu-west-1 --notebook-instance-name mlops\n"


class Jupyter(HTTPServer):
    """Answers GET /api/<name> with what is in `states` (Jupyter Server's REST API)."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {"/api/kernels": [], "/api/terminals": []}
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    server: Jupyter

    def do_GET(self) -> None:
        body = json.dumps(self.server.states[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def jupyter() -> Iterator[Jupyter]:
    server = Jupyter()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def look(template: Template, folder: Path, port: int, up_minutes: int) -> tuple[int, str]:
    """One look of the script, with a limit of an hour: its exit status, and what it told AWS."""
    (lifecycle,) = of_type(template, "AWS::SageMaker::NotebookInstanceLifecycleConfig").values()
    (hook,) = lifecycle["OnStart"]
    script = hook["Content"]["Fn::Base64"]["Fn::Sub"][0]
    program = script.split("<<'PYTHON'\n")[1].split("\nPYTHON\n")[0]
    (folder / "uptime").write_text(f"{up_minutes * 60}.25 100.00\n")
    (folder / "metadata.json").write_text('{"ResourceName": "mlops"}')
    for theirs, ours in {
        "https://localhost:8443": f"http://127.0.0.1:{port}",
        "/proc/uptime": str(folder / "uptime"),
        "/opt/ml/metadata/resource-metadata.json": str(folder / "metadata.json"),
    }.items():
        assert theirs in program
        program = program.replace(theirs, ours)
    (folder / "stop-when-idle").write_text(program)
    (folder / "aws").write_text(f'#!/bin/sh\necho "$@" >>{folder / "told"}\n')
    (folder / "aws").chmod(0o755)
    done = subprocess.run(
        [sys.executable, folder / "stop-when-idle", "60", "eu-west-1"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=30,
    )
    told = folder / "told"
    return done.returncode, told.read_text() if told.exists() else ""


def used(minutes: int, state: str = "idle") -> dict[str, str]:
    """A kernel, or a terminal, that was last used so long before the tests were collected."""
    last = datetime.now(UTC) - timedelta(minutes=minutes)
    return {"last_activity": f"{last:%Y-%m-%dT%H:%M:%S.%fZ}", "execution_state": state}


@pytest.mark.parametrize(
    ("up_minutes", "kernels", "terminals", "stops"),
    [
        (90, [], [], True),
        (90, [used(61)], [used(75)], True),
        (90, [used(30), used(80)], [], False),
        (90, [], [used(5)], False),
        (600, [used(300, "busy")], [], False),  # a cell that takes hours
        (30, [], [], False),  # nobody has come yet
    ],
)
def test_a_notebook_stops_when_nothing_ran_for_an_hour_and_not_before(
    template: Template,
    jupyter: Jupyter,
    tmp_path: Path,
    up_minutes: int,
    kernels: list[Any],
    terminals: list[Any],
    stops: bool,
) -> None:
    jupyter.states = {"/api/kernels": kernels, "/api/terminals": terminals}
    code, told = look(template, tmp_path, jupyter.server_port, up_minutes)
    assert (code, told) == (0, STOPPED if stops else "")


def test_a_notebook_whose_server_does_not_answer_is_left_running(
    template: Template, jupyter: Jupyter, tmp_path: Path
) -> None:
    """It may be starting; the next look is in five minutes."""
    jupyter.states = {"/api/kernels": "no list"}
    code, told = look(template, tmp_path, jupyter.server_port, 90)
    assert code != 0 and told == ""
