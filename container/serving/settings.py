"""How the server runs, from its environment and the machine."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MOST_BY_DEFAULT = 4  # workers: each has the model and some 40 MB besides
MOST_WORKERS = 64
ENGINES = ("auto", "onnxruntime", "tensorflow")
# SageMaker hands on what is visible ASCII (InvokeEndpoint, API Reference: CustomAttributes)
_VERSION = re.compile(r"[!-~]{0,256}")


class BadSetting(ValueError):
    """A value that cannot be used; the text names it and what is expected."""


@dataclass(frozen=True)
class Settings:
    versions: Path  # a folder for each version of the model
    host: str
    port: int
    engine: str
    workers: int
    threads: int  # of the engine, in each worker
    access_log: bool
    version: str = ""  # what each answer says that it comes from, if it says so

    @classmethod
    def read(cls, environment: Mapping[str, str], cores: int) -> "Settings":
        """Raises BadSetting.

        To read a request and its JSON takes as long as the prediction of a small model, so a few
        workers use more cores than one with many threads.
        """

        def number(name: str, default: int, most: int) -> int:
            text = environment.get(name, str(default))
            if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
                raise BadSetting(f"{name} is {text!r}, expected a number from 1 to {most}")
            return int(text)

        def choice(name: str, *known: str) -> str:
            text = environment.get(name, known[0])
            if text not in known:
                raise BadSetting(f"{name} is {text!r}, expected one of {', '.join(known)}")
            return text

        version = environment.get("MODEL_VERSION", "")
        if not _VERSION.fullmatch(version):
            raise BadSetting(
                f"MODEL_VERSION is {version[:300]!r}, expected at most 256 visible characters of "
                "ASCII, without spaces"
            )
        workers = number("SERVE_WORKERS", min(cores, MOST_BY_DEFAULT), MOST_WORKERS)
        return cls(
            versions=Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model/export/Servo",
            host=environment.get("SERVE_HOST", "127.0.0.1"),
            port=number("SAGEMAKER_BIND_TO_PORT", 8080, 65535),
            engine=choice("SERVE_ENGINE", *ENGINES),
            workers=workers,
            threads=number("SERVE_THREADS", max(1, cores // workers), 256),
            access_log=choice("SERVE_ACCESS_LOG", "on", "off") == "on",
            version=version,
        )


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """What this process may use: fewer than the machine has, in a container with a limit."""
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        found = os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return min(found, math.ceil(int(allowed) / int(period)))
    except (OSError, ValueError):  # no cgroup of version 2, or "max": no limit
        return found
