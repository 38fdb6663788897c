"""Deployment: a model and an endpoint configuration, which make a version that an endpoint could
serve."""

from awacs import kms, sagemaker
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
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.disks import choose_key
from templates.workflows.language import Step, task
from templates.workflows.settings import DeploymentSettings

# Whose a thing is, and of which commit
TAGS = [
    {"Key": "project", "Value": "${ProjectName}"},
    {"Key": "commit", "Value.$": "$.commit"},
]


def add_version(
    settings: DeploymentSettings, storage: Storage, registry: Registry, logs: LogGroup
) -> list[Step]:
    """Nothing serves it yet, so a failure here is nobody's loss."""
    return [
        _create_model(_hosting_role(storage, registry, logs)),
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


def _create_model(runs_as: Role) -> Step:
    actions = [sagemaker.CreateModel, sagemaker.AddTags]
    return task(
        "CreateModel",
        "sagemaker:createModel",
        {
            "ModelName.$": "$.name",
            "ExecutionRoleArn": f"${{{runs_as.title}}}",
            "EnableNetworkIsolation": True,
            "PrimaryContainer": {"Image.$": "$.image", "ModelDataUrl.$": "$.modelDataUrl"},
            "Tags": TAGS,
        },
        grants=[
            allow("CreateModels", actions, [version_arns("model")]),
            *pass_role(f"Pass{runs_as.title}", runs_as, "sagemaker"),
        ],
        tokens={runs_as.title: runs_as.get_att("Arn"), "ProjectName": Ref("ProjectName")},
        roles=[runs_as],
        at="$.model",
    )


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
    )
