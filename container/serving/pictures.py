"""PNG and JPEG pictures, for a model that takes height x width x 1 or 3."""

import contextlib
import io
from collections.abc import Iterator
from itertools import islice

import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from serving.examples import Examples, Shape, Unreadable

MODES = {1: "L", 3: "RGB"}
# A PNG's texts are unpacked before its size is known
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1024 * 1024
EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}

PNG, PIXELS, SCAN = b"\x89PNG\r\n\x1a\n", b"IDAT", 0xDA
# Pillow takes microseconds for each, and a body has room for a million. Cameras and editors write
# some 20, of at most 64 KB in a JPEG
MOST_PARTS = 200
MOST_PIXEL_PARTS = 6000  # of a PNG: a body of 6 MB in pieces of 1 KB
# A JPEG's markers that nothing belongs to, as Pillow sees it: 0xC8 and from 0xF0 on against the
# standard, which reserves them
ALONE = {0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}
# Frames and tables, of which Pillow takes one segment apart into thousands of pieces: each so many
# bytes, as a table of quantization has, are a part
DIVIDED, PIECE_BYTES = {*range(0xC0, 0xD0), 0xDB, 0xDE}, 65
PHOTOSHOP = b"8BIM"  # begins each piece of another such segment


def read(body: bytes, shape: Shape) -> Examples:
    """One example, numbers from 0 to 255. A picture of another size is refused undecoded.

    Raises Unreadable.
    """
    if len(shape) != 3 or shape[2] not in MODES:
        raise Unreadable(f"the model takes no pictures but numbers of shape {shape}")
    if _has_too_many_parts(body):
        raise Unreadable(
            f"the picture has more than {MOST_PARTS} parts beside its pixels, or these in more "
            f"than {MOST_PIXEL_PARTS:,}: save it again, without what it tells about itself"
        )
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


def warm() -> None:
    """Pillow loads its readers with the first picture, which would wait 45 to 110 ms for them."""
    for form in ("PNG", "JPEG"):
        file = io.BytesIO()
        # A Pillow may be built without one, and then refuses such pictures
        with contextlib.suppress(OSError, KeyError, Unreadable):
            Image.new("RGB", (1, 1)).save(file, form)
            read(file.getvalue(), (1, 1, 3))


def _has_too_many_parts(body: bytes) -> bool:
    """A few thousand steps at most, whatever the body is."""
    if not body.startswith(PNG):
        # Each scan is a pass over all pixels
        most = max(map(body.count, (bytes([0xFF, SCAN]), PHOTOSHOP)))
        return most > MOST_PARTS or _more(_before_scan(body), MOST_PARTS)
    kinds = list(islice(_chunks(body), MOST_PARTS + MOST_PIXEL_PARTS + 1))
    pixels = kinds.count(PIXELS)
    return pixels > MOST_PIXEL_PARTS or len(kinds) - pixels > MOST_PARTS


def _more(parts: Iterator[object], most: int) -> bool:
    return sum(1 for _ in islice(parts, most + 1)) > most


def _chunks(body: bytes) -> Iterator[bytes]:
    """The kinds of a PNG's chunks. (Portable Network Graphics, section 5.3)"""
    at = len(PNG)
    while at + 8 <= len(body):
        yield body[at + 4 : at + 8]
        at += 12 + int.from_bytes(body[at : at + 4])


def _before_scan(body: bytes) -> Iterator[int]:
    """Where a JPEG's parts begin, up to its pixels; a byte between them counts as one, for so
    Pillow takes them. (ITU-T T.81, annex B)
    """
    at = 2
    while at + 4 <= len(body):
        yield at
        marker = body[at + 1]
        if body[at] != 0xFF or marker in (0, 0xFF):
            at += 1
        elif marker == SCAN:
            return
        else:
            at += 2
            if marker not in ALONE:
                length = max(2, int.from_bytes(body[at : at + 2]))
                if marker in DIVIDED:
                    yield from range(at + PIECE_BYTES, at + length, PIECE_BYTES)
                at += length
