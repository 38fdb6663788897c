"""An endpoint: whose servers answer its requests, now and while these are replaced.

An update is blue/green (Developer Guide, "Blue/green deployments"): the new fleet starts beside the
old one, takes its traffic step by step, and the old one ends only after it has answered all. If an
alarm rings meanwhile, or the new fleet does not start, all traffic is the old one's again and the
endpoint is InService with its old configuration, as on AWS (public reports,
github.com/hashicorp/terraform-provider-aws, issue 48997).
"""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.background import background
from local.cloudwatch.alarms import ringing
from local.context import current
from local.sagemaker.fleet import Fleet, NotTaken
from local.sagemaker.guardrails import Shift, TrafficPlan
from local.sagemaker.model_server import ModelServer, StartFailed
from local.sagemaker.records import ENDPOINT, LOCK, Record

LOOK_SECONDS = 1.0  # between two looks at the alarms


class RolledBack(Exception):
    """The text is the endpoint's FailureReason; AWS's own words for it are not public."""


class EndpointRecord(Record):
    """`fleet` answers all requests that `_new` does not, which takes that share of them."""

    fleet: Fleet | None = None
    _new: Fleet | None = None
    _share = 0.0

    @property
    def name(self) -> str:
        return str(self.description["EndpointName"])

    @property
    def status(self) -> str:
        return str(self.description["EndpointStatus"])

    def enter(self, size: int, variant: str | None = None) -> tuple[Fleet, ModelServer]:
        """Who answers a request of so many bytes, to this variant if one is named, and will not
        end before. Raises NotTaken."""
        with LOCK:
            fleet = self.fleet
            if self._new and random.random() < self._share:  # noqa: S311 - no secret depends on it
                fleet = self._new
            if not fleet:
                raise no_endpoint(self.name)
            if variant not in (None, fleet.name):
                raise NotTaken(f"Variant {variant} of endpoint {self.name} not found.")
            return fleet, fleet.enter(size)

    def create(self, fleet: Fleet) -> None:
        try:
            fleet.start()
        except StartFailed as error:
            self.change("Failed", FailureReason=str(error), PendingDeploymentSummary=None)
            return
        self.fleet = fleet
        self.change("InService", PendingDeploymentSummary=None)

    def roll_out(self, new: Fleet, deployment: TrafficPlan) -> None:
        """Replace the fleet by a new one, or go back to it, whatever comes between."""
        deadline = time.monotonic() + deployment.seconds
        try:
            self._tell(new, "Creating", f"Launching {new.count} instance(s).")
            new.start(deadline)
            for step in deployment.steps:
                self._shift(new, step, deployment.share(step))
                self._bake(new, step, deployment.alarms, deadline)
        except Exception as error:
            with LOCK:
                self._new, self._share = None, 0.0
            self.change("InService", FailureReason=str(error), PendingDeploymentSummary=None)
            new.stop()
            if isinstance(error, StartFailed | RolledBack):
                return
            raise
        with LOCK:
            old, self.fleet, self._new, self._share = self.fleet, new, None, 0.0
        self.change("InService", FailureReason=None, PendingDeploymentSummary=None, **shown(new))
        if old:
            old.stop()

    def scale(self, count: int) -> None:
        """Go over to so many instances."""
        fleet = self.fleet
        assert fleet
        way = "out" if count > fleet.count else "in"
        message = f"Scaling {way} desired instance count to {count}."
        stage = _stage("Updating", message)
        wanted = fleet.shown() | {"DesiredInstanceCount": count, "VariantStatus": [stage]}
        self.change("Updating", ProductionVariants=[wanted])
        ENDPOINT.announce(self._told(), "Deployment")
        background(self._resize, fleet, count)

    def _resize(self, fleet: Fleet, count: int) -> None:
        """There are as many as before if the new ones do not start."""
        reason = None
        try:
            fleet.resize(count)
        except StartFailed as error:
            reason = str(error)
        self.change("InService", FailureReason=reason, **shown(fleet))

    def delete(self) -> None:
        with LOCK:
            fleet, self.fleet = self.fleet, None
        if fleet:
            fleet.stop()
        with LOCK:
            ENDPOINT.records().pop(self.name)

    def change(self, status: str, **fields: Any) -> None:
        self.update(EndpointStatus=status, LastModifiedTime=datetime.now(UTC), **fields)
        detail = self._told()
        detail.pop("PendingDeploymentSummary", None)
        ENDPOINT.announce(detail)

    def _told(self) -> dict[str, Any]:
        detail = self.snapshot()
        return detail | {"EndpointStatus": detail["EndpointStatus"].upper()}

    def _shift(self, new: Fleet, step: Shift, share: float) -> None:
        capacity = f"{step.capacity} capacity of {step.instances} instance(s)"
        self._tell(new, "ActivatingTraffic", f"Activating traffic on {capacity}.")
        with LOCK:
            self._new, self._share = new, share

    def _bake(self, new: Fleet, step: Shift, alarms: Sequence[str], deadline: float) -> None:
        """Alarms are looked at while a step bakes; one without a wait is not watched."""
        if not step.seconds:
            return
        until = time.monotonic() + step.seconds
        message = (
            f"Baking for {step.seconds} seconds ({step.setting}) with traffic enabled on "
            f"{step.capacity} capacity of {step.instances} instance(s)."
        )
        self._tell(new, "Baking", message)
        while True:
            if rings := ringing(alarms):
                raise RolledBack(
                    f"Alarms went off during the deployment: {', '.join(rings)}. All traffic was "
                    "rolled back to the previous configuration."
                )
            now = time.monotonic()
            if now >= deadline:
                raise RolledBack(
                    "The deployment exceeded its MaximumExecutionTimeoutInSeconds. All traffic was "
                    "rolled back to the previous configuration."
                )
            if now >= until:
                return
            time.sleep(min(LOOK_SECONDS, until - now))

    def _tell(self, new: Fleet, status: str, message: str) -> None:
        """Tell how far the new fleet is ("Events that Amazon SageMaker AI sends to Amazon
        EventBridge", "SageMaker endpoint deployment state change")."""
        stage = [_stage(status, message)]
        active = round(self._share * new.count)
        variant = new.shown() | {"CurrentInstanceCount": active, "VariantStatus": stage}
        if "InstanceType" in new.variant:
            variant["InstanceType"] = new.variant["InstanceType"]
        with LOCK:
            pending = {**self.description["PendingDeploymentSummary"]}
            self.update(PendingDeploymentSummary=pending | {"ProductionVariants": [variant]})
        ENDPOINT.announce(self._told(), "Deployment")


def no_endpoint(name: str) -> NotTaken:
    return NotTaken(f"Endpoint {name} of account {current().account} not found.")


def shown(fleet: Fleet) -> dict[str, Any]:
    """What Describe tells of the fleet that answers; None if there is nothing to tell."""
    capture = fleet.config.get("DataCaptureConfig")
    return {
        "EndpointConfigName": fleet.config["EndpointConfigName"],
        "ProductionVariants": [fleet.shown()],
        "DataCaptureConfig": capture
        and {
            "EnableCapture": capture.get("EnableCapture", False),
            "CaptureStatus": "Started" if capture.get("EnableCapture") else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        },
    }


def _stage(status: str, message: str) -> dict[str, Any]:
    return {"Status": status, "StatusMessage": message, "StartTime": datetime.now(UTC)}
