"""Request bodies to examples, by content type."""

from collections.abc import Callable

import numpy as np

from serving import arrays, rows
from serving.examples import Examples, Shape, Unreadable

MOST_EXAMPLES = 4096


def _pictures(body: bytes, shape: Shape) -> Examples:
    from serving import pictures  # Pillow takes 30 ms, which only a server has use for

    return pictures.read(body, shape)


DECODERS: dict[str, Callable[[bytes, Shape], Examples]] = {
    "application/json": rows.read,
    "application/x-npy": arrays.read,
    "image/png": _pictures,
    "image/jpeg": _pictures,
}


def decode(media: str, body: bytes, shape: Shape) -> Examples:
    """At least one example, finite numbers only. Raises Unreadable."""
    with np.errstate(over="ignore"):
        examples = DECODERS[media](body, shape)
    if not 1 <= len(examples) <= MOST_EXAMPLES:
        raise Unreadable(f"{len(examples):,} examples, expected 1 to {MOST_EXAMPLES:,}")
    if not np.isfinite(examples).all():
        raise Unreadable("the numbers must be finite and in the range of float32")
    return examples
