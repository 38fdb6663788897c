"""What SageMaker asks of an endpoint's container: GET /ping and POST /invocations.

(SageMaker Developer Guide, "Custom Inference Code with Hosting Services".)
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from decoding import DECODERS, Images, Unreadable

# Images to classes, int64 [batch], and probabilities, float32 [batch, classes]
Predict = Callable[[Images], tuple[NDArray[np.int64], NDArray[np.float32]]]

BODY_BYTES = 6 * 1024 * 1024  # some 300 images as JSON
BODY_SECONDS = 20.0
MOST_WAITING = 64


def create_app(
    loaded: Callable[[], Predict | None], body_seconds: float = BODY_SECONDS
) -> Starlette:
    """The application; `loaded` gives the model, or None while it is not ready."""
    # Two, so that one request is decoded while TensorFlow works on another.
    threads = ThreadPoolExecutor(max_workers=2)
    places = asyncio.Semaphore(MOST_WAITING)

    async def ping(request: Request) -> Response:
        return Response(status_code=HTTPStatus.OK if loaded() else HTTPStatus.SERVICE_UNAVAILABLE)

    async def invocations(request: Request) -> Response:
        predict = loaded()
        if predict is None:
            raise HTTPException(503, "the model is being loaded")
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in DECODERS:
            known = ", ".join(DECODERS)
            raise HTTPException(415, f"content type {media or 'missing'}, expected {known}")
        body = await read(request, body_seconds)
        if places.locked():
            raise HTTPException(503, f"{MOST_WAITING} requests are waiting already: try again")
        async with places:
            work = asyncio.get_running_loop().run_in_executor(threads, answer, predict, media, body)
            return JSONResponse(await work)

    return Starlette(
        routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])],
        exception_handlers={HTTPException: explain},
    )


def answer(predict: Predict, media: str, body: bytes) -> dict[str, object]:
    """The predictions for a body, in the shape of TensorFlow Serving."""
    try:
        images = DECODERS[media](body)
    except Unreadable as error:
        raise HTTPException(400, str(error)) from None
    classes, probabilities = predict(images)
    rows = zip(classes.tolist(), probabilities.tolist(), strict=True)
    return {"predictions": [{"classes": one, "probabilities": row} for one, row in rows]}


async def read(request: Request, seconds: float) -> bytes:
    """The body, given up when it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise HTTPException(413, f"the body is larger than {BODY_BYTES:,} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive in {seconds:g} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection ended within the body") from None
    return bytes(body)


async def explain(request: Request, error: Exception) -> Response:
    """An error as JSON, as TensorFlow Serving gives it."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
