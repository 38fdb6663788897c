"""InvokeEndpoint: requests to a model server, its errors as SageMaker wraps them."""

import json
from typing import Any

from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from local.context import current
from local.sagemaker.model_server import ModelServer, Unreachable
from local.sagemaker.records import ENDPOINT
from local.sagemaker.serving import NoVariant
from local.service import Service

MAX_BYTES = 6_291_456  # BodyBlob in the service's model
PASSED_ON = {"Content-Type": "application/octet-stream", "Accept": "*/*"}
VARIANT = "X-Amzn-SageMaker-Target-Variant"
CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
Response = tuple[int, dict[str, str], Any]


class SageMakerRuntime(Service, SageMakerRuntimeResponse):
    service = "sagemaker-runtime"
    use_raw_body = True

    def __init__(self) -> None:
        SageMakerRuntimeResponse.__init__(self)
        self.allow_request_decompression = False  # the container's to decompress

    def invoke_endpoint(self) -> Response:
        name = self.path.split("/")[2]
        if len(self.raw_body) > MAX_BYTES:
            return _error(
                413,
                "ValidationError",
                {"Message": f"The body has {len(self.raw_body)} bytes, at most {MAX_BYTES} go"},
            )
        endpoint = ENDPOINT.records().get(name)
        variant = self.headers.get(VARIANT)
        try:
            found = endpoint.enter(variant) if endpoint else None
        except NoVariant:
            text = f"Variant {variant} of endpoint {name} not found."
            return _error(400, "ValidationError", {"Message": text})
        if found is None:
            return _error(
                400,
                "ValidationError",
                {"Message": f"Endpoint {name} of account {self.current_account} not found."},
            )
        _, server = found
        headers = {each: self.headers.get(each) or default for each, default in PASSED_ON.items()}
        if self.headers.get(CUSTOM):
            headers[CUSTOM] = self.headers[CUSTOM]
        try:
            answer = server.invoke(self.raw_body, headers)
        except Unreachable as error:
            return self._model_error(server, 0, str(error))
        if not 200 <= answer.status < 300:
            return self._model_error(server, answer.status, answer.body.decode(errors="replace"))
        told = {name.lower(): value for name, value in answer.headers.items()}
        out = {
            "Content-Type": told.get("content-type", "application/octet-stream"),
            "x-Amzn-Invoked-Production-Variant": server.variant,
        }
        if CUSTOM.lower() in told:
            out[CUSTOM] = told[CUSTOM.lower()]
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
