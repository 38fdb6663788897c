"""The exported model, loaded and warm: by ONNX Runtime where the artifact holds ONNX."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.examples import Examples, Shape

ONNX = "assets.extra/model.onnx"
INPUT, OUTPUTS = "inputs", ("classes", "probabilities")

BATCH = 32  # examples at once, at most
INLINE_SECONDS = 0.003  # for which an engine may keep the event loop from other requests
# Examples in that time; a slower engine gets a thread. One that computes on several cores gets it
# sooner: the loop has a core to itself meanwhile
INLINE_LEAST, INLINE_LEAST_OF_SEVERAL = 1, 8
DEARER = 1.5  # an example in what fits into that time than one of a whole batch


class Prediction(NamedTuple):
    classes: NDArray[np.int64]  # [n]
    probabilities: NDArray[np.float32]  # [n, classes]


Predict = Callable[[Examples], Prediction]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Engine:
    name: str
    version: int
    shape: Shape  # of one example
    predict: Predict
    inline: int = 0  # how many examples the event loop may ask for at once; 0 for a slow engine


class Unusable(Exception):
    """A model that cannot be served; the text names it and the reason in one line."""


def prepare(versions: Path, choice: str) -> None:
    """Imports ONNX Runtime if it is what `load` will take, for processes that then fork to share.

    It starts no thread until a model is loaded. What is amiss, `load` tells.
    """
    with contextlib.suppress(Exception):
        if _chosen(versions, choice)[1] == "onnxruntime":
            import onnxruntime  # noqa: F401


def load(versions: Path, choice: str = "auto", threads: int = 1) -> Engine:
    """The highest version in a TensorFlow Serving model folder.

    `choice` is auto, onnxruntime or tensorflow; auto takes TensorFlow only where there is no ONNX.
    Raises Unusable.
    """
    folder, choice = _chosen(versions, choice)
    try:
        shape, predict = {"onnxruntime": _onnx, "tensorflow": _tensorflow}[choice](folder, threads)
        for count in (1, BATCH):
            _check(predict(np.zeros((count, *shape), np.float32)), count)
        least = INLINE_LEAST if threads == 1 else INLINE_LEAST_OF_SEVERAL
        return Engine(choice, int(folder.name), shape, predict, _inline(predict, shape, least))
    except ModuleNotFoundError as error:
        without = "" if (folder / ONNX).exists() else f" has no {ONNX} and so"
        raise Unusable(f"{folder}{without} needs {error.name}, which is not installed") from None
    except Unusable as error:
        raise Unusable(f"{folder}: {error}") from None
    except Exception as error:  # of many kinds for damaged files, each engine its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unusable(f"{folder} cannot be loaded by {choice}: {reason}") from None


def _chosen(versions: Path, choice: str) -> tuple[Path, str]:
    """The folder of the highest version, and the engine for it."""
    numbers = [int(path.name) for path in versions.glob("*") if path.name.isdecimal()]
    if not numbers:
        raise Unusable(f"{versions} holds no model: expected {versions}/1/saved_model.pb")
    folder = versions / str(max(numbers))
    if choice == "auto":
        choice = "onnxruntime" if (folder / ONNX).exists() else "tensorflow"
    return folder, choice


def _onnx(folder: Path, threads: int) -> tuple[Shape, Predict]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # A thread that spins for its next work takes the core that reads the next request
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        str(folder / ONNX), options, providers=["CPUExecutionProvider"]
    )

    def predict(examples: Examples) -> Prediction:
        return Prediction(*session.run(OUTPUTS, {INPUT: examples}))

    return _shape(session.get_inputs()[0].shape), predict


def _tensorflow(folder: Path, threads: int) -> tuple[Shape, Predict]:
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # TensorFlow is at work already
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = tf.saved_model.load(str(folder))

    def predict(examples: Examples) -> Prediction:
        # Looked up each time: a signature does not keep its model alive
        found = model.signatures["serving_default"](**{INPUT: tf.constant(examples)})
        return Prediction(*(found[name].numpy() for name in OUTPUTS))

    specification = model.signatures["serving_default"].structured_input_signature[1][INPUT]
    return _shape(specification.shape.as_list()), predict


def _shape(signature: list[Any]) -> Shape:
    """Of one example. A free size is None in TensorFlow and a name in ONNX."""
    batch, *shape = signature
    if isinstance(batch, int) or not all(isinstance(size, int) for size in shape):
        sizes = " x ".join(str(size) if isinstance(size, int) else "any" for size in signature)
        raise Unusable(
            f"the model takes inputs of {sizes}: expected any number of a fixed size, such as "
            "any x 32 x 32 x 3"
        )
    return tuple(shape)


def _check(found: Prediction, count: int) -> None:
    expected: dict[str, tuple[str, int]] = {
        "classes": ("int64", 1),
        "probabilities": ("float32", 2),
    }
    for name, (dtype, rank) in expected.items():
        values: NDArray[Any] = getattr(found, name)
        if values.dtype != dtype or values.ndim != rank or len(values) != count:
            raise Unusable(
                f"{name} of {count} examples are {values.dtype} {values.shape}, "
                f"expected {dtype} of {rank} dimensions, the first {count}"
            )


def _inline(predict: Predict, shape: Shape, least: int, clock: Clock = time.perf_counter) -> int:
    """The most examples that are answered in time; 0 if they are few, or much dearer one by one
    than many together are, as where most of the time goes to what every prediction needs once.
    """

    def seconds(count: int) -> float:
        fastest = float("inf")
        for _ in range(5):
            began = clock()
            predict(np.zeros((count, *shape), np.float32))
            fastest = min(fastest, clock() - began)
            if fastest > 10 * INLINE_SECONDS:
                break
        return fastest

    most, taken = 1, seconds(1)
    if taken > INLINE_SECONDS / least:
        return 0
    while most < BATCH:
        longer = seconds(2 * most)
        if longer > INLINE_SECONDS:
            return most if taken / most < DEARER * seconds(BATCH) / BATCH else 0
        most, taken = 2 * most, longer
    return most
