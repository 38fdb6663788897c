"""A training job from its folders to its artifact: the order in which the parts are used."""

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import cast

import keras
import tensorflow as tf

from training import cluster as clusters
from training import data as datasets
from training import export, precision
from training.checkpoints import Checkpoints
from training.cluster import Cluster
from training.data import Data
from training.errors import TrainingError
from training.hyperparameters import Hyperparameters, parse
from training.interface import Model
from training.loop import Trainer
from training.progress import Progress

SAMPLE = 64
# They decide when, not what
WITHOUT_EFFECT = ("checkpoint_seconds", "start_seconds")
# What the others see when a worker ends or its machine is gone
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
)


def run(
    base: Path, model: Model, failure: Path, when_joined: Callable[[], Callable[[], bool]]
) -> None:
    """The job whose folders lie in `base`, which is /opt/ml on SageMaker.

    `failure` takes the reason if the other hosts do not come. `when_joined` is called once
    TensorFlow has set up its own handling of signals, and gives the function that tells whether to
    stop. Raises JobError, or Stopped.
    """
    config = base / "input/config"
    given = json.loads((config / "hyperparameters.json").read_text())
    choice = parse(given, model.Hyperparameters)
    hosts = clusters.read_hosts(config / "resourceconfig.json")
    with clusters.give_up_after(choice.start_seconds, failure):
        cluster = clusters.join(hosts)
    told_to_stop = when_joined()
    data = datasets.check(base / "input/data/training", model)
    progress = Progress(cluster, base / "output/data/tensorboard")
    policy = precision.use(choice.precision)
    progress.line(_summary(data, cluster, policy))
    checkpoints = Checkpoints(base / "checkpoints" / fingerprint(model, choice, data))
    try:
        trainer = Trainer(model, data, choice, cluster, checkpoints, progress, told_to_stop)
        scores, weights = trainer.run(), trainer.weights()
    except LOST as error:
        if cluster.workers == 1:
            raise
        raise TrainingError(
            "another worker of the job was lost: the log of its host tells why"
        ) from error
    if cluster.chief:
        # Trained in whatever precision, served in float32
        precision.use("float32")
        network = model.build_model(choice)
        network.set_weights(weights)
        sample = datasets.sample(data.eval, model, SAMPLE)
        done = export.export(network, sample, scores, data.class_names, base / "model")
        if done.not_onnx:
            progress.line(f"TensorFlow will serve the model, not ONNX Runtime: {done.not_onnx}")
        progress.line(f"export:onnx={0 if done.not_onnx else 1}")
    cluster.gather([cluster.rank])  # who leaves early is taken for lost


def _summary(data: Data, cluster: Cluster, policy: str) -> str:
    parts = (data.train, data.validation, data.eval)
    examples = " + ".join(str(part.examples) for part in parts)
    return (
        f"{examples} images to train, validate and evaluate; {policy} on {cluster.replicas}"
        f" device{'s' if cluster.replicas > 1 else ''} of {cluster.workers}"
        f" machine{'s' if cluster.workers > 1 else ''}"
    )


def fingerprint(model: Model, choice: Hyperparameters, data: Data) -> str:
    """What decides the outcome: a checkpoint of anything else is not taken up."""
    chosen = dataclasses.asdict(choice)
    parts = [data.train.digest, data.validation.digest, data.eval.digest]
    effects = {name: value for name, value in chosen.items() if name not in WITHOUT_EFFECT}
    source = inspect.getsource(cast(ModuleType, model))
    text = json.dumps([source, effects, parts, keras.__version__, tf.__version__])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
