"""The watch over every answer sees what is not as AWS's model has it."""

from typing import Any

import pytest
from botocore.model import StructureShape
from moto.core.utils import get_service_model

from local.tests.answers import problems

RIGHT: dict[str, Any] = {
    "EndpointName": "e",
    "EndpointArn": "arn",
    "EndpointStatus": "InService",
    "CreationTime": 0,
    "LastModifiedTime": 0,
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"EndpointArn": None}, ["EndpointArn is None: Member must not be null"]),
        ({"EndpointName": 5}, ["NUMBER_VALUE can not be converted to a String"]),
        ({"EndpointStatus": "Ready"}, ["EndpointStatus is 'Ready': Member must satisfy enum"]),
    ],
)
def test_an_answer_is_held_to_members_types_and_words(
    change: dict[str, Any], told: list[str]
) -> None:
    shape = get_service_model("sagemaker").operation_model("DescribeEndpoint").output_shape
    assert isinstance(shape, StructureShape)
    found = list(problems(shape, RIGHT | change))
    assert [text.startswith(start) for text, start in zip(found, told, strict=True)] == [
        True for _ in told
    ]
