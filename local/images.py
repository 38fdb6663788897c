"""Image content by digest: what a registry's layers are to a container runtime.

The record of an image (tags, manifest) is ECR's; here lies its file system and configuration:
<home>/images/<repository>/<hex of the digest>/{root/,config.json}. The folder's name has no
`sha256:`, since a colon in a folder's name cannot stand in PATH.
"""

import json
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from local.context import current

URI = re.compile(
    r"(?P<registry>(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)"
    r"/(?P<repository>[a-z0-9._/-]+?)(:(?P<tag>[\w.-]{1,128}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
MANIFESTS = [f"application/vnd.docker.distribution.manifest.v{number}+json" for number in (1, 2)]


PULLS = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")


class ImageNotFound(LookupError):
    """As SageMaker words it: `Requested image <uri> not found.`"""

    def __init__(self, uri: str) -> None:
        super().__init__(f"Requested image {uri} not found.")


class UnsupportedManifest(ImageNotFound):
    """SageMaker runs images with Docker's manifests, and refuses OCI's and every list or index, in
    these words (github.com/aws/amazon-sagemaker-feedback, issue 180)."""

    def __init__(self, uri: str, kind: str) -> None:
        LookupError.__init__(
            self,
            f"Unsupported manifest media type {kind} for image {uri}. Ensure that valid manifest "
            "media type is used for specified image.",
        )


@dataclass(frozen=True)
class StoredImage:
    """An image's file system below `folder`, and how its Dockerfile configured it."""

    folder: Path
    environment: Mapping[str, str]
    workdir: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]

    def locate(self, path: str) -> Path:
        """Where an absolute path of the image lies on this machine."""
        return self.folder / path.lstrip("/")

    def program(self, name: str) -> Path | None:
        """The executable file that `docker run <image> <name>` would find on the image's PATH."""
        search = self.environment.get("PATH", "").split(":")
        found = (self.locate(f"{entry}/{name}") for entry in search if entry)
        return next((path for path in found if path.is_file()), None)


class ImageNotAllowed(Exception):
    """A role that may not pull the image, as SageMaker words it."""


def add(repository: str, digest: str, image: Path, store: Path) -> None:
    """Keep the content of a built image (a folder with root/ and config.json) by its digest."""
    target = store / repository / digest.removeprefix("sha256:")
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{uuid.uuid4()}")
    shutil.copytree(image, aside, symlinks=True)
    aside.rename(target)


def check_pull(uri: str, role: str) -> None:
    """Raises ImageNotAllowed unless the role may pull the image that `uri` names (SageMaker
    Developer Guide, "SageMaker AI execution roles", CreateTrainingJob API, CreateModel API). The
    words are those of public reports (github.com/aws/sagemaker-python-sdk, issue 2002)."""
    from local.authorization.ask import Ask
    from local.authorization.hold import may

    match = URI.fullmatch(uri)
    repository = current().arn("ecr", f"repository/{match['repository']}") if match else "*"
    asked = dict.fromkeys(PULLS, repository) | {"GetAuthorizationToken": "*"}
    for action, resource in asked.items():
        if not may(role, Ask(f"ecr:{action}", resource)):
            raise ImageNotAllowed(
                f"The role '{role}' does not have {action} permission for the image: '{uri}'."
            )


def resolve(uri: str) -> StoredImage:
    """The image that `uri` names by tag or digest, if ECR lists it; raises ImageNotFound, and
    UnsupportedManifest where it is listed."""
    from local import credentials  # loads moto; `add` runs in builds, which have no use for it

    match = URI.fullmatch(uri)
    here = current()
    if not match or (match["account"], match["region"]) != (here.account, here.region):
        raise ImageNotFound(uri)
    wanted = (
        {"imageDigest": match["digest"]}
        if match["digest"]
        else {"imageTag": match["tag"] or "latest"}
    )
    ecr = credentials.administrator().client("ecr")
    try:
        (detail,) = ecr.describe_images(repositoryName=match["repository"], imageIds=[wanted])[
            "imageDetails"
        ]
    except ClientError:
        raise ImageNotFound(uri) from None
    if detail["imageManifestMediaType"] not in MANIFESTS:
        raise UnsupportedManifest(uri, detail["imageManifestMediaType"])
    folder = here.home / "images" / match["repository"] / detail["imageDigest"].split(":")[1]
    if not folder.is_dir():
        raise ImageNotFound(uri)
    config = json.loads((folder / "config.json").read_text())
    return StoredImage(
        folder / "root",
        config["Env"],
        config["WorkingDir"],
        tuple(config["Entrypoint"]),
        tuple(config["Cmd"]),
    )
