"""SageMaker's resources: in moto's tables, whose tags operations then serve them too."""

import copy
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from local.context import current
from local.events import emit, epoch_ms
from local.service import AwsError, Service

LOCK = threading.RLock()  # over every Record: requests and running jobs both change them
SERVICE = "sagemaker.amazonaws.com"  # as whom SageMaker assumes roles
SUMMARY = ("CreationTime", "LastModifiedTime", "TrainingEndTime", "SecondaryStatus")


@dataclass(frozen=True)
class ResourceKind:
    """How a kind of resource is called: in its fields, its ARNs, moto's backend and messages."""

    name: str
    path: str
    table: str
    words: str

    def arn(self, name: str) -> str:
        return current().arn("sagemaker", f"{self.path}/{name}")

    def records(self) -> dict[str, Any]:
        """Every resource of this kind, by its name."""
        here = current()
        found: dict[str, Any] = getattr(sagemaker_backends[here.account][here.region], self.table)
        return found

    def announce(self, description: dict[str, Any], of: str = "") -> None:
        """The event of Developer Guide, "Events that SageMaker AI sends to EventBridge"; `of` is
        the word for what of it has changed, where not it itself."""
        detail = json.loads(json.dumps(description, default=epoch_ms))
        arn = detail[f"{self.name}Arn"]
        words = [*self.words.split(), *of.split()]
        what = " ".join(word[0].upper() + word[1:] for word in words)
        emit("aws.sagemaker", f"SageMaker {what} State Change", [arn], detail)


TRAINING_JOB = ResourceKind("TrainingJob", "training-job", "training_jobs", "training job")
PROCESSING_JOB = ResourceKind(
    "ProcessingJob", "processing-job", "processing_jobs", "processing job"
)
TUNING_JOB = ResourceKind(
    "HyperParameterTuningJob",
    "hyper-parameter-tuning-job",
    "hyper_parameter_tuning_jobs",
    "HyperParameter tuning job",
)
TRANSFORM_JOB = ResourceKind("TransformJob", "transform-job", "transform_jobs", "transform job")
MODEL = ResourceKind("Model", "model", "_models", "model")
ENDPOINT = ResourceKind("Endpoint", "endpoint", "endpoints", "endpoint")
ENDPOINT_CONFIG = ResourceKind(
    "EndpointConfig", "endpoint-config", "endpoint_configs", "endpoint configuration"
)
MODEL_PACKAGE_GROUP = ResourceKind(
    "ModelPackageGroup", "model-package-group", "model_package_groups", "model package group"
)
MODEL_PACKAGE = ResourceKind("ModelPackage", "model-package", "model_packages", "model package")


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

    def summary(self) -> dict[str, Any]:
        """What a List operation tells of it, and more; a copy is made of what it answers."""
        return self.description


class Operations(Service, SageMakerResponse):
    """What operations on every kind of resource share."""

    service = "sagemaker"
    page_names = ("NextToken", "MaxResults")
    page_size = 10  # "This value defaults to 10" (API reference, ListEndpoints, MaxResults)

    def __init__(self) -> None:
        SageMakerResponse.__init__(self)

    def request(self, *left_out: str) -> dict[str, Any]:
        """The request as plain data, without the named fields."""
        return {name: _plain(self.get(name)) for name in self.params if name not in left_out}

    def add(self, kind: ResourceKind, name: str, record: Record) -> ActionResult:
        """Keep a new resource; its ARN is the answer."""
        with LOCK:
            if name in kind.records():
                raise invalid(f'Cannot create already existing {kind.words} "{kind.arn(name)}".')
            kind.records()[name] = record
        return ActionResult({f"{kind.name}Arn": kind.arn(name)})

    def add_job(self, kind: ResourceKind, name: str, record: Record) -> ActionResult:
        """The same of a job, whose name is never free again."""
        if name in kind.records():
            raise AwsError(
                "ResourceInUse",
                f"{kind.words.capitalize()} names must be unique within an AWS account and region, "
                f"and a {kind.words} with this name already exists ({kind.arn(name)})",
            )
        return self.add(kind, name, record)

    def find(self, kind: ResourceKind, name: str | None = None) -> Any:
        """The resource of this name, or of the one in the request."""
        name = name or self.get(f"{kind.name}Name")
        with LOCK:
            if name not in kind.records():
                raise invalid(f'Could not find {kind.words} "{kind.arn(str(name))}".')
            return kind.records()[name]

    def listed(
        self,
        kind: ResourceKind,
        result: str,
        order: str = "Descending",
        by: str = "CreationTime",
        also: tuple[str, ...] = (),
        among: Callable[[dict[str, Any]], bool] = lambda _: True,
    ) -> ActionResult:
        """The filters, order and paging that SageMaker's List operations share; `also` is what
        this one shows beside, of those descriptions that are `among` what it is asked for."""
        name, status = f"{kind.name}Name", f"{kind.name}Status"
        shown = (name, f"{kind.name}Arn", status, *SUMMARY, *also)
        fields = {"Name": name, "Status": status}
        by = fields.get(self.get("SortBy", by), "CreationTime")
        tests = {
            "NameContains": lambda row, value: value in row[name],
            "StatusEquals": lambda row, value: value == row[status],
            "CreationTimeAfter": lambda row, value: row["CreationTime"] >= value,
            "CreationTimeBefore": lambda row, value: row["CreationTime"] < value,
            "LastModifiedTimeAfter": lambda row, value: row["LastModifiedTime"] >= value,
            "LastModifiedTimeBefore": lambda row, value: row["LastModifiedTime"] < value,
        }
        with LOCK:
            described = [record.summary() for record in kind.records().values()]
            found = [each for each in described if among(each)]
            rows = [{key: each[key] for key in shown if key in each} for each in found]
            for parameter, test in tests.items():
                value = self.get(parameter)
                if value is not None:
                    rows = [row for row in rows if test(row, value)]
            rows.sort(key=lambda row: row[by], reverse=self.get("SortOrder", order) == "Descending")
            return copy.deepcopy(self.page(result, rows))


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
