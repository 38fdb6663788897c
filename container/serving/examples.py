"""What a request brings: examples for the model."""

import numpy as np
from numpy.typing import NDArray

Examples = NDArray[np.float32]  # [n, *shape]
Shape = tuple[int, ...]  # of one example, from the model itself


class Unreadable(ValueError):
    """A body that holds no examples for the model; the text says why."""


def batch_of(shape: Shape) -> str:
    """(n, 32, 32, 3), for a reason."""
    return f"({', '.join(['n', *map(str, shape)])})"
