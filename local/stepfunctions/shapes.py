"""Step Functions spells an API's fields in PascalCase and knows only JSON; boto3 does neither."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

Timestamp = Callable[[datetime], Any]


def iso(moment: datetime) -> str:
    """As the AWS SDK integrations write a time: 2024-01-02T03:04:05.678Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def request(value: Any, shape: Shape | None) -> Any:
    """A task's Parameters with boto3's spelling; unknown names stay, boto3 refuses them."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        spelling = {name.lower(): name for name in shape.members}
        spelt = {str(spelling.get(name.lower(), name)): each for name, each in value.items()}
        return {name: request(each, shape.members.get(name)) for name, each in spelt.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [request(each, shape.member) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {name: request(each, shape.value) for name, each in value.items()}
    if shape is not None and shape.type_name == "blob" and not isinstance(value, str):
        # An object's body may be given as JSON: github.com/localstack/localstack,
        # test_aws_sdk_task_service, whose recordings are of AWS
        return json.dumps(value, separators=(",", ":"))
    return value


def response(value: Any, shape: Shape | None, timestamp: Timestamp) -> Any:
    """boto3's answer as a task's result: PascalCase names, times by `timestamp`, text for bytes."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            name[0].upper() + name[1:]: response(each, shape.members.get(name), timestamp)
            for name, each in value.items()
            if name != "ResponseMetadata"
        }
    if isinstance(shape, ListShape):
        return [response(each, shape.member, timestamp) for each in value]
    if isinstance(shape, MapShape):
        return {name: response(each, shape.value, timestamp) for name, each in value.items()}
    if isinstance(value, datetime):
        return timestamp(value)
    if hasattr(value, "read"):
        value = value.read()
    return value.decode(errors="replace") if isinstance(value, bytes) else value
