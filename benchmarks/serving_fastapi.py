"""A model behind FastAPI, written as its documentation has it: typed bodies, a plain function.

(FastAPI's pages "Request Body", "Response Model", "Lifespan Events" and "Server Workers")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.serving_engine import Engine, as_rows

models: dict[str, Engine] = {}


class Question(BaseModel):
    instances: list[list[list[list[float]]]]


class Prediction(BaseModel):
    classes: int
    probabilities: list[float]


class Answer(BaseModel):
    predictions: list[Prediction]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    models["engine"] = Engine()
    yield
    models.clear()


app = FastAPI(lifespan=lifespan)


@app.get("/ping")
def ping() -> dict[str, str]:
    return {}


@app.post("/invocations")
def predict(question: Question) -> Answer:
    found: Any = as_rows(*models["engine"](np.array(question.instances, np.float32)))
    return Answer(**found)
