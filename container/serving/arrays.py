"""NumPy's npy format: the most compact form of a request."""

import io
from math import prod

import numpy as np

from serving.examples import Examples, Shape, Unreadable, batch_of

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(body: bytes, shape: Shape) -> Examples:
    """Integers and floats of any size. Nothing is allocated for what a header only claims.

    Raises Unreadable.
    """
    file = io.BytesIO(body)
    try:
        found, fortran, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # the header is a Python literal and can be wrong in any way
        raise Unreadable(f"the body is not an npy file: {error!r}") from None
    if dtype.kind not in "iuf":
        raise Unreadable(f"the array is of {dtype}, expected integers or floats")
    if found[1:] != shape:
        raise Unreadable(f"the array has shape {found}, expected {batch_of(shape)}")
    if prod(found) * dtype.itemsize != len(body) - file.tell():
        raise Unreadable(
            f"the array should have {prod(found) * dtype.itemsize:,} bytes, "
            f"but {len(body) - file.tell():,} follow the header"
        )
    values = np.frombuffer(body, dtype, offset=file.tell())
    return np.ascontiguousarray(values.reshape(found, order="F" if fortran else "C"), np.float32)
