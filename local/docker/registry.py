"""`docker login` and `docker push` against the local ECR, with the build role's credentials.

The calls are those that a push to Amazon ECR needs permission for (Amazon ECR User Guide, "IAM
permissions for pushing an image").
"""

import base64
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import images
from local.docker.store import MANIFEST, digest, pack
from local.refusals import unsupported

PART = 10 << 20


class RegistryError(Exception):
    """Refused; the message is what docker prints."""


def check_login(user: str, password: str, registry: str) -> None:
    """Accept what GetAuthorizationToken gives; raises RegistryError."""
    answer = _ecr().get_authorization_token()["authorizationData"][0]
    expected = base64.b64decode(answer["authorizationToken"]).decode()
    host = answer["proxyEndpoint"].removeprefix("https://")
    if f"{user}:{password}" != expected or registry.removesuffix(".cn") != host.removesuffix(".cn"):
        raise RegistryError(
            f"Error response from daemon: login attempt to https://{registry}/v2/ "
            "failed with status: 400 Bad Request"
        )


def split(reference: str) -> tuple[str, str, str]:
    """(registry, repository, tag); raises RegistryError for a registry that is not ECR."""
    match = images.URI.fullmatch(reference)
    if not match or match["digest"]:
        raise RegistryError(unsupported(f"denied: a push to {reference}", "Amazon ECR"))
    return match["registry"], match["repository"], match["tag"] or "latest"


def push(image: Path, repository: str, tag: str, store: Path) -> str:
    """Upload blobs and manifest, keep the content by digest; the digest, or RegistryError."""
    packed = pack(image)
    ecr = _ecr()
    try:
        for blob in packed.blobs:
            _upload(ecr, repository, blob)
        images.add(repository, packed.digest, image, store)
        ecr.put_image(
            repositoryName=repository,
            imageTag=tag,
            imageManifest=packed.manifest,
            imageManifestMediaType=MANIFEST,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("ImageAlreadyExistsException", "ImageTagAlreadyExistsException"):
            raise RegistryError(
                f"tag invalid: The image tag '{tag}' already exists in the '{repository}' "
                "repository and cannot be overwritten because the tag is immutable."
            ) from None
        raise RegistryError(f"denied: {code}: {error.response['Error']['Message']}") from None
    return packed.digest


def _upload(ecr: Any, repository: str, blob: bytes) -> None:
    name = digest(blob)
    (known,) = ecr.batch_check_layer_availability(repositoryName=repository, layerDigests=[name])[
        "layers"
    ] or [{}]
    if known.get("layerAvailability") == "AVAILABLE":
        return
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    for first in range(0, len(blob), PART):
        part = blob[first : first + PART]
        ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=upload,
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
    ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[name])


def _ecr() -> Any:
    import boto3  # which `docker build`, the most frequent command, would wait for in vain

    return boto3.client("ecr")
