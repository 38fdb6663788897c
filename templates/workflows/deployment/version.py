"""Deployment: a model, a tag of its image and an endpoint configuration, all of one name: together
they are a version that an endpoint could serve."""

import json
from collections.abc import Mapping
from typing import Any

from awacs import ecr, kms, s3, sagemaker
from awacs.aws import Statement
from troposphere import If, NoValue, Ref
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
from templates.kit.iam import allow, arn, objects, policy, service_role
from templates.kit.names import CAPTURED, version_arns
from templates.parameters import Parameters
from templates.parts.alarms import VARIANT, Alarms
from templates.parts.registry import VERSION_TAGS, Registry
from templates.parts.storage import Storage
from templates.workflows.disks import choose_key
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    Below,
    State,
    Step,
    Way,
    all_of,
    catch,
    check,
    choose,
    compares,
    equals,
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
# Whether models run without a network, and whether requests are captured: conditions of the stack
ISOLATED, CAPTURING = "$.isolated", "$.capturing"
# Of a version that was taken back: from which one, and when; of the one that was left, WITHDRAWN
BACK_FROM_TAG, BACK_AT_TAG, WITHDRAWN = "back-from", "back-at", "withdrawn"
# Of a version that was found serving, whose deployment had ended before it could say how well
UNCHECKED = "unchecked"
# The package of the model registry, or the record that stands for one
PACKAGE_TAG, _PACKAGE = "package", "$.registered.as"
_MODEL, _IMAGE, _TAGGED = "$.model", "$.imageFound", "$.tagged"
_DIGESTS = "$.Images[*].ImageId.ImageDigest"
MODEL_ARN = f"{_MODEL}.ModelArn"
_TAG = f"States.Format('{VERSION_TAGS}{{}}', $.name)"


def add_version(
    settings: DeploymentSettings, storage: Storage, registry: Registry, runs_as: Role
) -> list[Step]:
    """Nothing serves it yet, so a failure here is nobody's loss."""
    serverless = _create_config(
        "CreateServerlessConfig", storage, _serverless(settings), then=Below("ChooseEncryption")
    )
    on_instances = {**_instances(settings)}, capture(settings, storage)
    return [
        *_find_image(registry),
        _name_package(),
        _create_model(runs_as),
        _keep_image(registry),
        choose(
            "ChooseConfig",
            when(equals(settings.kind.path, "Serverless"), [serverless]),
            otherwise=None,
        ),
        choose_key(
            "ChooseEncryption",
            settings.instance_type.path,
            [_create_config("CreateConfig", storage, *on_instances, key=storage.key)],
            [_create_config("CreateConfigForLocalDisk", storage, *on_instances)],
        ),
    ]


def hosting_role(
    parameters: Parameters, storage: Storage, registry: Registry, logs: LogGroup, alarms: Alarms
) -> Role:
    """What the endpoint may do: pull its image, read its model, report, look at the alarms of an
    update (SageMaker execution roles), and where requests are captured, write them."""
    capture = [
        allow("WriteCaptured", [s3.PutObject], [objects(storage.artifacts, CAPTURED)]),
        *use_key("EncryptCaptured", storage.key, "s3", kms.GenerateDataKey),
    ]
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
            *alarms.watch(),
        ],
        more=[If(parameters.capture_wanted, policy("Capture", capture), NoValue)],
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
            # Serverless has none (Serverless Inference, SageMaker Developer Guide)
            "EnableNetworkIsolation.$": ISOLATED,
            "PrimaryContainer": {
                "Image.$": "$.image",
                "ModelDataUrl.$": "$.modelDataUrl",
                # With it each answer tells which version gave it
                "Environment": {"MODEL_VERSION.$": "$.name"},
            },
            "Tags": [
                *TAGS,
                {"Key": ASKED_AT_TAG, "Value.$": ASKED_AT},
                {"Key": SERVED_TAG, "Value": "no"},
                {"Key": PACKAGE_TAG, "Value.$": _PACKAGE},
            ],
        },
        grants=[
            allow("CreateModels", [sagemaker.CreateModel], [version_arns("model")]),
            *tag_models(),
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
        get_image(
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


def get_image(name: str, image: State, registry: Registry, at: str, select: State) -> Step:
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
        get_image("FindTagged", {"ImageTag.$": _TAG}, registry, _TAGGED, {"digest.$": _DIGESTS}),
        check("IsTagOurs", ours, otherwise=[taken]),
    ]


def mark_as(
    served: str,
    name: str,
    model_arn: str,
    otherwise: Way,
    at: str,
    tokens: Mapping[str, Any] | None = None,
    then: Way = None,
) -> Step:
    """Note at the version's model whether it has served, and how well."""
    return task(
        name,
        "aws-sdk:sagemaker:addTags",
        {"ResourceArn.$": model_arn, "Tags": [{"Key": SERVED_TAG, "Value": served}]},
        grants=tag_models(),
        tokens=tokens,
        at=at,
        caught=[catch(otherwise, at=at)],
        then=then,
    )


def tag_models() -> list[Statement]:
    return [allow("TagModels", [sagemaker.AddTags], [version_arns("model")])]


def _instances(settings: DeploymentSettings) -> State:
    return {
        "InstanceType.$": settings.instance_type.path,
        "InitialInstanceCount.$": settings.instance_count.path,
    }


def _serverless(settings: DeploymentSettings) -> State:
    return {
        "ServerlessConfig": {
            "MemorySizeInMB.$": settings.serverless_memory_mb.path,
            "MaxConcurrency.$": settings.serverless_concurrency.path,
        }
    }


def capture(settings: DeploymentSettings, storage: Storage) -> State:
    """What is no JSON is kept as base64. Two options, as one of InputAndOutput was seen to fail the
    endpoint (github.com/boto/boto3, issue 3440); no slash at the end of the address, or the keys
    have two (github.com/aws/amazon-sagemaker-examples, issue 1938)."""
    return {
        "DataCaptureConfig": {
            "EnableCapture.$": CAPTURING,
            "InitialSamplingPercentage.$": settings.capture_percent.path,
            "DestinationS3Uri": f"s3://${{ArtifactBucket}}/{CAPTURED.removesuffix('/')}",
            "KmsKeyId": "${Key}",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        }
    }


def _create_config(
    name: str,
    storage: Storage,
    runs_on: State,
    more: State | None = None,
    *,
    key: Key | None = None,
    then: Way = None,
) -> Step:
    """`CreateEndpoint` lets SageMaker use the key in the name of the workflow, so it lends the key
    too. An SDK integration, as the optimized one knows nothing of capture (Manage SageMaker AI
    jobs, Step Functions Developer Guide)."""
    actions = [sagemaker.CreateEndpointConfig, sagemaker.AddTags]
    arguments: State = {
        "EndpointConfigName.$": "$.name",
        **({"KmsKeyId": "${Key}"} if key else {}),
        "ProductionVariants": [{"VariantName": VARIANT, "ModelName.$": "$.name", **runs_on}],
        **(more or {}),
        "Tags": TAGS,
    }
    tokens = {
        "ProjectName": Ref("ProjectName"),
        "ArtifactBucket": storage.artifacts.ref(),
        "Key": storage.key.get_att("Arn"),
    }
    text = json.dumps(arguments)
    return task(
        name,
        "aws-sdk:sagemaker:createEndpointConfig",
        arguments,
        grants=[
            allow("CreateConfigs", actions, [version_arns("endpoint-config")]),
            *(lend_key(key) if key else []),
        ],
        tokens={token: value for token, value in tokens.items() if f"${{{token}}}" in text},
        at="$.config",
        passing=[UNSEEN.format("model")],
        then=then,
    )
