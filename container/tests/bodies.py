"""Request bodies to test with, and a reading of JSON that shares nothing with the server's."""

import io
import json
import math
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

JSON = {"Content-Type": "application/json"}
NPY = {"Content-Type": "application/x-npy"}


def instances(values: Any) -> bytes:
    return json.dumps({"instances": np.asarray(values).tolist()}).encode()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_that_claims(header: str, version: bytes = b"\1\0", data: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


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


def read_json(body: bytes, shape: tuple[int, ...]) -> np.ndarray | None:
    """The examples of a body by the standard library alone; None where there are none."""
    try:
        request = json.loads(body.decode())
        rows = request["instances"]
        if not isinstance(rows, list) or not rows:
            return None
        if request.get("signature_name", "serving_default") != "serving_default":
            return None
        named = [row["inputs"] if _is_named(row) else row for row in rows]
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    if not _fits(named, (len(named), *shape)):
        return None
    return np.array(named, np.float64).astype(np.float32)


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and list(row) == ["inputs"]


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    """Nested lists of that shape, of numbers that float32 has."""
    if shape:
        return (
            isinstance(value, list)
            and len(value) == shape[0]
            and all(_fits(part, shape[1:]) for part in value)
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        # A float32 would be rounded up to infinity from here
        return abs(float(value)) < float.fromhex("0x1.ffffffp+127") and math.isfinite(value)
    except OverflowError:
        return False
