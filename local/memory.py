"""What a stack has taken of the machine's memory goes back once it is deleted."""

import ctypes
import gc
import time
from contextlib import suppress

SETTLED = 5.0  # seconds: whoever deletes a stack goes on with what the stack has kept
LARGE = 128 * 1024  # bytes
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # glibc's malloc.h


def begin() -> None:
    """One heap for all threads, and what is large beside it: of the sixteen that two cores have by
    themselves, each keeps pages for whatever small thing is left on one (mallopt(3), glibc)."""
    with suppress(AttributeError):  # not glibc's
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Of a deleted stack: the clients of its roles; what only the collector finds, which looks
    seldom (`__main__`); and the pages that are free by then (malloc_trim(3), glibc)."""
    from local.credentials import forget_clients

    time.sleep(SETTLED)
    forget_clients()
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
