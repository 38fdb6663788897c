"""Work that goes on after a request was answered."""

import threading
import traceback
from collections.abc import Callable
from typing import Any


def background(work: Callable[..., Any], *arguments: Any) -> threading.Thread:
    """Run `work` in a daemon thread; what it raises is printed in the endpoint's log."""

    def run() -> None:
        try:
            work(*arguments)
        except Exception:
            traceback.print_exc()

    thread = threading.Thread(target=run, daemon=True, name=work.__name__)
    thread.start()
    return thread
