"""AWS::ECR::Repository."""

from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, lower, stale_tags, tag_list


def _create(work: Work) -> None:
    name = work.name("RepositoryName", 256, lower=True)
    settings = work.given("EncryptionConfiguration")
    made = work.client("ecr").create_repository(
        repositoryName=name, tags=tag_list(work), **lower(settings)
    )["repository"]
    work.made(name, Arn=made["repositoryArn"], RepositoryUri=made["repositoryUri"])
    _configure(work)


def _configure(work: Work) -> None:
    ecr, repository, wanted = work.client("ecr"), {"repositoryName": work.id}, work.properties
    if work.changed("ImageTagMutability"):
        mutability = wanted.get("ImageTagMutability", "MUTABLE")
        ecr.put_image_tag_mutability(imageTagMutability=mutability, **repository)
    if work.changed("ImageScanningConfiguration"):
        scanning = wanted.get("ImageScanningConfiguration", {"ScanOnPush": False})
        ecr.put_image_scanning_configuration(
            imageScanningConfiguration=lower(scanning), **repository
        )
    if work.changed("LifecyclePolicy"):
        policy = wanted.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
        if policy:
            ecr.put_lifecycle_policy(lifecyclePolicyText=policy, **repository)
        else:
            ecr.delete_lifecycle_policy(**repository)
    if work.changed("RepositoryPolicyText"):
        if "RepositoryPolicyText" in wanted:
            policy = document(wanted["RepositoryPolicyText"])
            ecr.set_repository_policy(policyText=policy, **repository)
        else:
            ecr.delete_repository_policy(**repository)


def _update(work: Work) -> None:
    ecr, arn = work.client("ecr"), work.attributes["Arn"]
    if stale := stale_tags(work):
        ecr.untag_resource(resourceArn=arn, tagKeys=stale)
    if work.changed("Tags") and (added := tag_list(work)):
        ecr.tag_resource(resourceArn=arn, tags=added)
    _configure(work)


def _delete(work: Work) -> None:
    force = work.properties.get("EmptyOnDelete", False)
    work.client("ecr").delete_repository(repositoryName=work.id, force=force)


HANDLERS = {
    "AWS::ECR::Repository": Handler(
        frozenset(
            {
                "RepositoryName",
                "ImageTagMutability",
                "ImageScanningConfiguration",
                "EncryptionConfiguration",
                "LifecyclePolicy",
                "RepositoryPolicyText",
                "EmptyOnDelete",
                "Tags",
            }
        ),
        create=_create,
        update=_update,
        delete=_delete,
        name="RepositoryName",
    ),
}
