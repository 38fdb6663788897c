"""Ports of this machine, where the instances of a job would each have their own."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator

# Below those that systems give to outgoing connections (Linux: 32768 to 60999, kernel
# documentation, ip_local_port_range; macOS: from 49152), which would take one in between
RANGE = range(20_000, 32_768)

_lock = threading.Lock()
_lent: set[int] = set()


@contextlib.contextmanager
def lend(count: int) -> Iterator[list[int]]:
    """Free ports, which no other job gets while the block runs."""
    found: list[int] = []
    with _lock:
        for port in random.sample(RANGE, len(RANGE)):
            if len(found) == count:
                break
            if port not in _lent and _free(port):
                found.append(port)
        _lent.update(found)
    try:
        yield found
    finally:
        with _lock:
            _lent.difference_update(found)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
