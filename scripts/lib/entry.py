"""How a command begins: its module is imported within the guard, and its `main` is run there.

Each command calls this before it imports anything itself, so that nothing that can go wrong while
Python reads the libraries, a Ctrl-C in those seconds above all, is told as a traceback. What is
imported here is not guarded yet: it is little, and Python has most of it at hand.
"""

import os
import signal
import sys

TYPE_CHECKING = False  # as typing has it, which takes longer to import than all else here
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


def begin(module: str) -> "NoReturn":
    """Run a module's `main` and end the process with its status."""
    # Not where Ctrl-C is left to others, as behind `nohup` or a shell's `&`
    by_hand = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if by_hand:
        signal.signal(signal.SIGINT, _leave)
    from importlib import import_module

    from scripts.lib.guard import guarded

    def work() -> int:
        main = import_module(module).main
        if by_hand:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return int(main() or 0)
        except SystemExit as ended:  # argparse: the help was printed, or an option is wrong
            return int(ended.code or 0)

    # Of a command that has not come to its own guard yet, or has none
    code = guarded(work, "Run it again.")
    if by_hand:  # Python's own end takes a moment too
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


def _leave(number: int, frame: "FrameType | None") -> "NoReturn":
    """Go without an exception: an import that gets one half-way may turn it into something else."""
    os.write(2, b"\nStopped before it began: nothing was changed.\n")
    os._exit(130)
