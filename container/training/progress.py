"""What a training tells while it runs: lines for metric definitions, and TensorBoard's files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.cluster import Cluster


@dataclass(frozen=True)
class Score:
    """Mean loss and share of right answers (0 to 1) over `examples` examples."""

    loss: float
    accuracy: float

    def line(self, split: str) -> str:
        """In the form that the training job's metric definitions look for."""
        return f"{split}:loss={self.loss:.6f} {split}:accuracy={self.accuracy:.6f}"


_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)


class Progress:
    """Of the one worker that tells; the others are silent."""

    def __init__(self, cluster: Cluster, logs: Path) -> None:
        self._tells = cluster.chief
        self._logs = logs
        self._boards: dict[str, Any] = {}

    def line(self, text: str) -> None:
        if self._tells:
            print(text, flush=True)

    def curves(self, scores: dict[str, Score], step: int) -> None:
        """Curves of TensorBoard, those of all splits in one picture each."""
        if not self._tells:
            return
        for split, score in scores.items():
            if split not in self._boards:
                self._boards[split] = tf.summary.create_file_writer(str(self._logs / split))
            with self._boards[split].as_default(step):
                for name, value in vars(score).items():
                    # As tf.summary.scalar, which needs the package tensorboard
                    tf.summary.write(name, tf.constant(value), metadata=_SCALAR)
                tf.summary.flush()
