"""Inputs of a model as pictures within the page."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# The longer side: 24 of noise, which nothing compresses, take 1.2 MB of the page
MOST_PIXELS = 112

Floats = NDArray[np.float32]


def are_pictures(shape: tuple[int, ...]) -> bool:
    """[height, width, 1 or 3]"""
    return len(shape) == 3 and shape[2] in (1, 3) and min(shape) > 0


def data_uris(inputs: Sequence[Floats]) -> list[str]:
    """A PNG each. The model's scale is not known: 0 to 255 or 0 to 1 where all fit, else all."""
    if not inputs:
        return []
    clean = [np.nan_to_num(one, posinf=0, neginf=0).astype(np.float64) for one in inputs]
    low, high = min(one.min() for one in clean), max(one.max() for one in clean)
    if low >= 0 and high <= 255:
        low, high = 0, 255 if high > 1 else 1
    scale = 255 / ((high - low) or 1)
    return [_png(((one - low) * scale).round().astype(np.uint8)) for one in clean]


def _png(pixels: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((MOST_PIXELS, MOST_PIXELS))
    file = io.BytesIO()
    picture.save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
