"""A training job from its folders to its artifact: the order in which the parts are used."""

import dataclasses
import hashlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

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


class Stop(Protocol):
    """The wish to stop. Before `can_save` it ends the process, since there is nothing to lose."""

    can_save: bool

    def __call__(self) -> bool: ...

    def listen(self) -> None:
        """Once more: TensorFlow puts its own handling of signals in place when it joins others."""


def run(base: Path, model: Model, failure: Path, stop: Stop) -> None:
    """The job whose folders lie in `base`, which is /opt/ml on SageMaker.

    `failure` takes the reason if the other hosts do not come. Raises JobError, or Stopped.
    """
    config = base / "input/config"
    given = json.loads((config / "hyperparameters.json").read_text())
    choice = parse(given, model.Hyperparameters)
    hosts = clusters.read_hosts(config / "resourceconfig.json")
    with clusters.give_up_after(choice.start_seconds, failure):
        cluster = clusters.join(hosts)
    stop.listen()
    data = datasets.check(base / "input/data/training", model)
    stop.can_save = True
    try:
        _train(base, model, choice, cluster, data, stop)
    except LOST as error:
        if cluster.workers == 1:
            raise
        reason = error.message.partition("\n")[0]
        raise TrainingError(
            f"another worker of the job was lost: the log of its host tells why ({reason})"
        ) from error


def _train(
    base: Path, model: Model, choice: Hyperparameters, cluster: Cluster, data: Data, stop: Stop
) -> None:
    progress = Progress(cluster, base / "output/data/tensorboard")
    policy = precision.use(choice.precision)
    progress.line(_summary(data, cluster, policy))
    run_name = fingerprint(model, choice, data, policy)
    if len({tuple(each) for each in cluster.gather([int(run_name[:15], 16)])}) > 1:
        raise TrainingError(
            "the machines differ in data, code, hyperparameters or precision: give all of them all"
            " of the data (S3DataDistributionType FullyReplicated)"
        )
    checkpoints = Checkpoints(base / "checkpoints" / run_name)
    trainer = Trainer(model, data, choice, cluster, checkpoints, progress, stop)
    scores, weights = trainer.run(), trainer.weights()
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


def fingerprint(model: Model, choice: Hyperparameters, data: Data, policy: str) -> str:
    """What decides the outcome: a checkpoint of anything else is not taken up."""
    folder = Path(inspect.getfile(cast(ModuleType, model))).parent
    code = [
        path.read_text()
        for part in (folder, folder / "training")
        for path in sorted(part.glob("*.py"))
    ]
    chosen = dataclasses.asdict(choice)
    effects = {name: value for name, value in chosen.items() if name not in WITHOUT_EFFECT}
    digests = [data.train.digest, data.validation.digest, data.eval.digest]
    text = json.dumps([code, effects, policy, digests, keras.__version__, tf.__version__])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
