"""The same as bare ASGI's `onnx` in RSGI, granian's own interface, for granian as it starts it."""

from typing import Any

from benchmarks.serving_answers import onnx

answer = onnx()


async def application(scope: Any, protocol: Any) -> None:
    found = answer(await protocol()) if scope.path == "/invocations" else b""
    protocol.response_bytes(200, [("content-type", "application/json")], found)
