"""What an endpoint really serves: endpoint → config → model → registered version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from scripts.lib.console import plain
from scripts.lib.inventory import endpoint
from scripts.lib.packages import Package
from scripts.lib.problems import is_gone
from scripts.lib.session import Clients


@dataclass(frozen=True)
class ServedModel:
    """A SageMaker model: what it is made of, and the tags that its deployment gave it."""

    name: str
    arn: str
    image: str
    data: str
    tags: Mapping[str, str]

    @property
    def package(self) -> str:
        """Which version it was made from: an ARN, a record's address, or an empty text."""
        said = self.tags.get("package", "none")
        return "" if said == "none" else said

    def is_of(self, package: Package) -> bool:
        """Whether it is this version: by its tag, else by what it is made of."""
        if self.package:
            return self.package == package.id
        return package.name == self.name or (self.data != "" and self.data == package.model_data)


def model_of(clients: Clients, config: str) -> str:
    """The name of the model behind an endpoint config."""
    found = clients.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    return found["ProductionVariants"][0].get("ModelName", "")


def read_model(clients: Clients, name: str) -> ServedModel:
    """A model with its tags."""
    found = clients.sagemaker.describe_model(ModelName=name)
    container = found.get("PrimaryContainer", {})
    pages = clients.sagemaker.get_paginator("list_tags").paginate(ResourceArn=found["ModelArn"])
    tags = {plain(one["Key"]): plain(one["Value"]) for page in pages for one in page["Tags"]}
    data, image = container.get("ModelDataUrl", ""), container.get("Image", "")
    return ServedModel(name, found["ModelArn"], image, data, tags)


def served(clients: Clients, name: str) -> ServedModel | None:
    """The model that an endpoint serves; None where there is no endpoint, or one of its links is
    missing."""
    found = endpoint(clients, name)
    if found is None or not found.config:
        return None
    try:
        return read_model(clients, model_of(clients, found.config))
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def which(model: ServedModel | None, packages: Iterable[Package]) -> Package | None:
    """The version among these that a model is, or None."""
    return next((one for one in packages if model and model.is_of(one)), None)
