"""SageMaker models and endpoint configurations: records, checked as AWS checks them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult, EmptyResult

from local import images
from local.credentials import NotAuthorized, assume
from local.refusals import unsupported
from local.sagemaker import capture, serverless
from local.sagemaker import container as sagemaker_container
from local.sagemaker.records import (
    ENDPOINT_CONFIG,
    LOCK,
    MODEL,
    SERVICE,
    Operations,
    Record,
    ResourceKind,
    invalid,
)


@dataclass
class ModelRecord(Record):
    """`container` is the model's one, wherever the request had it."""

    container: dict[str, Any] = field(default_factory=dict)


class Models(Operations):
    def create_model(self) -> ActionResult:
        name = self.get("ModelName")
        arn = MODEL.arn(name)
        request = self.request("Tags")
        primary = [request["PrimaryContainer"]] if "PrimaryContainer" in request else []
        containers = [*primary, *request.get("Containers", [])]
        if len(containers) != 1:
            raise invalid(unsupported(f"A model of {len(containers)} containers", "1"))
        (container,) = containers
        try:
            images.resolve(container["Image"])
        except images.ImageNotFound as error:
            raise invalid(str(error)) from error
        self._check_archive(arn, container.get("ModelDataUrl"))
        description = {
            "EnableNetworkIsolation": False,
            **request,
            "ModelArn": arn,
            "CreationTime": datetime.now(UTC),
        }
        return self.add(MODEL, name, ModelRecord(description, self.get("Tags", []), container))

    def describe_model(self) -> ActionResult:
        return ActionResult(self.find(MODEL).snapshot())

    def list_models(self) -> ActionResult:
        return self.listed(MODEL, "Models")

    def delete_model(self) -> ActionResult:
        return self._remove(MODEL)

    def create_endpoint_config(self) -> ActionResult:
        name = self.get("EndpointConfigName")
        variants = self.get("ProductionVariants")
        if len(variants) != 1:
            raise invalid(unsupported(f"{len(variants)} ProductionVariants", "1"))
        self._check_variant(variants[0])
        if asked := self.get("DataCaptureConfig"):
            capture.check(asked)
        description = {
            **self.request("Tags"),
            "EndpointConfigArn": ENDPOINT_CONFIG.arn(name),
            "CreationTime": datetime.now(UTC),
        }
        return self.add(ENDPOINT_CONFIG, name, Record(description, self.get("Tags", [])))

    def describe_endpoint_config(self) -> ActionResult:
        return ActionResult(self.find(ENDPOINT_CONFIG).snapshot())

    def list_endpoint_configs(self) -> ActionResult:
        return self.listed(ENDPOINT_CONFIG, "EndpointConfigs")

    def delete_endpoint_config(self) -> ActionResult:
        """Allowed while an endpoint uses it, although one must not (API reference)."""
        return self._remove(ENDPOINT_CONFIG)

    def _remove(self, kind: ResourceKind) -> ActionResult:
        with LOCK:
            self.find(kind)
            del kind.records()[self.get(f"{kind.name}Name")]
        return EmptyResult()

    def _check_variant(self, variant: dict[str, Any]) -> None:
        model = self.find(MODEL, variant["ModelName"])
        if "ServerlessConfig" in variant:
            serverless.check(variant, model.description, self.request())
        elif "InstanceType" not in variant:
            raise invalid(unsupported("A variant without InstanceType or ServerlessConfig"))

    def _check_archive(self, arn: str, uri: str | None) -> None:
        """A role that is refused and an archive that is not there read the same, as on AWS."""
        role = self.get("ExecutionRoleArn")
        try:
            credentials = assume(role, SERVICE, "SageMaker", arn)
            if uri:
                bucket, key = sagemaker_container.split(uri)
                credentials.client("s3").head_object(Bucket=bucket, Key=key)
        except ValueError as error:
            raise invalid(str(error)) from error
        except (NotAuthorized, ClientError) as error:
            raise invalid(
                f"Could not access model data at {uri}. Please ensure that the role "
                f'"{role}" exists and that its trust relationship policy allows the action '
                f'"sts:AssumeRole" for the service principal "{SERVICE}". Also ensure '
                'that the role has "s3:GetObject" permissions and that the object is located in '
                f"{self.region}. ({error})"
            ) from error
