"""What a stack has taken of the machine's memory goes back once it is deleted."""

import ctypes
import gc
import time
from contextlib import suppress

from local import credentials

SETTLED = 5.0  # seconds: whoever deletes a stack goes on with what the stack has kept


def give_back() -> None:
    """Of a deleted stack: the clients of its roles; what only the collector finds, which looks
    seldom (`__main__`); and the pages that are free by then, which the C library keeps otherwise,
    those of ended threads above all (malloc_trim(3), glibc)."""
    time.sleep(SETTLED)
    credentials.forget_clients()
    gc.collect()
    with suppress(AttributeError):  # not glibc's
        ctypes.CDLL(None).malloc_trim(0)
