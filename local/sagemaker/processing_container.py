"""What a processing container finds under /opt/ml, and what becomes of what it leaves there.

Source: SageMaker Developer Guide, "How to Build Your Own Processing Container".
"""

import codecs
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from local.sagemaker import container

ROOT = PurePosixPath("/opt/ml/processing")
MESSAGE_BYTES = 1024  # "the first 1 KB of this file"


def inside(local_path: str) -> PurePosixPath:
    """A LocalPath below /opt/ml/processing, "which must begin with" that; ValueError for others."""
    path = PurePosixPath(local_path)
    if ".." in path.parts or ROOT not in path.parents:
        raise ValueError(f"LocalPath {local_path} must begin with {ROOT}/")
    return path.relative_to(ROOT)


def fill(s3: Any, job: dict[str, Any], ml: Path, host: str) -> None:
    """Make the /opt/ml of a processing job: its configuration, inputs, and the outputs' folders.

    Raises ValueError for an input without objects.
    """
    for made in ("config", "processing", "output"):
        (ml / made).mkdir(parents=True)
    for name, content in (
        ("processingjobconfig", _configuration(job)),
        ("resourceconfig", {"current_host": host, "hosts": [host]}),
    ):
        (ml / "config" / f"{name}.json").write_text(json.dumps(content))
    for each in job.get("ProcessingInputs", []):
        source = each["S3Input"]
        folder = ml / "processing" / inside(source["LocalPath"])
        folder.mkdir(parents=True, exist_ok=True)
        listed = source.get("S3DataType") == "ManifestFile"
        fetch = container.download_listed if listed else container.download
        if not fetch(s3, source["S3Uri"], folder):
            # As in public reports (github.com/aws-samples/sagemaker-run-notebook, issue 32, for
            # the begin; "matched no files on s3" of batch transform and processing for the rest)
            raise ValueError(
                f"Failed to download data. S3 key: {source['S3Uri']} matched no files on s3"
            )
    for output in _outputs(job):
        # "This directory will be created by the platform" (API reference, ProcessingS3Output)
        (ml / "processing" / inside(output["LocalPath"])).mkdir(parents=True, exist_ok=True)


def upload(s3: Any, job: dict[str, Any], ml: Path) -> None:
    """Every file of every output to its place; raises ValueError for a folder that is elsewhere."""
    extra = container.encryption(job.get("ProcessingOutputConfig", {}).get("KmsKeyId"))
    for output in _outputs(job):
        folder = ml / "processing" / inside(output["LocalPath"])
        if not folder.resolve().is_relative_to(ml.resolve()):
            raise ValueError(f"{output['LocalPath']} leads out of /opt/ml")
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            bucket, key = container.split(container.join(output["S3Uri"], name))
            s3.upload_file(str(path), bucket, key, ExtraArgs=extra)


def message(ml: Path) -> str | None:
    """What the program wrote for DescribeProcessingJob; UnicodeDecodeError if it is no UTF-8."""
    file = ml / "output" / "message"
    if not file.is_file():
        return None
    with file.open("rb") as opened:
        begin = opened.read(MESSAGE_BYTES)
        whole = not opened.read(1)
    return codecs.getincrementaldecoder("utf-8")().decode(begin, final=whole)


def _files(folder: Path) -> Iterator[Path]:
    """ "Symlinks are not followed when uploading output data"."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                yield path


def _outputs(job: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = job.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [each["S3Output"] for each in outputs]


def _configuration(job: dict[str, Any]) -> dict[str, Any]:
    """processingjobconfig.json, whose every field is there: null where the request has none."""
    given = {
        "AppSpecification": ("ImageUri", "ContainerEntrypoint", "ContainerArguments"),
        "ProcessingOutputConfig": ("Outputs", "KmsKeyId"),
    }
    cluster = job["ProcessingResources"]["ClusterConfig"]
    machines = ("InstanceCount", "InstanceType", "VolumeSizeInGB", "VolumeKmsKeyId")
    return {
        "ProcessingJobArn": job["ProcessingJobArn"],
        "ProcessingJobName": job["ProcessingJobName"],
        **{
            part: {name: job.get(part, {}).get(name) for name in names}
            for part, names in given.items()
        },
        "Environment": job.get("Environment", {}),
        "ProcessingInputs": job.get("ProcessingInputs", []),
        "ProcessingResources": {"ClusterConfig": {name: cluster.get(name) for name in machines}},
        "RoleArn": job["RoleArn"],
        "StoppingCondition": job["StoppingCondition"],
    }
