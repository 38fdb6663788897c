"""SageMaker endpoints: a stable name in front of a model server, replaced blue/green."""

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.background import background
from local.sagemaker.model_server import START_SECONDS, ModelServer, StartFailed
from local.sagemaker.models import ModelRecord
from local.sagemaker.records import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    LOCK,
    MODEL,
    Operations,
    Record,
    invalid,
)


class EndpointRecord(Record):
    """An endpoint and the server that answers for it now."""

    server: ModelServer | None = None

    @property
    def name(self) -> str:
        return str(self.description["EndpointName"])

    @property
    def status(self) -> str:
        return str(self.description["EndpointStatus"])

    def server_for_request(self) -> ModelServer | None:
        """The server, which will not be ended before it has answered this request."""
        with LOCK:
            if self.server:
                self.server.enter()
            return self.server

    def create(self, server: ModelServer) -> None:
        try:
            server.start()
        except StartFailed as error:
            self.change("Failed", FailureReason=str(error))
            return
        self.server = server
        self.change("InService")

    def replace(self, server: ModelServer, config: str, variants: list[dict[str, Any]]) -> None:
        """Start the new server beside the old. If it fails, the endpoint is InService again with
        its old configuration (github.com/hashicorp/terraform-provider-aws, issue 48997)."""
        try:
            server.start()
        except StartFailed as error:
            self.change("InService", FailureReason=str(error), PendingDeploymentSummary=None)
            return
        with LOCK:
            old, self.server = self.server, server
        self.change(
            "InService",
            EndpointConfigName=config,
            ProductionVariants=variants,
            FailureReason=None,
            PendingDeploymentSummary=None,
        )
        if old:
            old.stop()

    def delete(self) -> None:
        with LOCK:
            server, self.server = self.server, None
        if server:
            server.stop()
        ENDPOINT.records().pop(self.name)

    def change(self, status: str, **fields: Any) -> None:
        self.update(EndpointStatus=status, LastModifiedTime=datetime.now(UTC), **fields)
        detail = self.snapshot() | {"EndpointStatus": status.upper()}
        detail.pop("PendingDeploymentSummary", None)
        ENDPOINT.announce(detail)


class Endpoints(Operations):
    def create_endpoint(self) -> ActionResult:
        name, config = self.get("EndpointName"), self.get("EndpointConfigName")
        server, variants = self._server(name, config)
        now = datetime.now(UTC)
        description = {
            "EndpointName": name,
            "EndpointArn": ENDPOINT.arn(name),
            "EndpointConfigName": config,
            "ProductionVariants": variants,
            "EndpointStatus": "Creating",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        endpoint = EndpointRecord(description, self.get("Tags", []))
        answer = self.add(ENDPOINT, name, endpoint)
        endpoint.change("Creating")
        background(endpoint.create, server)
        return answer

    def update_endpoint(self) -> ActionResult:
        config = self.get("EndpointConfigName")
        endpoint: EndpointRecord = self.find(ENDPOINT)
        server, variants = self._server(endpoint.name, config)
        with LOCK:
            self._refuse_unless_settled(endpoint)
            if endpoint.status == "Failed":
                raise invalid(
                    f'Cannot update endpoint "{endpoint.description["EndpointArn"]}" in status '
                    "Failed: DeleteEndpoint is the only operation on a failed endpoint."
                )
            pending = {"EndpointConfigName": config, "StartTime": datetime.now(UTC)}
            endpoint.change("Updating", PendingDeploymentSummary=pending)
        background(endpoint.replace, server, config, variants)
        return ActionResult({"EndpointArn": endpoint.description["EndpointArn"]})

    def describe_endpoint(self) -> ActionResult:
        return ActionResult(self.find(ENDPOINT).snapshot())

    def list_endpoints(self) -> ActionResult:
        return self.listed(ENDPOINT, "Endpoints")

    def delete_endpoint(self) -> ActionResult:
        endpoint: EndpointRecord = self.find(ENDPOINT)
        with LOCK:
            self._refuse_unless_settled(endpoint)
            endpoint.change("Deleting")
        background(endpoint.delete)
        return EmptyResult()

    def _refuse_unless_settled(self, endpoint: EndpointRecord) -> None:
        if endpoint.status not in ("InService", "Failed"):
            arn = endpoint.description["EndpointArn"]
            raise invalid(f'Cannot update in-progress endpoint "{arn}".')

    def _server(self, endpoint: str, config_name: str) -> tuple[ModelServer, list[dict[str, Any]]]:
        """A server that has not been started, and the variants that Describe shows for it.

        The counts are those asked for, so that what reads them works as on AWS; one process serves.
        """
        (variant,) = self.find(ENDPOINT_CONFIG, config_name).snapshot()["ProductionVariants"]
        model: ModelRecord = self.find(MODEL, variant["ModelName"])
        image = model.container["Image"]
        count = variant.get("InitialInstanceCount", 1)
        weight = variant.get("InitialVariantWeight", 1.0)
        shown = {
            "VariantName": variant["VariantName"],
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }
        patience = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_SECONDS)
        return ModelServer(endpoint, variant["VariantName"], model, patience), [shown]
