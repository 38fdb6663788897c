"""One instance of a training job: its /opt/ml, and the process that works in it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from local import processes
from local.background import background
from local.logs import LogStream


class Instance:
    """`status` is the exit status as a container runtime gives it, None before the end."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.ml = name, folder / name / "opt" / "ml"
        self.process: processes.Child | None = None
        self.status: int | None = None

    def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        environment: dict[str, str],
        log: LogStream,
        read: processes.LineHandler,
        ended: Callable[["Instance"], None],
    ) -> None:
        """Run the program; its lines go to the log and to `read`. Raises OSError."""

        def line(text: str) -> None:
            log.write(text)
            read(text)

        try:
            self.process = processes.start(argv, cwd, environment, line)
        except OSError:
            log.close()
            raise
        background(self._follow, self.process, log, ended)

    @property
    def failure(self) -> str:
        """What the program wrote of its failure."""
        file = self.ml / "output" / "failure"
        return file.read_text(errors="replace").strip() if file.is_file() else ""

    def _follow(
        self, process: processes.Child, log: LogStream, ended: Callable[["Instance"], None]
    ) -> None:
        status = process.wait() or 0
        log.close()
        self.status = 128 - status if status < 0 else status
        ended(self)
