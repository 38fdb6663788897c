"""The image repository: two immutable tags for each commit, COMMIT-train and COMMIT-serve, and one
more for each version of the model that holds an image."""

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

# What a tag begins with by which a version of the model holds its image (deployment/version.py)
VERSION_TAGS = "version-"
# A rule cannot see endpoints, and one whose image is gone cannot scale out or replace an instance.
# An image that matches the tags of a rule is not expired by a rule after it (How lifecycle policies
# work, Amazon ECR User Guide); and that many versions there never are: KeepVersions is at most 50
_NEVER = 9999
# Of the rest, the two images of the newest commits
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
            "description": "Images of versions that serve, or that one may go back to, stay",
            "selection": {
                "tagStatus": "tagged",
                "tagPrefixList": [VERSION_TAGS],
                "countType": "imageCountMoreThan",
                "countNumber": _NEVER,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 3,
            "description": "Old images that no version holds",
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
