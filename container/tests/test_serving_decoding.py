"""What is read from request bodies, and what is refused."""

import io
import json
import random
import re
import struct
import zlib

import numpy as np
import pytest
import simdjson
from bodies import instances, npy, npy_that_claims, picture, png_that_claims, read_json
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

from serving import pictures, rows
from serving.decoding import MOST_EXAMPLES, decode
from serving.examples import Unreadable

SHAPE = (2, 3)
ONE = [[1, 2.5, -3], [4e2, 0, 255]]


def refused(media: str, body: bytes, reason: str, shape: tuple[int, ...] = SHAPE) -> None:
    with pytest.raises(Unreadable, match=re.escape(reason)):
        decode(media, body, shape)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"instances": [ONE, ONE]}),
        json.dumps({"instances": [ONE, ONE]}, indent=1),
        json.dumps({"signature_name": "serving_default", "instances": [ONE, ONE]}),
        json.dumps({"instances": [ONE, ONE], "signature_name": "serving_default"}),
        json.dumps({"instances": [{"inputs": ONE}, ONE]}),
    ],
)
def test_every_form_of_tensorflow_servings_rows_gives_the_same_numbers(body: str) -> None:
    examples = decode("application/json", body.encode(), SHAPE)
    assert examples.dtype == np.float32
    assert examples.tolist() == [ONE, ONE]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b'{"instances": [', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1, 2]", 'named "instances"'),
        (b'{"inputs": [[[1, 2, 3], [4, 5, 6]]]}', 'named "instances"'),
        (b'{"instances": 5}', 'named "instances"'),
        (b'{"instances": []}', "0 examples, expected 1 to 4,096"),
        (b'{"signature_name": "other", "instances": []}', '"serving_default"'),
        (instances(ONE), "instances[0] holds 3 values, expected 2"),
        (instances([1, 2]), "instances[0] is not a list of 2 values"),
        (b'{"instances": [[[1, 2], [3, 4, 5, 6]]]}', "instances[0][0] holds 2 values, expected 3"),
        (b'{"instances": [[[1, 2, 3, 4, 5, 6]]]}', "instances[0] holds 1 values, expected 2"),
        (b'{"instances": [[[1, 2, 3], [4, 5]], [[6]]]}', "instances[0][1] holds 2 values"),
        (b'{"instances": [[[1, 2, 3], [4, "5", 6]]]}', "instances[0][1][1] is not a number"),
        (b'{"instances": [[[1, 2, 3], [4, null, 6]]]}', "instances[0][1][1] is not a number"),
        (b'{"instances": [[[1, 2, 3], [4, true, 6]]]}', "instances[0][1][1] is not a number"),
        (b'{"instances": [[[1, 2, 3], [4, [5], 6]]]}', "instances[0][1][1] is not a number"),
        (b'{"instances": [[[1, 2, 3], [4, {"b64": "AA=="}, 6]]]}', "is not a number"),
        (b'{"instances": [[[1, 2, 3], [4, NaN, 6]]]}', "not JSON"),
        (b'{"instances": [[[1, 2, 3], [4, 1e400, 6]]]}', "not JSON"),
        (b'{"instances": [[[1, 2, 3], [4, 1e39, 6]]]}', "finite and in the range of float32"),
        (b'{"instances": [[[1, 2, 3], [4 5, 6]]]}', "not JSON"),
        (b'{"inst1ances": [[[1, 2, 3], [4, 5, 6]]]}', 'named "instances"'),
    ],
)
def test_json_that_holds_no_examples_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    refused("application/json", body, reason)


def test_an_integer_too_large_for_64_bits_is_a_number_nevertheless() -> None:
    examples = decode("application/json", b'{"instances": [100000000000000000000000]}', ())
    assert examples.tolist() == [np.float32(1e23)]


@pytest.mark.parametrize("body", [b'{"instances": [[]]}', b'{"instances": [[1], []]}'])
def test_an_empty_place_is_no_number(body: bytes) -> None:
    refused("application/json", body, "holds 0 values, expected 1", shape=(1,))


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (1, 2, 1)])
def test_damaged_json_is_read_as_the_standard_library_reads_it(shape: tuple[int, ...]) -> None:
    chance = random.Random(0)
    pieces = [*b'[ ] [] ][ ],[ , 1 12 - e9 . 0 { } " null 1] [1 true'.split(b" "), b"", b" ", b"\n"]
    whole = instances(np.arange(2 * int(np.prod(shape))).reshape(2, *shape) / 2)
    accepted = 0
    for _ in range(3000):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(body))
            body[at : at + chance.randint(0, 2)] = chance.choice(pieces)
        expected = read_json(bytes(body), shape)
        try:
            found = decode("application/json", bytes(body), shape)
        except Unreadable:
            assert expected is None, body
        else:
            assert expected is not None, body
            np.testing.assert_array_equal(found, expected)
            accepted += 1
    assert 50 < accepted < 2000


def test_a_large_body_is_read_in_pieces_to_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No other thread runs while the parser does."""
    sizes: list[int] = []

    class Parser(simdjson.Parser):
        def parse(self, data: bytes) -> object:  # type: ignore[override]
            sizes.append(len(data))
            return super().parse(data)

    monkeypatch.setattr(simdjson, "Parser", Parser)
    values = np.random.default_rng(0).integers(0, 256, (500, 4, 5, 3))
    body = json.dumps({"instances": values.tolist()}, indent=1).encode()
    np.testing.assert_array_equal(decode("application/json", body, (4, 5, 3)), values)
    assert sum(sizes) >= len(body) - 20 > 4 * rows.PIECE_BYTES
    assert max(sizes) <= 1.1 * rows.PIECE_BYTES


def test_a_large_body_must_have_the_plain_form() -> None:
    values = np.full((2000, 50), 1.25).tolist()
    values[1500].pop()
    body = json.dumps({"instances": values}).encode()
    refused("application/json", body, 'must be {"instances": [...]} of shape (n, 50)', (50,))


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "i8", "f2", "f4", ">f4", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_number_and_order_are_taken(dtype: str, order: str) -> None:
    array = np.asarray(np.arange(12).reshape(2, 2, 3), dtype, order=order)  # type: ignore[call-overload]
    examples = decode("application/x-npy", npy(array), SHAPE)
    assert examples.dtype == np.float32
    assert examples.flags.c_contiguous
    np.testing.assert_array_equal(examples, array)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not an npy file"),
        (b"\x93NUMPY", "not an npy file"),
        (npy_that_claims("{"), "not an npy file"),
        (npy_that_claims("(" * 100), "not an npy file"),
        (npy_that_claims("{'descr': '<f4', 'shape': (1, 2, 3)}"), "not an npy file"),
        (npy_that_claims("{}", version=b"\3\0"), "of version 3.0, expected 1.0 or 2.0"),
        (b"PK\3\4" + b"0" * 99, "not an npy file, but a zip file, such as npz: send one array"),
        (npy(np.array([[["a", "b", "c"]] * 2])), "the array is of <U1"),
        (npy(np.array([[[True] * 3] * 2])), "the array is of bool"),
        (npy(np.array([[[1j] * 3] * 2])), "the array is of complex128"),
        (npy(np.zeros((1, 2), [("a", "f4", (3,))])), "the array is of ["),
        (npy(np.zeros(SHAPE)), "the array has shape (2, 3), expected (n, 2, 3)"),
        (npy(np.zeros((6,))), "the array has shape (6,)"),
        (npy(np.zeros((0, 2, 3))), "0 examples"),
        (npy(np.zeros((MOST_EXAMPLES + 1, 2, 3))), "4,097 examples, expected 1 to 4,096"),
        (npy(np.zeros((1, 2, 3)))[:-1], "should have 48 bytes, but 47 follow"),
        (npy(np.zeros((1, 2, 3))) + b"0", "should have 48 bytes, but 49 follow"),
        (npy(np.full((1, 2, 3), np.nan)), "must be finite"),
        (npy(np.full((1, 2, 3), 1e39)), "in the range of float32"),
        (
            npy_that_claims("{'descr': '<f4', 'fortran_order': False, 'shape': (10**12, 2, 3)}"),
            "not an npy file",
        ),
        (
            npy_that_claims(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 2, 3)}"
            ),
            "should have 24,000,000,000,000 bytes, but 0 follow",
        ),
        (
            npy_that_claims("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 3)}"),
            "the array's shape is none",
        ),
        *(
            (
                npy_that_claims(
                    f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size}, 2, 3)}}"
                ),
                reason,
            )
            for size, reason in [
                ("0x" + "f" * 350, "the array's shape is none"),
                ("True", "the array's shape is none"),
                ("9" * 390, "the array's shape is none"),
            ]
        ),
        (
            npy_that_claims(f"{{'descr': '{'f4,' * 200}', 'fortran_order': False, 'shape': (1,)}}"),
            "is not an npy file: its header names no type",
        ),
    ],
)
def test_an_npy_body_that_holds_no_examples_is_refused_with_the_reason(
    body: bytes, reason: str
) -> None:
    refused("application/x-npy", body, reason)


def test_an_array_of_objects_is_refused_before_anything_is_unpickled() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("unpickled",))

    refused("application/x-npy", npy(np.array([[[Trap()] * 3] * 2])), "the array is of object")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "cannot be read"),
        (b"GIF89a", "cannot be read"),
        (picture("PNG", (32, 16))[:60], "cannot be read: it is damaged or cut short"),
        (picture("GIF"), "cannot be read"),
        (picture("PNG", (640, 480)), "640x480 pixels, expected 32x16"),
        (png_that_claims(10**4, 10**3), "10000x1000 pixels, expected 32x16"),
        (png_that_claims(10**5, 10**5), "cannot be read: it has too many pixels"),
        (picture("PNG", (32, 16), mode="I;16"), "more than 8 bits a colour"),
    ],
)
def test_an_unusable_picture_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    refused("image/png", body, reason, shape=(16, 32, 3))


@pytest.mark.parametrize("shape", [(13,), (32, 32), (32, 32, 4), (2, 32, 32, 3)])
def test_a_model_that_takes_no_pictures_says_so(shape: tuple[int, ...]) -> None:
    refused("image/png", picture("PNG"), f"takes no pictures but numbers of shape {shape}", shape)


@pytest.mark.parametrize(("form", "mode"), [("PNG", "L"), ("PNG", "RGBA"), ("JPEG", "CMYK")])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_usual_kind_are_taken_in_the_colours_of_the_model(
    form: str, mode: str, channels: int
) -> None:
    examples = decode("image/png", picture(form, mode=mode), (32, 32, channels))
    assert examples.shape == (1, 32, 32, channels)
    assert examples.dtype == np.float32


def test_the_pixels_of_a_picture_keep_their_place_and_colour() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert (decode("image/jpeg", file.getvalue(), (16, 32, 3))[0] == pixels).all()


def told_about(form: str) -> bytes:
    """A picture with all that cameras and editors write beside the pixels."""
    file, texts, exif = io.BytesIO(), PngImagePlugin.PngInfo(), Image.Exif()
    for number in range(20):
        texts.add_text(f"key {number}", "text" * 100, zip=number % 2 == 0)
    exif[ExifTags.Base.ImageDescription] = "x" * 30_000
    profile = random.Random(0).randbytes(400_000)  # seven segments of a JPEG
    Image.new("RGB", (32, 32)).save(
        file, form, pnginfo=texts, exif=exif, icc_profile=profile, comment=b"c", progressive=True
    )
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_picture_may_tell_about_itself(form: str) -> None:
    assert decode("image/png", told_about(form), (32, 32, 3)).shape == (1, 32, 32, 3)


CHUNK = struct.pack(">I4sI", 0, b"abCd", zlib.crc32(b"abCd"))
NO_PIXELS = struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize(
    ("form", "at", "part"),
    [
        ("PNG", 33, CHUNK),  # behind the header
        ("PNG", -12, CHUNK),  # before the end
        ("PNG", 33, NO_PIXELS),
        *(("JPEG", 2, part) for part in (b"\xff\xfe\0\2", b"\xff\xe1\0\2", b"\xff", b"\0")),
        ("JPEG", 2, b"\xff\xd8"),
        ("JPEG", 2, b"\xff\xf0\xff\xff" + 7 * b"\xff\xe1\0\2"),
        ("JPEG", -2, b"\xff\xda\0\2"),
    ],
)
def test_a_picture_is_not_read_for_seconds_before_its_pixels(
    form: str, at: int, part: bytes
) -> None:
    plain = picture(form)
    body = plain[:at] + 7000 * part + plain[at:]
    refused("image/png", body, "more than 200 parts beside its pixels", (32, 32, 3))


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


@pytest.mark.parametrize(
    "part",
    [
        segment(0xC0, b"\x08\0\x20\0\x20\3" + 21_000 * b"\1\x11\0"),  # colours of a frame
        segment(0xDB, 1000 * (b"\0" + 64 * b"\1")),  # tables of quantization
        segment(0xED, b"Photoshop 3.0\0" + 5000 * (b"8BIM" + bytes(8))),
    ],
)
def test_what_pillow_takes_apart_counts_as_many_parts(part: bytes) -> None:
    plain = picture("JPEG")
    refused("image/jpeg", plain[:2] + part + plain[2:], "more than 200 parts", (32, 32, 3))


def test_a_jpegs_markers_are_followed_by_what_pillow_takes_with_them() -> None:
    """Any other marker, such as 0xFF01, ends its reading."""
    alone = {code & 0xFF for code, (_, _, take) in JpegImagePlugin.MARKER.items() if take is None}
    assert alone == pictures.ALONE
