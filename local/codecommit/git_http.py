"""git over HTTP for CodeCommit: `git http-backend` behind /v1/repos/<name>, as a WSGI application.

The user name is what `aws codecommit credential-helper` sends: the access key id, and for
temporary credentials `%` and the session token (CodeCommit User Guide, "Setup steps for HTTPS
connections with the AWS CLI credential helper").
"""

import base64
import binascii
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from local import credentials
from local.authorization import hold
from local.authorization.ask import Ask
from local.codecommit import git_repository
from local.codecommit.records import find_repository
from local.context import current
from local.service import AwsError

MAX_BODY = 1 << 30
CHUNK = 1 << 16
PUSH_SECONDS = 900
_PATH = re.compile(r"/v1/repos/([A-Za-z0-9._-]{1,100})(/[A-Za-z0-9._/-]*)")
_one_push = threading.Lock()

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Refused(Exception):
    def __init__(self, status: str, text: str, *headers: tuple[str, str]) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, list(headers)


def git_http(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Serve fetch and push; a push emits CodeCommit's event for every reference it moved."""
    try:
        return _serve(environ, start_response)
    except _Refused as error:
        start_response(error.status, [("Content-Type", "text/plain"), *error.headers])
        return [error.text.encode() + b"\n"]


def _serve(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    match = _PATH.fullmatch(environ["PATH_INFO"])
    if not match:
        raise _Refused("404 Not Found", "no such repository path")
    name, rest = match[1].removesuffix(".git"), match[2]
    arn = _caller_arn(environ.get("HTTP_AUTHORIZATION", ""))
    try:
        repository = find_repository(name)
    except AwsError:
        raise _Refused("404 Not Found", f"repository '{name}' not found") from None
    _check_permission(environ, rest, arn, name)
    with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as out:
        _receive(environ, body)
        if environ["REQUEST_METHOD"] == "POST" and rest == "/git-receive-pack":
            with _one_push:
                before = repository.git.references()
                _backend(environ, repository.git.folder, rest, body, out)
                after = repository.git.references()
            repository.announce(before, after, arn)
        else:
            _backend(environ, repository.git.folder, rest, body, out)
        status, headers, start = _cgi_head(out)
        start_response(status, headers)
        out.seek(start)
        return list(_chunks(out))


def _check_permission(environ: dict[str, Any], rest: str, arn: str, name: str) -> None:
    """ "Permissions for Git client commands" (CodeCommit User Guide)."""
    pushes = "git-receive-pack" in f"{rest}?{environ.get('QUERY_STRING', '')}"
    action = "codecommit:GitPush" if pushes else "codecommit:GitPull"
    try:
        hold.require(arn, action, Ask(action, current().arn("codecommit", name)))
    except ClientError as error:
        raise _Refused("403 Forbidden", error.response["Error"]["Message"]) from None


def _caller_arn(header: str) -> str:
    challenge = ("WWW-Authenticate", 'Basic realm="CodeCommit"')
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _Refused("401 Unauthorized", "credentials are required", challenge)
    try:
        user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        return credentials.caller(unquote(user).partition("%")[0]).arn
    except (binascii.Error, UnicodeDecodeError, credentials.UnknownCaller):
        raise _Refused("403 Forbidden", "the security token is invalid") from None


def _receive(environ: dict[str, Any], body: IO[bytes]) -> None:
    """The request body to a file: Content-Length bytes, or to the end where it is chunked."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length and not length.isdigit():
        raise _Refused("400 Bad Request", "Content-Length is not a number")
    chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    left = MAX_BODY + 1 if chunked else int(length or 0)
    if left > MAX_BODY and not chunked:
        raise _Refused("413 Content Too Large", f"a push is limited to {MAX_BODY} bytes")
    while left and (data := environ["wsgi.input"].read(min(CHUNK, left))):
        body.write(data)
        left -= len(data)
    if chunked and not left:
        raise _Refused("413 Content Too Large", f"a push is limited to {MAX_BODY} bytes")


def _backend(
    environ: dict[str, Any], folder: Path, rest: str, body: IO[bytes], out: IO[bytes]
) -> None:
    """Run http-backend as the CGI program it is; it inflates a gzip body itself."""
    size = body.tell()
    body.seek(0)
    execution = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    variables = git_repository.environment() | {
        "GIT_PROJECT_ROOT": str(folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{folder.name}{rest}",
        "REMOTE_USER": "codecommit",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": environ["REQUEST_METHOD"],
        "QUERY_STRING": environ.get("QUERY_STRING", ""),
        "CONTENT_TYPE": environ.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(size),
        "HTTP_CONTENT_ENCODING": environ.get("HTTP_CONTENT_ENCODING", ""),
        "GIT_PROTOCOL": environ.get("HTTP_GIT_PROTOCOL", ""),
    }
    program = str(Path(execution.stdout.strip()) / "git-http-backend")
    try:
        subprocess.run(
            [program],
            stdin=body,
            stdout=out,
            stderr=subprocess.DEVNULL,
            env=variables,
            timeout=PUSH_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise _Refused("504 Gateway Timeout", f"git took over {PUSH_SECONDS} seconds") from None


def _cgi_head(out: IO[bytes]) -> tuple[str, list[tuple[str, str]], int]:
    out.seek(0)
    status, headers = "200 OK", []
    while line := out.readline().decode().strip():
        name, _, value = line.partition(": ")
        if name == "Status":
            status = value
        else:
            headers.append((name, value))
    if not headers:
        raise _Refused("502 Bad Gateway", "git http-backend gave no answer")
    return status, headers, out.tell()


def _chunks(out: IO[bytes]) -> Iterator[bytes]:
    while data := out.read(CHUNK):
        yield data
