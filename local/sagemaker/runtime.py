"""InvokeEndpoint: requests to a model server, its errors as SageMaker wraps them."""

import json
import time
from typing import Any

from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from local.context import current
from local.sagemaker.capture import Content, Invocation
from local.sagemaker.fleet import NotTaken
from local.sagemaker.invocations import publish
from local.sagemaker.model_server import ModelServer, Unreachable
from local.sagemaker.records import ENDPOINT
from local.sagemaker.serving import no_endpoint
from local.service import Service

PASSED_ON = {"Content-Type": "application/octet-stream", "Accept": "*/*"}
VARIANT = "X-Amzn-SageMaker-Target-Variant"
CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE = "X-Amzn-SageMaker-Inference-Id"
Response = tuple[int, dict[str, str], Any]


class SageMakerRuntime(Service, SageMakerRuntimeResponse):
    service = "sagemaker-runtime"
    use_raw_body = True

    def __init__(self) -> None:
        SageMakerRuntimeResponse.__init__(self)
        self.allow_request_decompression = False  # the container's to decompress

    def invoke_endpoint(self) -> Response:
        began = time.perf_counter()
        name = self.path.split("/")[2]
        try:
            endpoint = ENDPOINT.records().get(name)
            if endpoint is None:
                raise no_endpoint(name)
            fleet, server = endpoint.enter(len(self.raw_body), self.headers.get(VARIANT))
        except NotTaken as error:
            return _error(error.status, error.code, {"Message": str(error)})
        headers = {each: self.headers.get(each) or default for each, default in PASSED_ON.items()}
        if self.headers.get(CUSTOM):
            headers[CUSTOM] = self.headers[CUSTOM]
        asked = time.perf_counter()
        answer, reason = None, ""
        try:
            answer = server.invoke(self.raw_body, headers)
        except Unreachable as error:
            reason = str(error)
        now = time.perf_counter()
        publish(fleet, answer.status if answer else None, now - asked, now - began)
        if answer is None:
            return self._model_error(server, 0, reason)
        if not 200 <= answer.status < 300:
            return self._model_error(server, answer.status, answer.body.decode(errors="replace"))
        told = {name.lower(): value for name, value in answer.headers.items()}
        out = {
            "Content-Type": told.get("content-type", "application/octet-stream"),
            "x-Amzn-Invoked-Production-Variant": server.variant,
        }
        if CUSTOM.lower() in told:
            out[CUSTOM] = told[CUSTOM.lower()]
        fleet.capture.take(
            Invocation(
                Content(headers["Content-Type"], self.raw_body),
                Content(out["Content-Type"], answer.body),
                self.headers.get(INFERENCE),
                self.headers.get(CUSTOM),
            )
        )
        return 200, out, answer.body

    def _model_error(self, server: ModelServer, status: int, message: str) -> Response:
        side = "client" if 400 <= status < 500 else "server"
        region, group = self.region, server.log_group
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        stream = current().arn("logs", f"log-group:{group}:log-stream:{server.log_stream}")
        return _error(
            424,
            "ModelError",
            {
                "Message": f"Received {side} error ({status}) from primary with message "
                f'"{message}". See {console}#logEventViewer:group={group} in account '
                f"{self.current_account} for more information.",
                "OriginalStatusCode": status,
                "OriginalMessage": message,
                "LogStreamArn": stream,
            },
        )


def _error(status: int, code: str, body: dict[str, Any]) -> Response:
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": code,
        "status": str(status),
    }
    return status, headers, json.dumps(body)
