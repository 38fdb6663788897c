"""A training job from its folders to its artifact: the order in which the parts are used."""

import dataclasses
import hashlib
import inspect
import json
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import keras
import tensorflow as tf

from training import checks, export, likeness, precision
from training import cluster as clusters
from training.checkpoints import Checkpoints
from training.cluster import Cluster
from training.data import Data, sample
from training.errors import DatasetError, TrainingError
from training.hyperparameters import Hyperparameters, parse
from training.interface import Model
from training.loop import Trainer
from training.progress import Progress
from training.state import Scores

SAMPLE = 64
# They decide when, not what
WITHOUT_EFFECT = ("checkpoint_seconds", "start_seconds")
GPU = Path("/dev/nvidia0")
# What the others see when a worker ends or its machine is gone
LOST = (
    tf.errors.DeadlineExceededError,
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
    _refuse_pipe(config / "inputdataconfig.json")
    given = json.loads((config / "hyperparameters.json").read_text())
    choice = parse(given, model.Hyperparameters)
    hosts = clusters.read_hosts(config / "resourceconfig.json")
    several = len(hosts.names) > 1
    with clusters.give_up_after(choice.start_seconds, failure) if several else nullcontext():
        cluster = clusters.join(hosts)
    stop.listen()
    data = checks.check(base / "input/data/training", model)
    stop.can_save = True
    try:
        _train(base, model, choice, cluster, data, stop)
    except LOST as error:
        if cluster.workers == 1:
            raise
        raise TrainingError(
            "another worker of the job was lost: the log of its host tells why"
        ) from error


def _train(
    base: Path, model: Model, choice: Hyperparameters, cluster: Cluster, data: Data, stop: Stop
) -> None:
    progress = Progress(cluster, base / "output/data/tensorboard")
    policy = precision.use(choice.precision)
    progress.line(_summary(data, cluster, policy))
    if GPU.exists() and not cluster.on_gpu:
        progress.line(
            "this machine has a GPU, which the image's TensorFlow cannot use: the Dockerfile tells"
            " how to build one that can"
        )
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
        inputs = sample(data.eval, model, SAMPLE)
        facts = {
            "metrics": _plain(scores),
            "classes": list(data.class_names),
            "history": [
                {"epoch": number, **_plain(each)}
                for number, each in enumerate(trainer.state.history, 1)
            ],
            "inputs": likeness.describe(data.eval, model),
            "hyperparameters": {**dataclasses.asdict(choice), "precision": policy},
        }
        done = export.export(network, inputs, facts, base / "model")
        if done.not_onnx:
            progress.line(f"TensorFlow will serve the model, not ONNX Runtime: {done.not_onnx}")
        progress.line(f"export:onnx={0 if done.not_onnx else 1}")
    cluster.gather([cluster.rank])  # who leaves early is taken for lost


def _plain(scores: Scores) -> dict[str, dict[str, float]]:
    return {split: vars(score) for split, score in scores.items()}


def _summary(data: Data, cluster: Cluster, policy: str) -> str:
    parts = (data.train, data.validation, data.eval)
    examples = " + ".join(str(part.examples) for part in parts)
    devices = f"{cluster.replicas} {'GPU' if cluster.on_gpu else 'CPU'}"
    return (
        f"{examples} images to train, validate and evaluate; {policy} on {devices}"
        f"{'s' if cluster.replicas > 1 else ''} of {cluster.workers}"
        f" machine{'s' if cluster.workers > 1 else ''}"
    )


def _refuse_pipe(inputs: Path) -> None:
    """By what SageMaker tells of the channels; a pipe cannot be read a second time."""
    channels = json.loads(inputs.read_text()) if inputs.is_file() else {}
    if channels.get("training", {}).get("TrainingInputMode") == "Pipe":
        raise DatasetError("channel training is in Pipe mode: set TrainingInputMode to FastFile")


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
