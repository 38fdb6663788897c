"""Request bodies to images, and predictions to JSON in the shape of TensorFlow Serving."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.float32]  # [batch, 32, 32, 3] in 0..255

SHAPE = (32, 32, 3)


class Unreadable(ValueError):
    """A body that holds no images for the model; the text says why."""


def from_json(body: bytes) -> Images:
    """{"instances": [[32 rows of 32 pixels of 3 numbers], …]}."""
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the body is not JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("instances"), list):
        raise Unreadable('the body needs a list of images named "instances"')
    try:
        images = np.array(request["instances"])
    except ValueError:
        raise Unreadable("the images differ in shape; expected 32x32x3 numbers each") from None
    if images.shape[1:] != SHAPE:
        raise Unreadable(f"instances has shape {images.shape}, expected (n, 32, 32, 3)")
    if images.dtype.kind not in "iuf":
        raise Unreadable("the pixels are not all numbers")
    if not (images.min() >= 0 and images.max() <= 255):
        raise Unreadable("pixels must be from 0 to 255")
    return images.astype(np.float32)


def from_picture(body: bytes) -> Images:
    """A PNG or JPEG of 32x32 pixels; another size is refused before any pixel is decoded."""
    try:
        picture = Image.open(io.BytesIO(body), formats=["PNG", "JPEG"])
        if picture.size == SHAPE[:2]:
            return np.asarray(picture.convert("RGB"), np.float32)[None]
    # Pillow raises many kinds of errors for damaged files, SyntaxError and struct.error among them
    except Exception as error:
        raise Unreadable(f"the picture cannot be read: {error}") from None
    width, height = picture.size
    raise Unreadable(f"the picture has {width}x{height} pixels, expected 32x32: resize it first")


# By content type
DECODERS: dict[str, Callable[[bytes], Images]] = {
    "application/json": from_json,
    "image/png": from_picture,
    "image/jpeg": from_picture,
}
