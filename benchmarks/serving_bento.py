"""A model as BentoML serves it."""

from typing import Any

import bentoml
import numpy as np

from benchmarks.serving_engine import Engine, as_rows


@bentoml.service(workers="cpu_count", logging={"access": {"enabled": False}})
class Classifier:
    def __init__(self) -> None:
        self.engine = Engine()

    @bentoml.api
    def predict(self, instances: np.ndarray) -> dict[str, Any]:
        return as_rows(*self.engine(np.asarray(instances, np.float32)))
