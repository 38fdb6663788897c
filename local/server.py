"""The HTTP front: who calls, which service, then ours or moto's."""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local.context import Context, use

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

MAX_BODY = 2 * 1024**3
IDLE_SECONDS = 120
CREDENTIAL = re.compile(r"Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Server:
    context: Context
    _werkzeug: Any

    def serve(self) -> None:
        """Answer requests until `stop` is called from another thread."""
        self._werkzeug.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End every child process, then the listener."""
        from local import processes

        processes.stop_all()
        self._werkzeug.shutdown()
        self._werkzeug.server_close()


def create(context: Context) -> Server:
    """Bind the port (0: any free one) and set every service up. OSError if the port is taken."""
    os.environ["MOTO_ACCOUNT_ID"] = context.account
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # no web page has business here
    from local import moto_seams

    moto_seams.install()
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """The endpoint's log is for what goes wrong; requests are not."""

    moto = DomainDispatcherApplication(create_backend_app)
    listener = make_server(
        "127.0.0.1", context.port, _front(context.region, moto), True, request_handler=Handler
    )
    context = Context(
        context.region, listener.server_port, context.home, context.account, context.runtime
    )
    use(context)
    from local.credentials import create_administrator

    for folder in ("git", "builds", "images", "training", "endpoints"):
        shutil.rmtree(context.home / folder, ignore_errors=True)
        (context.home / folder).mkdir(parents=True)
    create_administrator()
    return Server(context, listener)


def start(context: Context) -> Server:
    """`create`, serving in a daemon thread."""
    server = create(context)
    threading.Thread(target=server.serve, daemon=True, name="server").start()
    return server


def _front(region: str, moto: Application) -> Application:
    from local.cfn.api import CloudFormation
    from local.codebuild.api import CodeBuild
    from local.codecommit.api import CodeCommit
    from local.codecommit.git_http import git_http
    from local.codepipeline.api import CodePipeline
    from local.credentials import UnknownCaller, caller

    services = {
        each.service: each for each in (CloudFormation, CodeBuild, CodeCommit, CodePipeline)
    }

    def front(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        refusal = _refusal(environ)
        if refusal:
            return _answer(start_response, *refusal)
        if environ["PATH_INFO"].startswith("/v1/repos/"):
            return git_http(environ, start_response)
        key, called_region, service = _credential(environ)
        try:
            caller(key)
        except UnknownCaller:
            return _answer(
                start_response,
                "403 Forbidden",
                "UnrecognizedClientException",
                "The security token included in the request is invalid: this is the local "
                "endpoint, use the keys that it printed at its start",
            )
        if called_region not in (region, "us-east-1", "cn-north-1", "us-gov-west-1"):
            return _answer(
                start_response,
                "400 Bad Request",
                "InvalidRegionException",
                f"the local endpoint runs {region}, the request is for {called_region}",
            )
        if service in services:
            return _own(services[service], environ, start_response)
        return moto(environ, start_response)

    return front


def _own(service: Any, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    from moto.core.request import Request
    from werkzeug.wrappers import Response

    request = Request(environ)
    status, headers, body = service.dispatch(request, request.url, request.headers)
    headers.pop("status", None)
    return Response(body, int(status), headers)(environ, start_response)


def _refusal(environ: Environ) -> tuple[str, str, str] | None:
    """What is turned away before anything is read: other hosts' names and endless bodies."""
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
    if host not in ("127.0.0.1", "localhost"):
        return "403 Forbidden", "AccessDenied", f"unknown host {host!r}"
    if int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        return "413 Content Too Large", "EntityTooLarge", f"at most {MAX_BODY} bytes a request"
    return None


def _credential(environ: Environ) -> tuple[str, str, str]:
    """Access key id, region and service of a request signed by header or (S3) by query."""
    signed = environ.get("HTTP_AUTHORIZATION", "")
    if not signed and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        signed = unquote(environ["QUERY_STRING"].replace("X-Amz-Credential=", "Credential="))
    match = CREDENTIAL.search(signed)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _answer(start_response: StartResponse, status: str, code: str, message: str) -> list[bytes]:
    """An error that JSON clients read from the header and the body, XML clients from the status."""

    body = json.dumps({"__type": code, "message": message}).encode()
    start_response(
        status,
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-ErrorType", code),
        ],
    )
    return [body]
