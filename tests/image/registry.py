"""A registry on this machine, of the program that also is the official `registry` image."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("docker-registry", "registry")  # Debian's name, and the image's
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


def installed() -> str | None:
    return next((found for found in map(shutil.which, PROGRAMS) if found), None)


@dataclass(frozen=True)
class LocalRegistry:
    host: str

    def digest(self, repository: str, tag: str) -> str:
        """Of a manifest; nothing else, such as a list of manifests, is found."""
        connection = http.client.HTTPConnection(self.host)
        headers = {"Accept": ", ".join(MANIFESTS)}
        connection.request("GET", f"/v2/{repository}/manifests/{tag}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        assert json.loads(body)["layers"]
        return answer.headers["Docker-Content-Digest"]

    def complete(self, repository: str, digest: str) -> bool:
        """Whether the registry itself has every layer of a manifest."""
        connection = http.client.HTTPConnection(self.host)
        headers = {"Accept": ", ".join(MANIFESTS)}
        connection.request("GET", f"/v2/{repository}/manifests/{digest}", headers=headers)
        manifest = json.loads(connection.getresponse().read())
        for blob in (manifest["config"], *manifest["layers"]):
            connection.request("HEAD", f"/v2/{repository}/blobs/{blob['digest']}")
            answer = connection.getresponse()
            answer.read()
            if (answer.status, answer.headers["Content-Length"]) != (200, str(blob["size"])):
                return False
        return True


@contextmanager
def running(program: str, folder: Path) -> Iterator[LocalRegistry]:
    """Docker and podman take 127.0.0.1 without TLS, podman if it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": host},
    }
    file = folder / "registry.yml"
    file.write_text(json.dumps(configuration))  # JSON is YAML
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(file)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not _answers(host):
            assert time.monotonic() < deadline, (folder / "registry.log").read_text()
            time.sleep(0.1)
        yield LocalRegistry(host)
    finally:
        process.terminate()
        process.wait()


def _answers(host: str) -> bool:
    try:
        http.client.HTTPConnection(host, timeout=5).request("GET", "/v2/")
    except OSError:
        return False
    return True
