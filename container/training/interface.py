"""What `model.py` has to offer: training and serving work with any such module."""

from typing import Any, Protocol

import keras
import tensorflow as tf

from training.hyperparameters import Hyperparameters


class Model(Protocol):
    """The module `model`, or one in its place."""

    @property
    def INPUT_SHAPE(self) -> tuple[int, ...]:
        """Of one example, without the batch: (32, 32, 3), or (13,) for a row of 13 numbers."""

    @property
    def CLASS_NAMES(self) -> tuple[str, ...]:
        """In the order of the labels; a classes.json beside the data replaces the names."""

    @property
    def Hyperparameters(self) -> type[Hyperparameters]:
        """training.hyperparameters.Hyperparameters, or a subclass with choices of the model's."""

    def parse_example(self, records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Serialized examples, string [n]: inputs float32 [n, *INPUT_SHAPE] and labels int64 [n].

        All of a batch in one call, which is four times as fast as one by one. It may raise
        tf.errors.InvalidArgumentError for what it cannot read: the job then names the record.
        """

    def augment(self, inputs: tf.Tensor, seed: tf.Tensor, choice: Any) -> tf.Tensor:
        """A batch varied for training, or as it is.

        By stateless operations that take `seed` (int64 [2], another one for each batch): a training
        that is interrupted then goes on as if it had not been.
        """

    def build_model(self, choice: Any) -> keras.Model:
        """The network: float32 [n, *INPUT_SHAPE] to logits [n, len(CLASS_NAMES)]."""
