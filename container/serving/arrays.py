"""NumPy's npy format: the most compact form of a request."""

import io
from math import prod
from typing import Any

import numpy as np

from serving.examples import Examples, Shape, Unreadable, batch_of

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
HEADER_CHARACTERS = 512  # numpy itself writes some 120
MOST_OF_AN_AXIS = 2**48


def read(body: bytes, shape: Shape) -> Examples:
    """Integers and floats of any size. Nothing is allocated for what a header only claims.

    Raises Unreadable.
    """
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
    except ValueError:
        zipped = ", but a zip file, such as npz: send one array" if body[:2] == b"PK" else ""
        raise Unreadable(f"the body is not an npy file{zipped}") from None
    if version not in HEADERS:
        major, minor = version
        raise Unreadable(f"the body is an npy file of version {major}.{minor}, expected 1.0 or 2.0")
    try:
        header: Any = HEADERS[version]
        found, fortran, dtype = header(file, max_header_size=HEADER_CHARACTERS)
    except Exception:  # the header is a Python literal and can be wrong in any way
        raise Unreadable(
            "the body is not an npy file: its header names no type, order and shape in "
            f"{HEADER_CHARACTERS} characters"
        ) from None
    if dtype.kind not in "iuf":
        raise Unreadable(f"the array is of {dtype}, expected integers or floats")
    if not all(type(size) is int and 0 <= size < MOST_OF_AN_AXIS for size in found):
        raise Unreadable("the array's shape is none: expected whole numbers from 0")
    if found[1:] != shape:
        raise Unreadable(f"the array has shape {found}, expected {batch_of(shape)}")
    if prod(found) * dtype.itemsize != len(body) - file.tell():
        raise Unreadable(
            f"the array should have {prod(found) * dtype.itemsize:,} bytes, "
            f"but {len(body) - file.tell():,} follow the header"
        )
    values = np.frombuffer(body, dtype, offset=file.tell())
    return np.ascontiguousarray(values.reshape(found, order="F" if fortran else "C"), np.float32)
