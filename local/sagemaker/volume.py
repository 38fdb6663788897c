"""A training job's /opt/ml: filled before its program runs, carried to S3 after.

Source: SageMaker Developer Guide, "How Amazon SageMaker AI Provides Training Information" and "…
Processes Training Output".
"""

import json
from pathlib import Path
from typing import Any

from local.sagemaker import container

Description = dict[str, Any]


class JobFailed(Exception):
    """The text is the job's FailureReason."""


def fill(s3: Any, job: Description, ml: Path) -> None:
    """Download channels and checkpoints, write input/config. Raises JobFailed."""
    for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
        (ml / folder).mkdir(parents=True)
    mode = job["AlgorithmSpecification"]["TrainingInputMode"]
    channels = {}
    for channel in job.get("InputDataConfig", []):
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        folder = ml / "input" / "data" / name
        folder.mkdir()
        if not container.download(s3, source["S3Uri"], folder):
            raise JobFailed(
                "ClientError: Data download failed:No S3 objects found under S3 URL "
                f"{source['S3Uri']}"
            )
        channels[name] = {
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
    checkpoints = job.get("CheckpointConfig")
    if checkpoints:
        container.download(s3, checkpoints["S3Uri"], ml / "checkpoints")
    for name, content in (
        ("hyperparameters", job.get("HyperParameters", {})),
        ("inputdataconfig", channels),
        ("resourceconfig", _resources(job)),
    ):
        (ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))


def drain(s3: Any, job: Description, ml: Path, model: bool) -> None:
    """Upload output.tar.gz, model.tar.gz if wanted, and checkpoints; empty ones are left out."""
    output = job["OutputDataConfig"]
    extra = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": output["KmsKeyId"]}
        if output.get("KmsKeyId")
        else {}
    )
    target = job["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0]
    for name, folder, wanted in (("output", "output/data", True), ("model", "model", model)):
        if wanted and any((ml / folder).iterdir()):
            archive = ml.parent / f"{name}.tar.gz"
            container.pack(ml / folder, archive)
            bucket, key = container.split(f"{target}/{archive.name}")
            s3.upload_file(str(archive), bucket, key, ExtraArgs=extra)
            archive.unlink()
    checkpoints = job.get("CheckpointConfig")
    if checkpoints:
        container.mirror(s3, ml / "checkpoints", checkpoints["S3Uri"])


def _resources(job: Description) -> dict[str, Any]:
    hosts = ["algo-1"]
    return {
        "current_host": hosts[0],
        "current_instance_type": job["ResourceConfig"].get("InstanceType"),
        "hosts": hosts,
        "network_interface_name": "lo",
    }
