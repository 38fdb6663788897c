"""Answers as AWS's model has them: each that a client of these tests gets is held to it."""

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from botocore.model import StructureShape
from botocore.response import StreamingBody

from local.door.constraints import WrongType, violations

found: list[str] = []  # what was wrong so far
# A version of a model package group has no name of its own, though the model wants one (Developer
# Guide, "View the Details of a Model Version"; github.com/aws/sagemaker-python-sdk, issue 5606)
LEFT_OUT = {"sagemaker DescribeModelPackage": "ModelPackageName"}


def watch() -> None:
    """Look at every answer to the clients of this process, the endpoint's own among them."""
    session = botocore.session.get_session()
    session.register("after-call.*.*", _check)  # before botocore reads policies and templates
    boto3.setup_default_session(botocore_session=session)


def _check(**call: Any) -> None:
    model, parsed = call["model"], call["parsed"]
    if "Error" not in parsed and model.output_shape is not None:
        where = f"{model.service_model.service_name} {model.name}"
        answer = {LEFT_OUT[where]: "", **parsed} if where in LEFT_OUT else parsed
        found.extend(f"{where}: {problem}" for problem in problems(model.output_shape, answer))


def problems(shape: StructureShape, answer: dict[str, Any]) -> Iterator[str]:
    """Members that must be there and are not, others of another type, and words that the model
    does not know. AWS does not keep its own lengths and patterns: no rows are often an empty list,
    which may not be."""
    read = {k: b"" if isinstance(value, StreamingBody) else value for k, value in answer.items()}
    try:
        for each in violations(shape, read):
            if each.value is None or "enum value set" in each.rule:
                yield f"{'.'.join(each.path)} is {each.value!r}: {each.rule[:100]}"
    except WrongType as error:
        yield str(error)
