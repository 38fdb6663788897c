"""What the barest servers answer a request's body with.

`onnx` reads it with the product's own decoder and asks ONNX Runtime. `tensorflow` is what one
writes first: the lists of the JSON, and the model's signature. `hello` gives every request the
same answer: the limit of HTTP.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

import orjson

from benchmarks.networks import SHAPE

ANSWER = b"x" * 180  # as long as a prediction

Answer = Callable[[bytes], bytes]


def hello() -> Answer:
    return lambda body: ANSWER


def onnx() -> Answer:
    from benchmarks.serving_engine import Engine
    from serving.decoding import decode

    engine = Engine()

    def answer(body: bytes) -> bytes:
        classes, probabilities = engine(decode("application/json", body, SHAPE))
        rows = zip(classes.tolist(), probabilities, strict=True)
        found = [{"classes": one, "probabilities": row} for one, row in rows]
        return orjson.dumps({"predictions": found}, option=orjson.OPT_SERIALIZE_NUMPY)

    answer(orjson.dumps({"instances": [[[[0.0] * 3] * 32] * 32]}))
    return answer


def tensorflow() -> Answer:
    import tensorflow as tf

    from benchmarks.serving_engine import as_rows

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(str(Path(os.environ["BENCHMARK_ONNX"]).parents[1]))
    signature = model.signatures["serving_default"]

    def answer(body: bytes) -> bytes:
        instances = orjson.loads(body)["instances"]
        found = signature(inputs=tf.constant(instances, tf.float32))
        return orjson.dumps(as_rows(found["classes"].numpy(), found["probabilities"].numpy()))

    answer(orjson.dumps({"instances": [[[[0.0] * 3] * 32] * 32]}))
    return answer


WAYS: dict[str, Callable[[], Answer]] = {"hello": hello, "onnx": onnx, "tensorflow": tensorflow}
