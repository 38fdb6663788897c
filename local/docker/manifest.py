"""A deterministic image manifest: the same files and configuration give the same digest.

Docker image manifest version 2, schema 2 (OCI distribution, "Image Manifest V 2, Schema 2"): one
layer, the uncompressed tar of the files with owner and times set to zero.
"""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


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
