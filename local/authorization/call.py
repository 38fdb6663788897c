"""What a request calls: the service, the operation and its members, as far as permissions depend on
them. The body stays to be read by who serves the request; an object's is not looked at."""

import gzip
import io
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import botocore.session
from botocore.model import OperationModel

FORM = "application/x-www-form-urlencoded"
_BOTO_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions"}
# What a header alone tells apart
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
_HEADERS = {
    "CopySource": "HTTP_X_AMZ_COPY_SOURCE",
    "SSEKMSKeyId": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID",
    "ServerSideEncryption": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION",
    "Tagging": "HTTP_X_AMZ_TAGGING",
    "ACL": "HTTP_X_AMZ_ACL",
}


class Unjudged(Exception):
    """A call of which it is not known what it needs; the text names it."""


@dataclass(frozen=True)
class Call:
    """`service` and `name` are botocore's, as are the names of the members."""

    service: str
    name: str
    members: dict[str, Any]


def read(environ: dict[str, Any], signed: str) -> Call:
    """The call of a request that is signed for the service `signed`. Raises Unjudged."""
    service = _BOTO_NAMES.get(signed, signed)
    if service == "s3" or environ["PATH_INFO"].startswith("/endpoints/"):
        return _rest(environ, "sagemaker-runtime" if service == "sagemaker" else service)
    target = environ.get("HTTP_X_AMZ_TARGET")
    form = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    if environ.get("CONTENT_TYPE", "").startswith(FORM):
        form += parse_qsl(_body(environ).decode(), keep_blank_values=True)
    names = [value for name, value in form if name == "Action"]
    if target and not names:
        return Call(service, target.rpartition(".")[2], _json(environ))
    if target or len(names) != 1:
        raise Unjudged(f"a request to {service} that names {len(names)} operations in a form")
    members = dict(form)
    return Call(service, names[0], members | _tags(members))


@dataclass(frozen=True)
class Route:
    """Where an operation of a REST service is: method, path, and what its query has to name."""

    name: str
    method: str
    path: re.Pattern[str]
    asked: frozenset[str]
    members: dict[str, str]  # by the names that they have in the query

    @classmethod
    def of(cls, operation: OperationModel) -> "Route":
        path, _, query = operation.http["requestUri"].partition("?")
        text = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(path))
        text = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", text)
        shape = operation.input_shape
        sent = {
            name: each.serialization.get("name", name)
            for name, each in (shape.members if shape else {}).items()
            if each.serialization.get("location") == "querystring"
        }
        needed = [sent[name] for name in (shape.required_members if shape else []) if name in sent]
        fixed = [each.partition("=")[0] for each in query.split("&") if each]
        return cls(
            operation.name,
            operation.http["method"],
            re.compile(f"{text}/?"),
            frozenset([*fixed, *needed]),
            {query: name for name, query in sent.items()},
        )


@cache
def _routes(service: str) -> list[Route]:
    """The strictest first. Copies have the address of what they are copies of, and operations that
    are no longer used that of those in their place."""
    model = botocore.session.get_session().get_service_model(service)
    names = sorted(set(model.operation_names) - set(_COPIES.values()))
    operations = [model.operation_model(name) for name in names]
    found = [Route.of(each) for each in operations if not each.deprecated]
    return sorted(found, key=lambda each: (-len(each.asked), -each.path.pattern.count("/")))


def _rest(environ: dict[str, Any], service: str) -> Call:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode()
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for route in _routes(service):
        if route.method == method and route.asked <= query.keys():
            found = route.path.fullmatch(path)
            if found:
                break
    else:
        raise Unjudged(f"{service} {method} {path}")
    asked = {route.members[name]: value for name, value in query.items() if name in route.members}
    given = {name: environ[header] for name, header in _HEADERS.items() if header in environ}
    members, name = {**asked, **given, **found.groupdict()}, route.name
    if "CopySource" in members:
        members["CopySource"] = unquote(members["CopySource"])
        name = _COPIES.get(name, name)
    if name == "DeleteObjects":
        members["Delete"] = _deleted(_body(environ))
    return Call(service, name, members)


def _json(environ: dict[str, Any]) -> dict[str, Any]:
    try:
        members = json.loads(_body(environ) or b"{}")
    except ValueError as error:
        raise Unjudged(f"a body that is no JSON ({error})") from None
    return members if isinstance(members, dict) else {}


def _tags(form: dict[str, str]) -> dict[str, Any]:
    """The tags of a form, as a list of them; a form numbers them `Tags.member.1.Key`."""
    keys = [name for name in form if re.fullmatch(r"Tags\.member\.\d+\.Key", name)]
    tags = [{"Key": form[each], "Value": form.get(each[:-3] + "Value", "")} for each in keys]
    return {"Tags": tags} if tags else {}


def _deleted(body: bytes) -> list[dict[str, str]]:
    """Key and perhaps VersionId of each object that DeleteObjects names."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat expands no entity of another file
    except ElementTree.ParseError as error:
        raise Unjudged(f"a body that is no XML ({error})") from None
    return [
        {each.tag.rpartition("}")[2]: each.text or "" for each in entry}
        for entry in root
        if entry.tag.rpartition("}")[2] == "Object"
    ]


def _body(environ: dict[str, Any]) -> bytes:
    data: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(data)
    return gzip.decompress(data) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else data
