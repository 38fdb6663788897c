"""PNG and JPEG pictures, for a model that takes height x width x 1 or 3."""

import io

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from serving.examples import Examples, Shape, Unreadable

MODES = {1: "L", 3: "RGB"}
# A PNG's texts are unpacked before its size is known
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1024 * 1024
EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


def read(body: bytes, shape: Shape) -> Examples:
    """One example, numbers from 0 to 255. A picture of another size is refused undecoded.

    Raises Unreadable.
    """
    if len(shape) != 3 or shape[2] not in MODES:
        raise Unreadable(f"the model takes no pictures but numbers of shape {shape}")
    try:
        picture = Image.open(io.BytesIO(body), formats=["PNG", "JPEG"])
        if picture.size == (shape[1], shape[0]) and picture.mode in EIGHT_BITS:
            return np.asarray(picture.convert(MODES[shape[2]]), np.float32).reshape(1, *shape)
    except UnidentifiedImageError:
        raise Unreadable("the picture cannot be read: it is no PNG or JPEG") from None
    except Image.DecompressionBombError:
        raise Unreadable("the picture cannot be read: it has too many pixels") from None
    # Pillow raises errors of many kinds for damaged files, SyntaxError and struct.error among them
    except Exception:
        raise Unreadable("the picture cannot be read: it is damaged or cut short") from None
    if picture.mode not in EIGHT_BITS:
        raise Unreadable(f"the picture has more than 8 bits a colour (mode {picture.mode})")
    width, height = picture.size
    raise Unreadable(
        f"the picture has {width}x{height} pixels, expected {shape[1]}x{shape[0]}: resize it first"
    )
