"""The images and logins of one build's `docker`, as a daemon would hold them."""

import json
import shutil
import uuid
from pathlib import Path

from local.docker import manifest


class Store:
    """Folder layout: <image id>/{root/,config.json}, tags.json, logins.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def scratch(self) -> Path:
        """A new folder for a build to work in."""
        path = self.folder / f"build-{uuid.uuid4()}"
        path.mkdir()
        return path

    def keep(self, image: Path, tags: list[str]) -> str:
        """Move a built image in under its id (hex of its manifest's digest) and tag it."""
        identifier = manifest.pack(image).digest.removeprefix("sha256:")
        if not (self.folder / identifier).exists():
            shutil.move(image, self.folder / identifier)
        for tag in tags:
            self.tag(identifier, tag)
        return identifier

    def tag(self, identifier: str, tag: str) -> None:
        self._write("tags.json", self._read("tags.json") | {_full(tag): identifier})

    def image(self, name: str) -> tuple[str, Path]:
        """(id, folder) by tag or id; raises LookupError in docker's words."""
        known = self._read("tags.json")
        identifier = known.get(_full(name), name.removeprefix("sha256:"))
        matches = (
            [
                path
                for path in self.folder.glob(f"{identifier}*")
                if (path / "config.json").is_file()
            ]
            if len(identifier) >= 12
            else []
        )
        if len(matches) != 1:
            raise LookupError(f"Error response from daemon: No such image: {name}")
        return matches[0].name, matches[0]

    def login(self, registry: str) -> None:
        self._write("logins.json", self._read("logins.json") | {registry: "AWS"})

    def logged_in(self, registry: str) -> bool:
        return registry in self._read("logins.json")

    def _read(self, name: str) -> dict[str, str]:
        path = self.folder / name
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _write(self, name: str, content: dict[str, str]) -> None:
        (self.folder / name).write_text(json.dumps(content))


def _full(tag: str) -> str:
    return tag if ":" in tag.rsplit("/", 1)[-1] else f"{tag}:latest"
