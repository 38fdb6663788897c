"""The HTTP front: who calls, which service, then ours or moto's."""

import json
import os
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from local.context import GLOBAL, MAX_BODY, SERVED, Context, use
from local.home import Home, claim
from local.refusals import TurnedAway

if TYPE_CHECKING:
    from local.credentials import Caller

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

IDLE_SECONDS = 120
FORM = "application/x-www-form-urlencoded"
# No service's paths, and no bucket's, whose names have no underscore
RECLAIM, THROTTLE, CLOCK = "/_local/reclaim", "/_local/throttle", "/_local/clock"
FIRST_REGIONS = ("us-east-1", "cn-north-1", "us-gov-west-1")
CREDENTIAL = re.compile(r"Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Front:
    """The endpoint, its port bound and every service set up."""

    context: Context
    _werkzeug: Any
    _home: Home
    _stopped: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        """Answer requests until `stop` has been called from another thread and has done its work:
        then the process may end at once.
        """
        self._werkzeug.serve_forever(poll_interval=0.1)
        self._stopped.wait()

    def stop(self) -> None:
        """End every child process, then the listener."""
        from local import processes

        with ExitStack() as all_of_it:
            all_of_it.callback(self._stopped.set)
            all_of_it.callback(self._home.release)
            all_of_it.callback(self._werkzeug.server_close)
            all_of_it.callback(self._werkzeug.shutdown)
            processes.stop_all()


def start(context: Context) -> Front:
    """`create`, serving in a daemon thread."""
    front = create(context)
    threading.Thread(target=front.serve, daemon=True, name="server").start()
    return front


def create(context: Context) -> Front:
    """Bind the port (0: any free one), claim the home and set every service up.

    Raises HomeRefused, and OSError if the port is taken.
    """
    with socket.create_server(("127.0.0.1", context.port), backlog=128) as bound:
        return _create(replace(context, port=bound.getsockname()[1]), bound.fileno())


def _create(context: Context, bound: int) -> Front:
    os.environ["MOTO_ACCOUNT_ID"] = context.account
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # no web page has business here
    from local import moto_seams, processes

    home = claim(context.home)
    processes.begin(context.home)
    home.empty()
    moto_seams.install()
    use(context)
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    from local.credentials import create_administrator

    class RequestHandler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """The endpoint's log is for what goes wrong; requests are not."""

    create_administrator()
    listener = make_server(
        "127.0.0.1",
        context.port,
        _application(context.region),
        threaded=True,
        request_handler=RequestHandler,
        fd=bound,  # werkzeug would end the program where a port is taken
    )
    return Front(context, listener, home)


def _application(region: str) -> Application:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from local import door
    from local.authorization import hold
    from local.autoscaling.api import ApplicationAutoScaling
    from local.budgets.api import Budgets
    from local.cfn.api import CloudFormation
    from local.cloudwatch.api import CloudWatch
    from local.codebuild.api import CodeBuild
    from local.codecommit.api import CodeCommit
    from local.codecommit.git_http import git_http
    from local.codepipeline.api import CodePipeline
    from local.door.request import SIGNED
    from local.events import EventBridge
    from local.sagemaker.api import reclaim
    from local.scheduler.api import Scheduler, drive
    from local.throttling import hold_back, throttle

    # SageMaker and Step Functions are ours too, at moto's addresses (moto_seams.py)
    ours = (
        *(ApplicationAutoScaling, Budgets, CloudFormation, CloudWatch, CodeBuild, CodeCommit),
        *(CodePipeline, EventBridge, Scheduler),
    )
    own = {each.service: each for each in ours}
    controls = {RECLAIM: reclaim, THROTTLE: throttle, CLOCK: drive}
    moto = DomainDispatcherApplication(create_backend_app)
    # It reads its own folder for each request, and asks each of 200 names whether it is one
    moto.get_backend_for_host = lru_cache(1024)(moto.get_backend_for_host)  # type: ignore[method-assign]

    def serve(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        _check(environ)
        if environ["PATH_INFO"].startswith("/v1/repos/"):
            return git_http(environ, start_response)
        service, who = _admit(environ, region)
        if control := controls.get(environ["PATH_INFO"]):
            if not who.is_administrator:
                text = f"{who.arn} may not: {environ['PATH_INFO']} is the administrator's"
                raise TurnedAway("403 Forbidden", "AccessDenied", text)
            return control(environ, start_response)
        if service not in SERVED:
            raise TurnedAway.unsupported(f"the service {service}")
        hold_back(environ, service)
        hold.check(door.check(environ, service), who, service)
        if found := own.get(SIGNED.get(service, service)):
            return _own(found, environ, start_response)
        try:
            return moto(environ, start_response)
        except NotImplementedError as error:
            words = str(error).removesuffix(" action has not been implemented")
            raise TurnedAway.unsupported(f"{service}:{words.removeprefix('The ')}") from None

    def front(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return serve(environ, start_response)
        except TurnedAway as refusal:
            return _answer(environ, start_response, refusal)
        except Exception:
            traceback.print_exc()
            text = "the local endpoint failed; what it printed tells why"
            failure = TurnedAway("500 Internal Server Error", "InternalFailure", text)
            return _answer(environ, start_response, failure)

    return front


def _own(service: Any, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    from botocore.model import OperationNotFoundError
    from moto.core.request import Request
    from werkzeug.wrappers import Response

    request = Request(environ)
    try:
        status, headers, body = service.dispatch(request, request.url, request.headers)
    except json.JSONDecodeError as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    except OperationNotFoundError as error:
        text = f"{service.service} has no operation {error}"
        raise TurnedAway("400 Bad Request", "UnknownOperationException", text) from None
    headers.pop("status", None)
    return Response(body, int(status), headers)(environ, start_response)


def _check(environ: Environ) -> None:
    """Turn away before anything is read: other hosts' names, endless bodies, moto's controls."""
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
    if host not in ("127.0.0.1", "localhost"):
        raise TurnedAway("403 Forbidden", "AccessDenied", f"unknown host {host!r}")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise TurnedAway("400 Bad Request", "InvalidRequest", "Content-Length is not a number")
    if int(length) > MAX_BODY:
        text = f"at most {MAX_BODY} bytes a request"
        raise TurnedAway("413 Content Too Large", "EntityTooLarge", text)
    if "#" in environ["REQUEST_URI"]:  # a fragment, which each reader takes for something else
        text = "a '#' in the path has to be sent as %23"
        raise TurnedAway("400 Bad Request", "InvalidURI", text)
    if environ["PATH_INFO"].startswith("/moto-api"):
        text = "no AWS service has this path"
        raise TurnedAway("404 Not Found", "UnknownOperationException", text)


def _admit(environ: Environ, region: str) -> tuple[str, "Caller"]:
    """The service that is asked, and by whom: with a key of this endpoint, and for its region."""
    from local.credentials import ExpiredCaller, UnknownCaller, caller

    key, called_region, service = _credential(environ)
    try:
        who = caller(key)
    except UnknownCaller:
        text = (
            "The security token included in the request is invalid: this is the local endpoint, "
            "source the env file of its home folder (each start makes new keys)"
        )
        raise TurnedAway("403 Forbidden", "UnrecognizedClientException", text) from None
    except ExpiredCaller:
        raise _expired(environ, service) from None
    if "HTTP_AUTHORIZATION" not in environ:
        _check_presigned(environ)
    if called_region != region and not (service in GLOBAL and called_region in FIRST_REGIONS):
        text = (
            f"the local endpoint runs {region}, the request is for {called_region}: ask for "
            f"{region}, or start another with `python -m local --region {called_region}`"
        )
        raise TurnedAway("400 Bad Request", "InvalidRegionException", text)
    return service, who


def _expired(environ: Environ, service: str) -> TurnedAway:
    """A session's end, in the words of S3 (API reference, "Error responses") or of all others
    ("Common Errors")."""
    if service == "s3":
        return TurnedAway("400 Bad Request", "ExpiredToken", "The provided token has expired.")
    text = "The security token included in the request is expired"
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        return TurnedAway("403 Forbidden", "ExpiredToken", text)
    return TurnedAway("400 Bad Request", "ExpiredTokenException", text)


def _check_presigned(environ: Environ) -> None:
    """Turn away a URL whose time is over (Amazon S3 API reference, "Authenticating requests: using
    query parameters")."""
    given = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    try:
        made = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        until = made + timedelta(seconds=int(given["X-Amz-Expires"]))
    except (KeyError, ValueError, OverflowError):
        text = "X-Amz-Date and X-Amz-Expires have to say until when the URL is good"
        code = "AuthorizationQueryParametersError"
        raise TurnedAway("400 Bad Request", code, text) from None
    if until <= datetime.now(UTC):
        raise TurnedAway("403 Forbidden", "AccessDenied", "Request has expired")


def _credential(environ: Environ) -> tuple[str, str, str]:
    """Access key id, region and service of a request signed by header or (S3) by query."""
    signed = environ.get("HTTP_AUTHORIZATION", "")
    if not signed and "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
        signed = unquote(environ["QUERY_STRING"].replace("X-Amz-Credential=", "Credential="))
    match = CREDENTIAL.search(signed)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _answer(environ: Environ, start_response: StartResponse, refused: TurnedAway) -> list[bytes]:
    """The error in the form that the client reads: XML for S3 and query services, else JSON."""
    code, message = refused.code, str(refused)
    service, form = _credential(environ)[2], environ.get("CONTENT_TYPE", "").startswith(FORM)
    if service == "s3" or form:
        kind = "text/xml"
        text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        if service != "s3":
            text = f"<ErrorResponse>{text}</ErrorResponse>"
    else:
        kind, text = "application/json", json.dumps({"__type": code, "message": message})
    if environ["REQUEST_METHOD"] == "HEAD":
        text = ""  # S3 answers so: the status alone tells
    body = text.encode()
    start_response(
        refused.status,
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("x-amzn-ErrorType", code),
        ],
    )
    return [body]
