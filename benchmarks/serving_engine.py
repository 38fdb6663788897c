"""ONNX Runtime as all compared servers have it: one thread, that does not spin, as in `serve`."""

import os
from typing import Any

import numpy as np
import onnxruntime


class Engine:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(
            os.environ["BENCHMARK_ONNX"], options, providers=providers
        )
        self(np.zeros((1, 32, 32, 3), np.float32))  # healthy means once warm, as in `serve`

    def __call__(self, inputs: Any) -> tuple[Any, Any]:
        """Classes and probabilities of some images."""
        classes, probabilities = self._session.run(["classes", "probabilities"], {"inputs": inputs})
        return classes, probabilities


def as_rows(classes: Any, probabilities: Any) -> dict[str, Any]:
    """In the form in which `serve` answers."""
    rows = zip(classes.tolist(), probabilities.tolist(), strict=True)
    return {"predictions": [{"classes": one, "probabilities": row} for one, row in rows]}
