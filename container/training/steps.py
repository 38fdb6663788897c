"""One step of learning, and one of judging, on every replica of every worker at once."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from training.cluster import Cluster

# A step takes a distributed batch and this worker's wishes, float32 [2]: stop, save. It gives
# float32 [5], summed over all workers: loss, right answers, examples; wishes to stop, to save
Step = Callable[[Any, tf.Tensor], tf.Tensor]


def learning_step(
    cluster: Cluster,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    batch_size: int,
) -> Step:
    """For (inputs, labels), `batch_size` of them over all workers."""

    def learn(inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.cast(network(inputs, training=True), tf.float32)
            losses = _losses(logits, labels)
            mean = tf.reduce_sum(losses) / batch_size
            for penalty in network.losses:  # of regularizers
                mean += tf.cast(penalty, tf.float32) / cluster.replicas
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(mean, variables), variables)
        return _sums(losses, logits, labels, tf.ones_like(losses))

    return _everywhere(learn, cluster)


def judging_step(cluster: Cluster, network: keras.Model) -> Step:
    """For (inputs, labels, weights)."""

    def judge(inputs: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        logits = tf.cast(network(inputs, training=False), tf.float32)
        return _sums(_losses(logits, labels), logits, labels, weights)

    return _everywhere(judge, cluster)


def _everywhere(step: Callable[..., tf.Tensor], cluster: Cluster) -> Step:
    def with_wishes(batch: tuple[tf.Tensor, ...], wishes: tf.Tensor) -> tf.Tensor:
        return tf.concat([step(*batch), wishes], axis=0)

    @tf.function(autograph=False)
    def run(batch: Any, wishes: tf.Tensor) -> tf.Tensor:
        sums = cluster.strategy.run(with_wishes, args=(batch, wishes))
        return cluster.strategy.reduce("SUM", sums, axis=None)

    return run


def _losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _sums(losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    right = tf.cast(tf.equal(tf.argmax(logits, axis=1), labels), tf.float32)
    columns = tf.stack([losses * weights, right * weights, weights])
    return tf.reduce_sum(columns, axis=1)
