"""Which operation a request asks for, and with which members: read by its protocol."""

import io
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestDict, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from local.context import MAX_BODY
from local.refusals import TurnedAway, unsupported

SIGNED = {"monitoring": "cloudwatch", "states": "stepfunctions"}  # botocore's names for them
FORM = {"Action", "Version"}  # what a form says beside the operation's members
# What a query says beside an operation's members: a signature, and what some SDKs call it
PRESIGNED = re.compile(
    r"X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token)|x-id"
)
READ = 1024**2  # bytes at once
MAX_READ = 128 * 1024**2  # bytes of what is read here; a layer's part is most, 20 MiB as base64
UNREADABLE = (RequestParserError, ValueError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Asked:
    """`members` are as JSON has them where the protocol is JSON, else in the model's types.

    Where AWS's model has no such operation, its place is None.
    """

    service: str
    name: str
    operation: OperationModel | None
    members: dict[str, Any]


def read(environ: dict[str, Any], signed: str) -> Asked:
    """What is asked; the body can be read again. Raises TurnedAway for what cannot be read.

    What is streamed (an object, a model's input) is not looked at, and stays where it is.
    """
    service = SIGNED.get(signed, signed)
    if service == "sagemaker" and environ["PATH_INFO"].startswith("/endpoints/"):
        service = "sagemaker-runtime"
    model = get_service_model(service)
    try:
        protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE", ""))
    except NotImplementedError:
        raise _malformed(unsupported(f"this protocol of {service}", model.protocol)) from None
    rest = protocol.startswith("rest")
    request = _request(environ, b"" if rest else _body(environ))
    try:
        operation, labels = get_service_router(service).match(request)
    except NotFound:
        name = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        return Asked(service, name or request.values.get("Action", ""), None, {})
    if rest and not _streamed(operation):
        request = _request(environ, _body(environ))
    elif rest and environ.get("wsgi.input_terminated"):
        _read(environ, MAX_BODY)  # in chunks, whose number nobody has said
    _check_names(request, protocol, operation)
    try:
        members = _members(request, protocol, operation, labels)
        if payload := _streamed(operation):
            members.setdefault(payload, b"")
    except UNREADABLE:
        raise _malformed(
            "the body, or a value in it, is not of the form that it has to be"
        ) from None
    return Asked(service, operation.name, operation, members)


def _members(
    request: Request, protocol: str, operation: OperationModel, labels: dict[str, Any]
) -> dict[str, Any]:
    if protocol == "json":
        members = json.loads(request.data or b"{}")
        if not isinstance(members, dict):
            raise ValueError
        return members
    asked: RequestDict = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": request.data,
        "url_path": request.path,
        "url_params": labels,
    }
    members = PROTOCOL_PARSERS[protocol](operation).parse(asked)
    if protocol == "query":
        shapes = operation.input_shape.members if operation.input_shape else {}
        known = {shape.serialization.get("name", name) for name, shape in shapes.items()}
        given = {key.split(".")[0] for key in request.values}
        members |= dict.fromkeys(sorted(given - known - FORM), "")
    return members


def _check_names(request: Request, protocol: str, operation: OperationModel) -> None:
    """Each name once, in one place: who judges a request and who serves it read the same.

    Raises TurnedAway.
    """
    query = [
        name
        for name, _ in parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)
    ]
    form = [] if protocol.startswith("rest") else [*request.form.keys(), *request.files.keys()]
    if query and (protocol == "json" or form):
        raise _malformed(unsupported("a query beside the body"))
    if protocol == "query" and any(len(each) > 1 for _, each in request.form.lists()):
        raise _malformed("a member is given twice")
    if len(query) != len(set(query)):
        raise _malformed("a member is given twice")
    if protocol.startswith("rest"):
        shape = operation.input_shape
        fixed = operation.http["requestUri"].partition("?")[2].split("&")
        known = {each.partition("=")[0] for each in fixed} | {
            each.serialization.get("name", name)
            for name, each in (shape.members if shape else {}).items()
            if each.serialization.get("location") == "querystring"
        }
        for name in query:
            if name not in known and not PRESIGNED.fullmatch(name):
                raise _malformed(unsupported(f"{operation.name} with {name} in its query"))


def _streamed(operation: OperationModel) -> str | None:
    """The member that the body is, where it is content: bytes that may be any number."""
    shape = operation.input_shape
    if shape is None:
        return None
    payload: str | None = shape.serialization.get("payload")
    return payload if payload and shape.members[payload].type_name == "blob" else None


def _body(environ: dict[str, Any]) -> bytes:
    """The body, which stays to be read by who serves the request."""
    data = _read(environ, MAX_READ)
    if environ.get("HTTP_CONTENT_ENCODING") != "gzip":
        return data
    unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacked.decompress(data, MAX_READ + 1)
    except zlib.error:
        text = b""
    if len(text) > MAX_READ:
        raise _too_large(MAX_READ)
    if not unpacked.eof or unpacked.unused_data:
        raise _malformed("the body is not compressed as gzip does it")
    return text


def _read(environ: dict[str, Any], limit: int) -> bytes:
    data, stream = bytearray(), Request(environ).stream
    try:
        while piece := stream.read(READ):
            data += piece
            if len(data) > limit:
                raise _too_large(limit)
    except OSError:  # of werkzeug, for a chunk that does not say its length
        raise _malformed("the body is not in chunks as HTTP has them") from None
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(data), str(len(data))
    return bytes(data)


def _request(environ: dict[str, Any], body: bytes) -> Request:
    given = environ | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return Request(given)


def _malformed(reason: str) -> TurnedAway:
    return TurnedAway("400 Bad Request", "SerializationException", reason)


def _too_large(limit: int) -> TurnedAway:
    text = f"at most {limit} bytes a request"
    return TurnedAway("413 Content Too Large", "EntityTooLarge", text)
