"""The training loop: one path for one worker and for many, that can go on at any step.

Our own, because Keras' `fit` fails when several machines train together.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.checkpoints import KEPT, Checkpoints
from training.cluster import Cluster
from training.data import Data, evaluation_batches, training_batches
from training.errors import Stopped, TrainingError
from training.hyperparameters import Hyperparameters
from training.interface import Model
from training.progress import Progress, Score
from training.state import State
from training.steps import judging_step, learning_step

PROGRESS_SECONDS = 10.0


class Trainer:
    """One worker's part of a training; `told_to_stop` is asked before each step."""

    def __init__(
        self,
        model: Model,
        data: Data,
        choice: Hyperparameters,
        cluster: Cluster,
        checkpoints: Checkpoints,
        progress: Progress,
        told_to_stop: Callable[[], bool],
    ) -> None:
        self._model, self._data, self._choice = model, data, choice
        self._cluster, self._checkpoints, self._progress = cluster, checkpoints, progress
        self._told_to_stop = told_to_stop
        # What does not fill a batch is left out, another part in each epoch
        self._steps = data.train.examples // choice.batch_size
        _check_batch_size(choice.batch_size, data.train.examples, cluster.replicas)
        # Not 0, beside which TensorFlow's shuffle takes no seed that is a tensor
        keras.utils.set_random_seed(choice.seed + 1)
        with cluster.strategy.scope():
            network = model.build_model(choice)
            self.state = State(network, _optimizer(network, choice, self._steps))
            self._restore()
        self._learn = learning_step(cluster, network, self.state.optimizer, choice.batch_size)
        self._judge = judging_step(cluster, network)
        self._saved = self._told = time.monotonic()

    def run(self) -> dict[str, Score]:
        """Trains to the end; the last scores by split.

        Raises Stopped, once the state is saved, or TrainingError.
        """
        state, epochs = self.state, self._choice.epochs
        parts = self._model, self._cluster
        validation = evaluation_batches(self._data.validation, *parts)
        batches = iter(training_batches(self._data.train, *parts, self._choice, state.step))
        while state.epoch < epochs:
            speed = self._learn_epoch(batches)
            scores = {"train": _score(state.sums), "validation": self._evaluate(validation)}
            state.history.append(scores)
            state.epoch, state.sums = state.epoch + 1, np.zeros(3)
            self._tell(f"epoch={state.epoch}/{epochs}", scores, speed)
        scores = {"eval": self._evaluate(evaluation_batches(self._data.eval, *parts))}
        self._save()
        self._tell("", scores)
        return {**state.history[-1], **scores}

    def weights(self) -> list[NDArray[Any]]:
        """Of the network; several workers have to call this together."""
        return [weight.value.numpy() for weight in self.state.network.weights]

    def _learn_epoch(self, batches: Iterator[Any]) -> float | None:
        """What is left of the epoch, if any; gives its speed in images a second."""
        state, end = self.state, (self.state.epoch + 1) * self._steps
        began, first = time.monotonic(), state.step
        unread: deque[tf.Tensor] = deque()
        while state.step < end:
            unread.append(self._learn(next(batches), self._wishes()))
            state.step += 1
            # A result is read while the next step computes, so that no device waits for us
            if len(unread) > 1:
                self._obey(self._count(unread.popleft()), unread)
            if time.monotonic() - self._told > PROGRESS_SECONDS and state.sums.any():
                self._tell(f"step={state.step}/{end}", {"train": _score(state.sums)})
        while unread:
            self._obey(self._count(unread.popleft()), unread)
        images = (end - first) * self._choice.batch_size
        return images / (time.monotonic() - began) if images else None

    def _evaluate(self, batches: Any) -> Score:
        sums = np.zeros(3)
        for batch in batches:
            result = self._judge(batch, self._wishes()).numpy()
            sums += result[:3]
            if result[3] > 0:
                self._stop()
        return _score(sums)

    def _wishes(self) -> tf.Tensor:
        """Stop, save: what one worker wishes all do, at the same step."""
        due = time.monotonic() - self._saved >= self._choice.checkpoint_seconds
        return tf.constant([self._told_to_stop(), self._cluster.chief and due], tf.float32)

    def _count(self, result: tf.Tensor) -> NDArray[np.bool_]:
        """Adds a step's result to the epoch; the wishes that came with it."""
        values = result.numpy().astype(np.float64)
        self.state.sums += values[:3]
        if not math.isfinite(values[0]):
            raise TrainingError(
                f"the loss is {values[0]} at step {self.state.step}:"
                f" lower learning_rate, now {self._choice.learning_rate:g}"
            )
        return np.asarray(values[3:] > 0)

    def _obey(self, wishes: NDArray[np.bool_], unread: deque[tf.Tensor]) -> None:
        if wishes.any():
            # The state is that after the steps which are computed but not counted yet
            while unread:
                wishes = wishes | self._count(unread.popleft())
            self._stop() if wishes[0] else self._save()

    def _stop(self) -> None:
        self._save()
        raise Stopped(f"stopped after step {self.state.step}; what was learned is saved")

    def _save(self) -> None:
        arrays = self.state.arrays()
        if self._cluster.chief:
            self._checkpoints.save(self.state.step, arrays)
        self._saved = time.monotonic()

    def _restore(self) -> None:
        """From the newest checkpoint that every worker has."""
        mine = self._checkpoints.steps()[:KEPT]
        all_steps = self._cluster.gather(mine + [-1] * (KEPT - len(mine)))
        common = set.intersection(*(set(steps) for steps in all_steps)) - {-1}
        if common:
            self.state.restore(self._checkpoints.load(max(common)))
            self._progress.line(f"resumed after step {self.state.step}")

    def _tell(self, where: str, scores: dict[str, Score], speed: float | None = None) -> None:
        """A line for the metric definitions, and the curves of TensorBoard."""
        words = [where, *(score.line(split) for split, score in scores.items())]
        if speed is not None:
            words.append(f"train:images_per_second={speed:.1f}")
        self._progress.line(" ".join(word for word in words if word))
        self._progress.curves(scores, self.state.step)
        self._told = time.monotonic()


def _check_batch_size(size: int, examples: int, replicas: int) -> None:
    if size > examples:
        raise TrainingError(
            f"batch_size is {size}, more than the {examples} images of the training data"
        )
    if size % replicas:
        raise TrainingError(
            f"batch_size is {size}, which {replicas} devices cannot share evenly:"
            f" take a multiple of {replicas}"
        )


def _optimizer(
    network: keras.Model, choice: Hyperparameters, steps: int
) -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(choice.learning_rate, steps * choice.epochs)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=choice.weight_decay)
    optimizer.build(network.trainable_variables)
    return optimizer


def _score(sums: NDArray[np.float64]) -> Score:
    loss, right, examples = sums
    return Score(float(loss / examples), float(right / examples))
