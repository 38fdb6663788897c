"""What serving is compared with, and the model that all of them serve.

`artifact` writes a small network (three convolutions, 24,000 weights) as a training would;
`mlflow` makes of it what `mlflow models serve` takes, and `read` times two readings of a request.
`no-model` is the usual HTTP stack that gives
every request the same answer; `tensorflow` is what one writes first: the signature, asked in the
handler.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

SAVED_MODEL = "export/Servo/1"
KERAS = "network.keras"


def artifact(folder: Path) -> None:
    import keras
    import tensorflow as tf
    from keras import layers

    from training.export import export

    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 3), name="inputs")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    logits = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, logits)
    network.save(folder / KERAS)
    done = export(network, tf.ones([2, 32, 32, 3]), {}, folder)
    assert not done.not_onnx, done.not_onnx


def mlflow(folder: Path) -> None:
    import keras
    import mlflow
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape = TensorSpec(np.dtype("float32"), (-1, 32, 32, 3), "inputs")
    signature = ModelSignature(inputs=Schema([shape]))
    network = keras.models.load_model(folder / KERAS)
    mlflow.keras.save_model(network, str(folder / "mlflow-keras"))
    graph = onnx.load(folder / SAVED_MODEL / "assets.extra/model.onnx")
    mlflow.onnx.save_model(graph, str(folder / "mlflow-onnx"), signature=signature)


def read(folder: Path) -> None:
    import timeit

    import numpy as np
    import orjson

    from serving.decoding import decode

    body = (folder / "instances.json").read_bytes()

    def usual() -> Any:
        return np.array(orjson.loads(body)["instances"], np.float32)

    def quick() -> Any:
        return decode("application/json", body, (32, 32, 3))

    assert (usual() == quick()).all()
    times = [min(timeit.repeat(way, number=200, repeat=7)) / 200 for way in (quick, usual)]
    print(*(seconds * 1e6 for seconds in times))


def no_model(port: int, answer: bytes) -> None:
    from starlette.responses import Response

    async def invocations(request: Any) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    _serve(invocations, port)


def tensorflow(port: int, folder: Path) -> None:
    import orjson
    import tensorflow as tf
    from starlette.responses import Response

    model = tf.saved_model.load(str(folder / SAVED_MODEL))
    signature = model.signatures["serving_default"]

    async def invocations(request: Any) -> Response:
        instances = orjson.loads(await request.body())["instances"]
        found = signature(inputs=tf.constant(instances, tf.float32))
        columns = (found[name].numpy().tolist() for name in ("classes", "probabilities"))
        rows = zip(*columns, strict=True)
        predictions = [{"classes": one, "probabilities": row} for one, row in rows]
        return Response(orjson.dumps({"predictions": predictions}), media_type="application/json")

    signature(inputs=tf.zeros([1, 32, 32, 3]))
    _serve(invocations, port)


def _serve(invocations: Any, port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def ping(request: Any) -> Response:
        return Response()

    routes = [Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])]
    uvicorn.run(
        Starlette(routes=routes),
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("artifact", "mlflow", "read", "no-model", "tensorflow"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--answer", default="{}")
    args = parser.parse_args()
    match args.what:
        case "artifact":
            artifact(args.folder)
        case "mlflow":
            mlflow(args.folder)
        case "read":
            read(args.folder)
        case "no-model":
            no_model(args.port, args.answer.encode())
        case "tensorflow":
            tensorflow(args.port, args.folder)


if __name__ == "__main__":
    main()
