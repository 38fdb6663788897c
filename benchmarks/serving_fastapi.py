"""A model behind FastAPI, as its documentation has it.

`typed` takes and gives bodies that pydantic checks ("Request Body", "Response Model"); `untyped`
does without, for speed ("Using the Request Directly"), `quick` reads and writes JSON with orjson
beside that ("Return a Response Directly"), and `decoded` reads it with the product's decoder. The
model is loaded as "Lifespan Events" has it, and the processes are those of "Server Workers".
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from benchmarks.serving_answers import onnx
from benchmarks.serving_engine import Engine, as_rows

models: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    models["engine"] = onnx() if app is decoded else Engine()
    yield
    models.clear()


typed = FastAPI(lifespan=lifespan)
untyped = FastAPI(lifespan=lifespan)
quick = FastAPI(lifespan=lifespan)
decoded = FastAPI(lifespan=lifespan)


class Question(BaseModel):
    instances: list[list[list[list[float]]]]


class Prediction(BaseModel):
    classes: int
    probabilities: list[float]


class Answer(BaseModel):
    predictions: list[Prediction]


def answer(instances: Any) -> dict[str, Any]:
    return as_rows(*models["engine"](np.array(instances, np.float32)))


# All predict in the event loop, as bare ASGI does
@typed.post("/invocations")
async def predict_typed(question: Question) -> Answer:
    return Answer(**answer(question.instances))


@untyped.post("/invocations")
async def predict_untyped(request: Request) -> dict[str, Any]:
    return answer((await request.json())["instances"])


@quick.post("/invocations")
async def predict_quick(request: Request) -> Response:
    found = answer(orjson.loads(await request.body())["instances"])
    return Response(orjson.dumps(found), media_type="application/json")


@decoded.post("/invocations")
async def predict_decoded(request: Request) -> Response:
    return Response(models["engine"](await request.body()), media_type="application/json")


@typed.get("/ping")
@decoded.get("/ping")
@quick.get("/ping")
@untyped.get("/ping")
async def ping() -> dict[str, str]:
    return {}
