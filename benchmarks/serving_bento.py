"""A model of ONNX Runtime as BentoML serves it; runs in the environment of the compared servers."""

import os
from typing import Any

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers="cpu_count")
class Classifier:
    def __init__(self) -> None:
        self.session = onnxruntime.InferenceSession(os.environ["BENCHMARK_ONNX"])

    @bentoml.api
    def predict(self, instances: np.ndarray) -> dict[str, Any]:
        inputs = np.asarray(instances, np.float32)
        classes, probabilities = self.session.run(["classes", "probabilities"], {"inputs": inputs})
        rows = zip(classes.tolist(), probabilities.tolist(), strict=True)
        return {"predictions": [{"classes": one, "probabilities": row} for one, row in rows]}
