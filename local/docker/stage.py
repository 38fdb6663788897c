"""One stage of a Dockerfile: its file system and its configuration as they grow."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.docker.dockerfile import expand

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Stage:
    root: Path
    arguments: dict[str, str]
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH})
    workdir: str = "/"
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def expand(self, text: str) -> str:
        return expand(text, {**self.arguments, **self.environment})

    def config(self) -> dict[str, Any]:
        """As `docker inspect` names it."""
        return {
            "Env": self.environment,
            "WorkingDir": self.workdir,
            "Labels": self.labels,
            "ExposedPorts": self.ports,
            "User": self.user,
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
        }
