"""SageMaker resources, kept in moto's registries, whose tags operations then serve them too."""

import copy
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from local.context import current
from local.service import AwsError, Service

LOCK = threading.RLock()  # over every Record: requests and running jobs both change them
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # the pattern of every name made here


@dataclass
class Record:
    """One resource: what its Describe operation answers, and its tags."""

    description: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)

    def update(self, **fields: Any) -> None:
        """Change the description; None removes a field."""
        with LOCK:
            for name, value in fields.items():
                if value is None:
                    self.description.pop(name, None)
                else:
                    self.description[name] = value

    def snapshot(self) -> dict[str, Any]:
        with LOCK:
            return copy.deepcopy(self.description)


class Operations(Service, SageMakerResponse):
    """What the groups of operations share."""

    service = "sagemaker"
    page_names = ("NextToken", "MaxResults")
    page_size = 10  # "This value defaults to 10" (API reference, ListEndpoints, MaxResults)

    def __init__(self) -> None:
        SageMakerResponse.__init__(self)

    @property
    def backend(self) -> SageMakerModelBackend:
        return self.sagemaker_backend

    def new_name(self, parameter: str) -> str:
        """A name that may become a folder's: clients do not check its pattern."""
        name = str(self.get(parameter))
        if not NAME.fullmatch(name):
            raise invalid(
                f"1 validation error detected: Value '{name}' at "
                f"'{parameter[0].lower()}{parameter[1:]}' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {NAME.pattern}"
            )
        return name

    def arn(self, kind: str, name: str) -> str:
        return current().arn("sagemaker", f"{kind}/{name}")

    def request(self, *left_out: str) -> dict[str, Any]:
        """The request as plain data, without the named fields."""
        return {name: _plain(self.get(name)) for name in self.params if name not in left_out}

    def listed(
        self, result: str, rows: list[dict[str, Any]], kind: str, order: str = "Descending"
    ) -> ActionResult:
        """The filters, order and paging that SageMaker's List operations share.

        `kind` names the fields: TrainingJob for TrainingJobName and TrainingJobStatus.
        """
        name, status = f"{kind}Name", f"{kind}Status"
        tests = {
            "NameContains": lambda row, value: value in row[name],
            "StatusEquals": lambda row, value: value == row[status],
            "CreationTimeAfter": lambda row, value: row["CreationTime"] >= value,
            "CreationTimeBefore": lambda row, value: row["CreationTime"] < value,
            "LastModifiedTimeAfter": lambda row, value: row["LastModifiedTime"] >= value,
            "LastModifiedTimeBefore": lambda row, value: row["LastModifiedTime"] < value,
        }
        for parameter, test in tests.items():
            value = self.get(parameter)
            if value is not None:
                rows = [row for row in rows if test(row, value)]
        key = {"Name": name, "Status": status}.get(self.get("SortBy"), "CreationTime")
        rows.sort(key=lambda row: row[key], reverse=self.get("SortOrder", order) == "Descending")
        return self.page(result, rows)


def summaries(records: dict[str, Record], *fields: str) -> list[dict[str, Any]]:
    """The named fields of each record, those it has."""
    with LOCK:
        described = [record.description for record in records.values()]
        return [{name: each[name] for name in fields if name in each} for each in described]


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
