"""SageMaker endpoints: a stable name in front of a fleet of model servers, replaced blue/green."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult, EmptyResult

from local.autoscaling import records as scaling
from local.background import background
from local.credentials import NotAuthorized, assume
from local.refusals import unsupported
from local.sagemaker import guardrails, serverless
from local.sagemaker.fleet import Fleet
from local.sagemaker.models import ModelRecord
from local.sagemaker.records import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    LOCK,
    MODEL,
    SERVICE,
    Operations,
    invalid,
)
from local.sagemaker.serving import EndpointRecord, shown

ALARMS = "DeploymentConfig.AutoRollbackConfiguration.Alarms"


class Endpoints(Operations):
    def create_endpoint(self) -> ActionResult:
        """The deployment configuration is for later updates: "There are no changes to the
        CreateEndpoint API behavior" (Developer Guide, "Canary traffic shifting")."""
        name, deployment = self.get("EndpointName"), self.request().get("DeploymentConfig")
        fleet = self._fleet(name)
        if deployment:
            serverless.check_update(bool(fleet.serverless), bool(fleet.serverless), True)
            guardrails.plan(deployment, fleet.count)
            _find_alarms(deployment, fleet.model)
        now = datetime.now(UTC)
        description = {
            "EndpointName": name,
            "EndpointArn": ENDPOINT.arn(name),
            "EndpointStatus": "Creating",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        endpoint = EndpointRecord(description, self.get("Tags", []))
        endpoint.update(LastDeploymentConfig=deployment, **shown(fleet))
        answer = self.add(ENDPOINT, name, endpoint)
        endpoint.change("Creating")
        background(endpoint.create, fleet)
        return answer

    def update_endpoint(self) -> ActionResult:
        """The alarms are asked for without the lock, as that takes a while, and before all that
        depends on the old fleet, which may be scaled meanwhile."""
        endpoint: EndpointRecord = self.find(ENDPOINT)
        new, config = self._fleet(endpoint.name), self._deployment_config(endpoint)
        _find_alarms(config, new.model)
        with LOCK:
            _refuse_unless_in_service(endpoint)
            old = endpoint.fleet
            assert old
            scaling.check_update(endpoint.name, old.variant, new.variant)
            self._retain(old, new)
            serverless.check_update(bool(old.serverless), bool(new.serverless), bool(config))
            if config and new.name != old.name:
                raise invalid(
                    "With a DeploymentConfig the new endpoint configuration must have the same "
                    f"variant name as the old one, {old.name}."
                )
            deployment = guardrails.plan(config, new.count)
            name = new.config["EndpointConfigName"]
            pending = {"EndpointConfigName": name, "StartTime": datetime.now(UTC)}
            endpoint.change("Updating", PendingDeploymentSummary=pending)
            if config:
                endpoint.update(LastDeploymentConfig=config)
        background(endpoint.roll_out, new, deployment)
        return ActionResult({"EndpointArn": endpoint.description["EndpointArn"]})

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        endpoint: EndpointRecord = self.find(ENDPOINT)
        (wanted, *others) = self.get("DesiredWeightsAndCapacities")
        if others:
            raise invalid(unsupported(f"{len(others) + 1} DesiredWeightsAndCapacities", "1"))
        count, weight = wanted.get("DesiredInstanceCount"), wanted.get("DesiredWeight")
        _resize(endpoint, wanted["VariantName"], count, weight)
        return ActionResult({"EndpointArn": endpoint.description["EndpointArn"]})

    def describe_endpoint(self) -> ActionResult:
        return ActionResult(self.find(ENDPOINT).snapshot())

    def list_endpoints(self) -> ActionResult:
        return self.listed(ENDPOINT, "Endpoints")

    def delete_endpoint(self) -> ActionResult:
        endpoint: EndpointRecord = self.find(ENDPOINT)
        with LOCK:
            _refuse_in_progress(endpoint)
            scaling.release(endpoint.name, self.caller())
            endpoint.change("Deleting")
        background(endpoint.delete)
        return EmptyResult()

    def _fleet(self, endpoint: str) -> Fleet:
        """What the request's configuration asks for; nothing of it has been started."""
        config = self.find(ENDPOINT_CONFIG).snapshot()
        (variant,) = config["ProductionVariants"]
        model: ModelRecord = self.find(MODEL, variant["ModelName"])
        return Fleet(endpoint, config, model)

    def _retain(self, old: Fleet, new: Fleet) -> None:
        """Of a variant that keeps its name ("Update a model" … RetainAllVariantProperties,
        UpdateEndpoint, SageMaker API Reference)."""
        if not self.get("RetainAllVariantProperties") or new.name != old.name:
            return
        excluded = self.request().get("ExcludeRetainedVariantProperties", [])
        overridden = {each["VariantPropertyType"] for each in excluded}
        if "DesiredInstanceCount" not in overridden:
            new.count = old.count
        if "DesiredWeight" not in overridden:
            new.weight = old.weight

    def _deployment_config(self, endpoint: EndpointRecord) -> dict[str, Any]:
        given: dict[str, Any] = self.request().get("DeploymentConfig", {})
        if not self.get("RetainDeploymentConfig"):
            return given
        if given:
            raise invalid(unsupported("RetainDeploymentConfig true beside a DeploymentConfig"))
        return endpoint.snapshot().get("LastDeploymentConfig", {})


def set_count(endpoint: str, variant: str, count: int) -> None:
    """What Application Auto Scaling does to a variant. Raises AwsError for an endpoint that is not
    there, or not InService: nothing is scaled during an update."""
    found = ENDPOINT.records().get(endpoint)
    if not found:
        raise invalid(f'Could not find endpoint "{ENDPOINT.arn(endpoint)}".')
    _resize(found, variant, count)


def _resize(
    endpoint: EndpointRecord, variant: str, count: int | None, weight: float | None = None
) -> None:
    with LOCK:
        _refuse_unless_in_service(endpoint)
        fleet = endpoint.fleet
        assert fleet
        if variant != fleet.name:
            raise invalid(f'Could not find variant "{variant}" of endpoint "{endpoint.name}".')
        if count is not None and fleet.serverless:
            raise invalid("A serverless endpoint has no DesiredInstanceCount.")
        if count == 0:
            raise invalid(unsupported("DesiredInstanceCount 0", "1 or more"))
        if weight is not None:
            fleet.weight = weight
        endpoint.scale(count or fleet.count)


def _find_alarms(config: Mapping[str, Any], model: ModelRecord) -> None:
    """Those of a deployment, with the role of the model: "Ensure that your IAM execution role has
    permission to perform the cloudwatch:DescribeAlarms action on the auto-rollback alarms you
    specify" (Developer Guide, "Auto-rollback configuration and monitoring"). That it is tried at
    the call is not public."""
    names = guardrails.alarms(config)
    if not names:
        return
    role, arn = model.description["ExecutionRoleArn"], model.description["ModelArn"]
    try:
        cloudwatch = assume(role, SERVICE, "SageMaker", arn).client("cloudwatch")
        found = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    except (NotAuthorized, ClientError) as error:
        raise invalid(f"{ALARMS}: the role {role} cannot describe them: {error}") from error
    missing = set(names) - {each["AlarmName"] for each in found}
    if missing:
        raise invalid(f"{ALARMS}: could not find alarm {', '.join(sorted(missing))}.")


def _refuse_in_progress(endpoint: EndpointRecord) -> None:
    if endpoint.status not in ("InService", "Failed"):
        arn = endpoint.description["EndpointArn"]
        raise invalid(f'Cannot update in-progress endpoint "{arn}".')


def _refuse_unless_in_service(endpoint: EndpointRecord) -> None:
    _refuse_in_progress(endpoint)
    if endpoint.status == "Failed":
        raise invalid(
            f'Cannot update endpoint "{endpoint.description["EndpointArn"]}" in status '
            "Failed: DeleteEndpoint is the only operation on a failed endpoint."
        )
