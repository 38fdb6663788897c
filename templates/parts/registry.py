"""The image repository: two immutable tags for each commit, COMMIT-train and COMMIT-serve."""

from dataclasses import dataclass

from troposphere import Retain, RetainExceptOnCreate, Template
from troposphere.ecr import (
    EncryptionConfiguration,
    ImageScanningConfiguration,
    LifecyclePolicy,
    Repository,
)
from troposphere.kms import Key

from templates.kit.render import pretty
from templates.parameters import Parameters

# A lifecycle rule cannot see endpoints, and an endpoint whose image is gone cannot scale out or
# replace an instance. KeepVersions is at most 50 deployed versions; with the two images of twice as
# many commits kept, one in use expires only after more than 50 commits in a row that were built and
# never deployed.
_KEPT_IMAGES = 2 * 100


@dataclass(frozen=True)
class Registry:
    repository: Repository


def add_registry(template: Template, parameters: Parameters, key: Key) -> Registry:
    """Tags cannot move, so a tag means one commit's image for ever; every push is scanned."""
    rules = [
        {
            "rulePriority": 1,
            "description": "Layers of pushes that were cut off",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 7,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "Old images, far more than the versions that can be in use",
            "selection": {
                "tagStatus": "any",
                "countType": "imageCountMoreThan",
                "countNumber": _KEPT_IMAGES,
            },
            "action": {"type": "expire"},
        },
    ]
    repository = template.add_resource(
        Repository(
            "ImageRepository",
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
            RepositoryName=parameters.project_name.ref(),
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration=ImageScanningConfiguration(ScanOnPush=True),
            EncryptionConfiguration=EncryptionConfiguration(
                EncryptionType="KMS", KmsKey=key.get_att("Arn")
            ),
            LifecyclePolicy=LifecyclePolicy(LifecyclePolicyText=pretty({"rules": rules}) + "\n"),
        )
    )
    return Registry(repository=repository)
