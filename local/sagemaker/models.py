"""SageMaker models and endpoint configurations: records, checked as AWS checks them."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ClientError
from botocore.model import StringShape
from moto.core.responses import ActionResult, EmptyResult

from local import images
from local.credentials import NotAuthorized, assume
from local.refusals import unsupported
from local.sagemaker import container as sagemaker_container
from local.sagemaker.records import LOCK, Operations, Record, invalid, summaries


class Models(Operations):
    def create_model(self) -> ActionResult:
        name = self.new_name("ModelName")
        arn = self.arn("model", name)
        containers = self.get("Containers", [])
        if len(containers) > 1:
            raise invalid(unsupported("Containers with more than one", "PrimaryContainer"))
        container = self.get("PrimaryContainer") or (containers[0] if containers else {})
        if not container.get("Image"):
            raise invalid(unsupported("A container without Image"))
        if container.get("ModelDataSource") or container.get("Mode") == "MultiModel":
            raise invalid(unsupported("ModelDataSource or Mode MultiModel", "ModelDataUrl"))
        try:
            images.resolve(container["Image"])
        except images.ImageNotFound as error:
            raise invalid(f"Requested image {container['Image']} not found.") from error
        self._check_archive(arn, container.get("ModelDataUrl"))
        description = {
            "EnableNetworkIsolation": False,
            **self.request("Tags"),
            "ModelArn": arn,
            "CreationTime": datetime.now(UTC),
        }
        self._add(self._models, "model", name, description)
        return ActionResult({"ModelArn": arn})

    def describe_model(self) -> ActionResult:
        return ActionResult(self._one(self._models, "model", self.get("ModelName")).snapshot())

    def list_models(self) -> ActionResult:
        rows = summaries(self._models, "ModelName", "ModelArn", "CreationTime")
        return self.listed("Models", rows, "Model")

    def delete_model(self) -> ActionResult:
        return self._remove(self._models, "model", self.get("ModelName"))

    def create_endpoint_config(self) -> ActionResult:
        name = self.new_name("EndpointConfigName")
        self.refuse("ShadowProductionVariants", "AsyncInferenceConfig", "ExplainerConfig")
        if self.get("DataCaptureConfig", {}).get("EnableCapture"):
            raise invalid(unsupported("DataCaptureConfig"))
        variants = self.get("ProductionVariants")
        if len(variants) != 1:
            raise invalid(unsupported(f"{len(variants)} ProductionVariants", "1"))
        self._check_variant(variants[0])
        arn = self.arn("endpoint-config", name)
        description = {
            **self.request("Tags"),
            "EndpointConfigArn": arn,
            "CreationTime": datetime.now(UTC),
        }
        self._add(self.configs, "endpoint configuration", name, description)
        return ActionResult({"EndpointConfigArn": arn})

    def describe_endpoint_config(self) -> ActionResult:
        return ActionResult(self.config(self.get("EndpointConfigName")).snapshot())

    def list_endpoint_configs(self) -> ActionResult:
        rows = summaries(self.configs, "EndpointConfigName", "EndpointConfigArn", "CreationTime")
        return self.listed("EndpointConfigs", rows, "EndpointConfig")

    def delete_endpoint_config(self) -> ActionResult:
        """Allowed while an endpoint uses it, although one must not (API reference)."""
        return self._remove(self.configs, "endpoint configuration", self.get("EndpointConfigName"))

    @property
    def configs(self) -> dict[str, Record]:
        return self.backend.endpoint_configs  # type: ignore[return-value]

    def config(self, name: str) -> Record:
        return self._one(self.configs, "endpoint configuration", name)

    def model(self, name: str) -> Record:
        return self._one(self._models, "model", name)

    @property
    def _models(self) -> dict[str, Record]:
        return self.backend._models  # type: ignore[return-value]

    def _check_variant(self, variant: dict[str, Any]) -> None:
        if variant.get("ServerlessConfig"):
            raise invalid(unsupported("ServerlessConfig"))
        if not variant.get("ModelName"):
            raise invalid(unsupported("A variant without ModelName"))
        self.model(variant["ModelName"])
        wanted = variant.get("InstanceType")
        if wanted not in _instance_types():
            raise invalid(
                f"1 validation error detected: Value '{wanted}' at 'productionVariants.1.member."
                "instanceType' failed to satisfy constraint: Member must satisfy enum value set: "
                f"{sorted(_instance_types())}"
            )

    def _check_archive(self, arn: str, uri: str | None) -> None:
        """A role that is refused and an archive that is not there read the same, as on AWS."""
        role = self.get("ExecutionRoleArn")
        if not role:
            raise invalid(unsupported("A model without ExecutionRoleArn"))
        try:
            credentials = assume(role, "sagemaker.amazonaws.com", "SageMaker", arn)
            if uri:
                bucket, key = sagemaker_container.split(uri)
                credentials.client("s3").head_object(Bucket=bucket, Key=key)
        except ValueError as error:
            raise invalid(str(error)) from error
        except (NotAuthorized, ClientError) as error:
            raise invalid(
                f"Could not access model data at {uri}. Please ensure that the role "
                f'"{role}" exists and that its trust relationship policy allows the action '
                '"sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure '
                'that the role has "s3:GetObject" permissions and that the object is located in '
                f"{self.region}. ({error})"
            ) from error

    def _add(
        self, records: dict[str, Record], kind: str, name: str, description: dict[str, Any]
    ) -> None:
        with LOCK:
            if name in records:
                arn = self.arn(_path(kind), name)
                raise invalid(f'Cannot create already existing {kind} "{arn}".')
            records[name] = Record(description, self.get("Tags", []))

    def _one(self, records: dict[str, Record], kind: str, name: str) -> Record:
        with LOCK:
            if name not in records:
                raise invalid(f'Could not find {kind} "{self.arn(_path(kind), name)}".')
            return records[name]

    def _remove(self, records: dict[str, Record], kind: str, name: str) -> ActionResult:
        with LOCK:
            self._one(records, kind, name)
            del records[name]
        return EmptyResult()


def _path(kind: str) -> str:
    """The resource part of an ARN."""
    return "endpoint-config" if kind == "endpoint configuration" else kind


@cache
def _instance_types() -> frozenset[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.shape_for("ProductionVariantInstanceType")
    assert isinstance(shape, StringShape)
    return frozenset(shape.enum)
