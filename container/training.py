"""The training loop: our own, because Keras' `fit` fails when several machines train together."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from dataset import CLASSES, Data, batches
from hyperparameters import Hyperparameters

EVALUATION_BATCH = 256

Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class TrainingError(RuntimeError):
    """A training that gives no model; the text says what to change."""


@dataclass(frozen=True)
class Score:
    """Mean loss and share of right answers (0 to 1) over one split."""

    loss: float
    accuracy: float

    def line(self, split: str) -> str:
        """In the form that the training job's metric definitions look for."""
        return f"{split}:loss={self.loss:.6f} {split}:accuracy={self.accuracy:.6f}"


def train(
    build: Callable[[int, int], keras.Model],
    data: Data,
    choice: Hyperparameters,
    report: Callable[[str], None],
) -> tuple[keras.Model, dict[str, Score]]:
    """The trained model and its last scores by split; reports a line of metrics every epoch."""
    steps = data.train.images // choice.batch_size
    if steps == 0:
        raise TrainingError(
            f"batch_size is {choice.batch_size}, more than the {data.train.images} images"
            f" of {data.train.path.name}"
        )
    keras.utils.set_random_seed(choice.seed)
    with tf.distribute.get_strategy().scope():
        model = build(choice.depth, CLASSES)
        schedule = keras.optimizers.schedules.CosineDecay(
            choice.learning_rate, steps * choice.epochs
        )
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=choice.weight_decay)
        optimizer.build(model.trainable_variables)
    learn, judge = _learn(model, optimizer, choice.batch_size), _judge(model)
    images = batches(data.train, choice.batch_size, shuffle_seed=choice.seed)
    validation = batches(data.validation, EVALUATION_BATCH)
    scores: dict[str, Score] = {}
    for epoch in range(1, choice.epochs + 1):
        started = time.monotonic()
        scores["train"] = _run(learn, images)
        speed = steps * choice.batch_size / (time.monotonic() - started)
        if not math.isfinite(scores["train"].loss):
            raise TrainingError(
                f"the loss is {scores['train'].loss} after epoch {epoch}:"
                f" lower learning_rate, now {choice.learning_rate:g}"
            )
        scores["validation"] = _run(judge, validation)
        report(
            f"epoch={epoch}/{choice.epochs} {scores['train'].line('train')}"
            f" {scores['validation'].line('validation')} train:images_per_second={speed:.1f}"
        )
    scores["eval"] = _run(judge, batches(data.eval, EVALUATION_BATCH))
    report(scores["eval"].line("eval"))
    return model, scores


def _run(step: Step, images: tf.data.Dataset) -> Score:
    total = tf.zeros(3)
    for batch, labels in images:
        total += step(batch, labels)
    loss, right, count = total.numpy()
    return Score(float(loss / count), float(right / count))


def _learn(model: keras.Model, optimizer: keras.optimizers.Optimizer, batch_size: int) -> Step:
    def update(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = _losses(logits, labels)
            mean = tf.reduce_sum(losses) / batch_size
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(mean, variables), variables)
        return _sums(losses, logits, labels)

    return _on_every_replica(update)


def _judge(model: keras.Model) -> Step:
    def judge(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        logits = model(images, training=False)
        return _sums(_losses(logits, labels), logits, labels)

    return _on_every_replica(judge)


def _on_every_replica(step: Step) -> Step:
    strategy = tf.distribute.get_strategy()

    @tf.function(reduce_retracing=True)
    def run(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(step, args=(images, labels)), axis=None)

    return run


def _losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _sums(losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Loss, right answers and images of a batch, to be summed over batches and replicas."""
    right = tf.cast(tf.equal(tf.argmax(logits, axis=1), labels), tf.float32)
    columns = tf.stack([losses, right, tf.ones_like(right)])
    return tf.reduce_sum(columns, axis=1)
