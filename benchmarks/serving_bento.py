"""A model of ONNX Runtime as BentoML serves it; runs in the environment of the compared servers."""

import os
from typing import Any

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers="cpu_count")
class Classifier:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        # As `serve` has them: a worker for each core, and no thread that spins
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(os.environ["BENCHMARK_ONNX"], options)

    @bentoml.api
    def predict(self, instances: np.ndarray) -> dict[str, Any]:
        inputs = np.asarray(instances, np.float32)
        classes, probabilities = self.session.run(["classes", "probabilities"], {"inputs": inputs})
        rows = zip(classes.tolist(), probabilities.tolist(), strict=True)
        return {"predictions": [{"classes": one, "probabilities": row} for one, row in rows]}
