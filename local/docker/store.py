"""The images and logins of one build's `docker`, as a daemon would hold them, and their digests.

An image is a folder with root/ and config.json. Its manifest is deterministic: the same files and
configuration give the same digest. It is Docker's image manifest version 2, schema 2 (OCI
distribution, "Image Manifest V 2, Schema 2") with one layer, the uncompressed tar of the files with
owner and times set to zero.
"""

import hashlib
import io
import json
import shutil
import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


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
        identifier = pack(image).digest.removeprefix("sha256:")
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


@dataclass(frozen=True)
class Packed:
    """A manifest's text and the two blobs it names."""

    manifest: str
    blobs: tuple[bytes, bytes]

    @property
    def digest(self) -> str:
        return digest(self.manifest.encode())


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def pack(image: Path) -> Packed:
    """The manifest and blobs of a built image (a folder with root/ and config.json)."""
    layer = _tar(image / "root")
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": json.loads((image / "config.json").read_text()),
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        },
        sort_keys=True,
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer)],
        },
        indent=3,
    )
    return Packed(manifest, (config, layer))


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(content), "digest": digest(content)}


def _tar(root: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            info = archive.gettarinfo(path, path.relative_to(root).as_posix())
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = 0
            info.mode = 0o755 if info.mode & 0o100 else 0o644
            if info.isreg():
                with path.open("rb") as file:
                    archive.addfile(info, file)
            else:
                archive.addfile(info)
    return out.getvalue()
