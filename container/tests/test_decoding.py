"""What is read from request bodies, and what is refused."""

import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from decoding import Unreadable, from_json, from_picture

PIXEL = [0, 0, 0]
IMAGE = [[PIXEL] * 32] * 32


def instances(pixel_value: object) -> bytes:
    """A request for one image whose numbers are all the same."""
    return json.dumps({"instances": [[[[pixel_value] * 3] * 32] * 32]}).encode()


def picture(form: str, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 7).save(file, form)
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises an enormous picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_json_numbers_become_images_as_they_are() -> None:
    images = from_json(json.dumps({"instances": [IMAGE, [[[1, 2.5, 255]] * 32] * 32]}).encode())
    assert images.shape == (2, 32, 32, 3)
    assert images.dtype == np.float32
    assert images[1, 31, 31].tolist() == [1, 2.5, 255]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b'{"instances": [', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", 'named "instances"'),
        (b'{"images": []}', 'named "instances"'),
        (b'{"instances": 5}', 'named "instances"'),
        (b'{"instances": []}', "shape (0,)"),
        (json.dumps({"instances": IMAGE}).encode(), "shape (32, 32, 3)"),
        (json.dumps({"instances": [IMAGE, [PIXEL]]}).encode(), "differ in shape"),
        (instances("0"), "not all numbers"),
        (instances(None), "not all numbers"),
        (instances(10**400), "not all numbers"),
        (instances(float("nan")), "0 to 255"),
        (instances(256), "0 to 255"),
        (instances(-1), "0 to 255"),
    ],
)
def test_json_that_holds_no_images_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(reason)):
        from_json(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"GIF89a", "cannot be read"),
        (picture("PNG")[:60], "cannot be read"),
        (picture("GIF"), "cannot be read"),
        (picture("PNG", (640, 480)), "640x480 pixels, expected 32x32"),
        (png_that_claims(10**4, 10**3), "10000x1000 pixels, expected 32x32"),
        (png_that_claims(10**5, 10**5), "decompression bomb"),
    ],
)
def test_an_unusable_picture_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(reason)):
        from_picture(body)


@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "RGBA"), ("JPEG", "RGB")])
def test_pictures_of_every_usual_kind_are_taken_in_colour(form: str, mode: str) -> None:
    images = from_picture(picture(form, mode=mode))
    assert images.shape == (1, 32, 32, 3)
    assert images.dtype == np.float32


def test_the_pixels_of_a_picture_keep_their_place_and_colour() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert (from_picture(file.getvalue())[0] == pixels).all()
