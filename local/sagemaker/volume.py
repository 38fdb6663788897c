"""The instances' /opt/ml: filled before their programs run, carried to S3 after.

Source: SageMaker Developer Guide, "How Amazon SageMaker AI Provides Training Information" and "…
Processes Training Output".
"""

import json
import shutil
from collections.abc import Sequence
from typing import Any

from local.sagemaker import container
from local.sagemaker.instance import Instance

Description = dict[str, Any]


class JobFailed(Exception):
    """The text is the job's FailureReason."""


def fill(s3: Any, job: Description, instances: Sequence[Instance]) -> None:
    """Make every /opt/ml, download the channels, write input/config. Raises JobFailed."""
    for instance in instances:
        for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (instance.ml / folder).mkdir(parents=True)
    channels = {}
    for channel in job.get("InputDataConfig", []):
        _distribute(s3, channel, instances)
        source = channel["DataSource"]["S3DataSource"]
        channels[channel["ChannelName"]] = {
            "TrainingInputMode": "File",  # what programs read for FastFile too, the same page
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
    hosts = sorted(instance.name for instance in instances)  # as text, the same page
    for instance in instances:
        resources = {
            "current_host": instance.name,
            "current_instance_type": job["ResourceConfig"].get("InstanceType"),
            "hosts": hosts,
            "network_interface_name": "lo",
        }
        for name, content in (
            ("hyperparameters", job.get("HyperParameters", {})),
            ("inputdataconfig", channels),
            ("resourceconfig", resources),
        ):
            (instance.ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))


def upload(s3: Any, job: Description, instances: Sequence[Instance], model: bool) -> None:
    """Upload output.tar.gz, and model.tar.gz if wanted; empty ones are left out."""
    output = job["OutputDataConfig"]
    extra = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": output["KmsKeyId"]}
        if output.get("KmsKeyId")
        else {}
    )
    target = job["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0]
    for name, folder, wanted in (("output", "output/data", True), ("model", "model", model)):
        entries = container.merged(instance.ml / folder for instance in instances)
        if wanted and entries:
            archive = instances[0].ml.parent / f"{name}.tar.gz"
            container.pack(entries, archive)
            bucket, key = container.split(f"{target}/{archive.name}")
            s3.upload_file(str(archive), bucket, key, ExtraArgs=extra)
            archive.unlink()


def _distribute(s3: Any, channel: Description, instances: Sequence[Instance]) -> None:
    """Download a channel once; the instances' files are links to the one copy.

    ShardedByS3Key gives each about 1/n of the objects (API reference, S3DataSource).
    """
    source = channel["DataSource"]["S3DataSource"]
    whole = instances[0].ml.parent / "download"
    if not container.download(s3, source["S3Uri"], whole):
        raise JobFailed(
            f"ClientError: Data download failed:No S3 objects found under S3 URL {source['S3Uri']}"
        )
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    for index, instance in enumerate(instances):
        folder = instance.ml / "input" / "data" / channel["ChannelName"]
        folder.mkdir()
        for path in files[index :: len(instances)] if sharded else files:
            target = folder / path.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)
    shutil.rmtree(whole)
