"""A fleet: the servers of one endpoint configuration, and which of them answers a request."""

import math
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

from local.background import background
from local.sagemaker import serverless
from local.sagemaker.capture import Capture
from local.sagemaker.model_server import START_SECONDS, ModelServer, StartFailed
from local.sagemaker.models import ModelRecord

PROCESSES = 2  # of one fleet really run, however many instances it has: this is one machine
MAX_BYTES = 6_291_456  # BodyBlob in the runtime's model


class NotTaken(Exception):
    """A request that reaches no model; the text says why."""

    def __init__(self, text: str, status: int = 400, code: str = "ValidationError") -> None:
        super().__init__(text)
        self.status, self.code = status, code


class Fleet:
    """`count` instances, of which as many as PROCESSES allows are running servers."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], model: ModelRecord) -> None:
        (self.variant,) = config["ProductionVariants"]
        self.endpoint, self.config, self.model = endpoint, config, model
        self.count: int = self.variant.get("InitialInstanceCount", 1)
        self.weight: float = self.variant.get("InitialVariantWeight", 1.0)
        self.serverless: dict[str, int] | None = self.variant.get("ServerlessConfig")
        self.capture = Capture(endpoint, config, model.description)
        self.servers: list[ModelServer] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Of its variant."""
        return str(self.variant["VariantName"])

    def start(self, deadline: float = math.inf) -> None:
        """Bring all servers up to their first healthy ping, until that moment (time.monotonic).
        Raises StartFailed, with none of them left."""
        self._launch(min(self.count, PROCESSES), deadline)

    def enter(self, size: int) -> ModelServer:
        """The server for a request of so many bytes, which does not end before that was answered.
        One that has died gets none until it was started again, unless there is no other. Raises
        NotTaken."""
        limit = serverless.MAX_BYTES if self.serverless else MAX_BYTES
        if size > limit:
            raise NotTaken(f"The body has {size} bytes, at most {limit} go", 413)
        with self._lock:
            busy = sum(each.requests for each in self.servers)
            if self.serverless and busy >= self.serverless["MaxConcurrency"]:
                raise NotTaken("Rate exceeded", 400, "ThrottlingException")
            ready = [each for each in self.servers if each.ready] or self.servers
            chosen = min(ready, key=self._preference)
            chosen.enter()
            return chosen

    def resize(self, count: int) -> None:
        """Have so many instances. Raises StartFailed, with the servers that were there before."""
        more = min(count, PROCESSES) - len(self.servers)
        if more > 0:
            self._launch(more)
        with self._lock:
            self.count = count
            surplus, self.servers = self.servers[count:], self.servers[:count]
        for each in surplus:
            each.stop()

    def stop(self) -> None:
        """Returns when every request was answered, every process is gone, and what was captured is
        in S3."""
        with self._lock:
            stopping = [background(each.stop) for each in self.servers]
        for each in stopping:
            each.join()
        self.capture.stop()

    def shown(self) -> dict[str, Any]:
        """As Describe shows it: with the counts that were asked for, so that what reads them works
        as on AWS."""
        image = self.model.container["Image"]
        size: dict[str, Any] = {"InstanceCount": self.count}
        if self.serverless:
            size = {"ServerlessConfig": self.serverless}
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
            **{
                f"{when}{name}": value
                for name, value in {"Weight": self.weight, **size}.items()
                for when in ("Current", "Desired")
            },
        }

    def _preference(self, server: ModelServer) -> tuple[int, float]:
        """The lowest is taken: "by default, SageMaker endpoints have a random routing strategy"
        (AWS Machine Learning Blog, "Minimize real-time inference latency by using Amazon SageMaker
        routing strategies")."""
        strategy = self.variant.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM")
        busy = server.requests if strategy == "LEAST_OUTSTANDING_REQUESTS" else 0
        return busy, random.random()  # noqa: S311 - no secret depends on it

    def _launch(self, number: int, deadline: float = math.inf) -> None:
        patience = self.variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_SECONDS)
        new = [ModelServer(self.endpoint, self.name, self.model, patience) for _ in range(number)]
        started: list[ModelServer] = []
        reasons: list[StartFailed] = []

        def start(server: ModelServer) -> None:
            try:
                server.start()
                started.append(server)
            except StartFailed as error:
                reasons.append(error)

        for each in [background(start, server) for server in new]:
            left = deadline - time.monotonic()
            each.join(None if left == math.inf else max(0.0, left))
        if len(started) < number:
            for server in new:
                server.stop()
            raise reasons[0] if reasons else StartFailed("The instances did not start in time.")
        with self._lock:
            self.servers += new
