"""Deployment: a model, a tag of its image and an endpoint configuration, all of one name: together
they are a version that an endpoint could serve."""

from collections.abc import Mapping
from typing import Any

from awacs import ecr, kms, sagemaker
from awacs.aws import Statement
from troposphere import Ref
from troposphere.iam import Role
from troposphere.kms import Key
from troposphere.logs import LogGroup

from templates.kit.grants import (
    lend_key,
    pass_role,
    pull_images,
    put_metrics,
    read_objects,
    sign_in_to_registry,
    use_key,
    write_job_logs,
)
from templates.kit.iam import allow, arn, objects, service_role
from templates.kit.names import version_arns
from templates.parts.registry import VERSION_TAGS, Registry
from templates.parts.storage import Storage
from templates.workflows.disks import choose_key
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    State,
    Step,
    Way,
    all_of,
    catch,
    check,
    choose,
    compares,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.settings import DeploymentSettings

# Whose a thing is, and of which commit
TAGS = [
    {"Key": "project", "Value": "${ProjectName}"},
    {"Key": "commit", "Value.$": "$.commit"},
]
# What was made a second ago may not be found yet: its record is read with eventual consistency, and
# the call is to be tried again (CreateEndpoint, Amazon SageMaker API Reference)
UNSEEN = "*Could not find {}*"
# When this version was asked for (order.py), and whether it has ever served: both in tags of its
# model
ASKED_AT, ASKED_AT_TAG, SERVED_TAG = "$.askedAt", "asked-at", "served"
# The package of the model registry, or the record that stands for one
PACKAGE_TAG, _PACKAGE = "package", "$.registered.as"
_MODEL, _IMAGE, _TAGGED = "$.model", "$.imageFound", "$.tagged"
_DIGESTS = "$.Images[*].ImageId.ImageDigest"
MODEL_ARN = f"{_MODEL}.ModelArn"
_TAG = f"States.Format('{VERSION_TAGS}{{}}', $.name)"


def add_version(
    settings: DeploymentSettings, storage: Storage, registry: Registry, logs: LogGroup
) -> list[Step]:
    """Nothing serves it yet, so a failure here is nobody's loss."""
    return [
        *_find_image(registry),
        _name_package(),
        _create_model(_hosting_role(storage, registry, logs)),
        _keep_image(registry),
        choose_key(
            "ChooseEncryption",
            settings.instance_type.path,
            [_create_configuration("CreateConfig", settings, storage.key)],
            [_create_configuration("CreateConfigForLocalDisk", settings, None)],
        ),
    ]


def _hosting_role(storage: Storage, registry: Registry, logs: LogGroup) -> Role:
    """What the endpoint may do: pull its image, read its model, report (SageMaker execution
    roles)."""
    return service_role(
        "HostingRole",
        "What the endpoint may do",
        "sagemaker",
        arn("sagemaker", "*"),
        [
            *sign_in_to_registry(),
            *pull_images("PullImages", registry.repository.get_att("Arn")),
            *read_objects("ReadModels", objects(storage.artifacts, "models/")),
            *use_key("UseKeyForModels", storage.key, "s3", kms.Decrypt),
            *write_job_logs("/aws/sagemaker/Endpoints/${ProjectName}", logs.get_att("Arn")),
            *put_metrics("/aws/sagemaker/*"),
        ],
    )


def _name_package() -> Step:
    """Of what was registered the model says as what. Who goes back gives the same input again."""
    given = "$$.Execution.Input.package"
    return choose(
        "IsRegistered",
        when(present(given), [put("TakePackage", _PACKAGE, given)]),
        otherwise=[put("TakeNoPackage", "$.registered", {"as": "none"})],
    )


def _create_model(runs_as: Role) -> Step:
    return task(
        "CreateModel",
        "sagemaker:createModel",
        {
            "ModelName.$": "$.name",
            "ExecutionRoleArn": f"${{{runs_as.title}}}",
            "EnableNetworkIsolation": True,
            "PrimaryContainer": {"Image.$": "$.image", "ModelDataUrl.$": "$.modelDataUrl"},
            "Tags": [
                *TAGS,
                {"Key": ASKED_AT_TAG, "Value.$": ASKED_AT},
                {"Key": SERVED_TAG, "Value": "no"},
                {"Key": PACKAGE_TAG, "Value.$": _PACKAGE},
            ],
        },
        grants=[
            allow("CreateModels", [sagemaker.CreateModel], [version_arns("model")]),
            *_tag_models(),
            *pass_role(f"Pass{runs_as.title}", runs_as, "sagemaker"),
        ],
        tokens={runs_as.title: runs_as.get_att("Arn"), "ProjectName": Ref("ProjectName")},
        roles=[runs_as],
        at=_MODEL,
    )


def _find_image(registry: Registry) -> list[Step]:
    """The image's manifest, under which it gets one more tag."""
    no_digest = problem(
        "ImageWithoutDigest",
        "States.Format('The image {} has no digest: name it as repository@sha256:DIGEST, so that "
        "what serves is what was meant', $.image)",
        error="InvalidInput",
    )
    absent = problem(
        "ImageNotFound",
        "States.Format('The image {} is not in the repository ${Repository}: it has expired. "
        "Revert to its commit and push, which builds it again', $.image)",
        tokens={"Repository": registry.repository.ref()},
    )
    digest = "States.ArrayGetItem(States.StringSplit($.image, '@'), 1)"
    return [
        check("IsByDigest", matches("$.image", "*@sha256:*"), otherwise=[no_digest]),
        _get_image(
            "FindImage",
            {"ImageDigest.$": digest},
            registry,
            _IMAGE,
            {
                "manifest.$": "$.Images[*].ImageManifest",
                "type.$": "$.Images[*].ImageManifestMediaType",
                "digest.$": _DIGESTS,
            },
        ),
        check("IsImageThere", present(f"{_IMAGE}.manifest[0]"), otherwise=[absent]),
    ]


def _get_image(name: str, image: State, registry: Registry, at: str, select: State) -> Step:
    return task(
        name,
        "aws-sdk:ecr:batchGetImage",
        {"RepositoryName": "${Repository}", "ImageIds": [image]},
        grants=[allow("FindImages", [ecr.BatchGetImage], [registry.repository.get_att("Arn")])],
        tokens={"Repository": registry.repository.ref()},
        at=at,
        select=select,
    )


def _keep_image(registry: Registry) -> Step:
    """While the image has a version's tag, the repository does not let it go (Retagging an image,
    Amazon ECR User Guide)."""
    return task(
        "KeepImage",
        "aws-sdk:ecr:putImage",
        {
            "RepositoryName": "${Repository}",
            "ImageManifest.$": f"{_IMAGE}.manifest[0]",
            "ImageManifestMediaType.$": f"{_IMAGE}.type[0]",
            "ImageTag.$": _TAG,
        },
        grants=[allow("KeepImages", [ecr.PutImage], [registry.repository.get_att("Arn")])],
        tokens={"Repository": registry.repository.ref()},
        at=_IMAGE,
        select={"tag.$": "$.Image.ImageId.ImageTag"},
        caught=[
            # A try whose answer was lost has done it
            catch(None, error="Ecr.ImageAlreadyExistsException", at=_IMAGE),
            catch(_is_tag_ours(registry), error="Ecr.ImageTagAlreadyExistsException", at=_TAGGED),
            catch(EXPLAIN),
        ],
    )


def _is_tag_ours(registry: Registry) -> list[Step]:
    """A tag that is there is as good, if it is that of this image."""
    digest = f"{_TAGGED}.digest[0]"
    ours = all_of(present(digest), compares(digest, "StringEqualsPath", f"{_IMAGE}.digest[0]"))
    taken = problem(
        "ImageTagTaken",
        f"States.Format('The tag {{}} already holds another image than {{}}: deploy it under "
        f"another name', {_TAG}, $.image)",
    )
    return [
        _get_image("FindTagged", {"ImageTag.$": _TAG}, registry, _TAGGED, {"digest.$": _DIGESTS}),
        check("IsTagOurs", ours, otherwise=[taken]),
    ]


def mark_as_served(
    name: str, model_arn: str, otherwise: Way, at: str, tokens: Mapping[str, Any] | None = None
) -> Step:
    """The endpoint serves this version: from now on it is one to go back to."""
    return task(
        name,
        "aws-sdk:sagemaker:addTags",
        {"ResourceArn.$": model_arn, "Tags": [{"Key": SERVED_TAG, "Value": "yes"}]},
        grants=_tag_models(),
        tokens=tokens,
        at=at,
        caught=[catch(otherwise, at=at)],
    )


def _tag_models() -> list[Statement]:
    return [allow("TagModels", [sagemaker.AddTags], [version_arns("model")])]


def _create_configuration(name: str, settings: DeploymentSettings, key: Key | None) -> Step:
    """`CreateEndpoint` lets SageMaker use the key in the name of the workflow, so it lends the key
    too."""
    actions = [sagemaker.CreateEndpointConfig, sagemaker.AddTags]
    return task(
        name,
        "sagemaker:createEndpointConfig",
        {
            "EndpointConfigName.$": "$.name",
            **({"KmsKeyId": "${Key}"} if key else {}),
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName.$": "$.name",
                    "InstanceType.$": settings.instance_type.path,
                    "InitialInstanceCount.$": settings.instance_count.path,
                }
            ],
            "Tags": TAGS,
        },
        grants=[
            allow("CreateConfigs", actions, [version_arns("endpoint-config")]),
            *(lend_key(key) if key else []),
        ],
        tokens={
            "ProjectName": Ref("ProjectName"),
            **({"Key": key.get_att("Arn")} if key else {}),
        },
        at="$.config",
        passing=[UNSEEN.format("model")],
    )
