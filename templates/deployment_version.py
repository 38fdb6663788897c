"""Deployment, first part: check the input, create the model and the endpoint configuration of a
version."""

from awacs import sagemaker
from troposphere.iam import Role
from troposphere.kms import Key

from templates.asl import Step, catch, task
from templates.grants import lend_key, pass_role
from templates.iam import allow
from templates.machine import SAGEMAKER_RETRY, check_input, encrypts_itself
from templates.names import versions
from templates.parameters import Parameters

_NEEDED = ("name", "image", "modelDataUrl", "commit")


def version_steps(parameters: Parameters, role: Role, key: Key) -> list[Step]:
    """From the input to a version that an endpoint could serve; ends at FindEndpoint."""
    return [
        *check_input(_NEEDED),
        _configure(parameters),
        _create_model(parameters, role),
        _choose_encryption(),
        _create_configuration("CreateConfig", parameters, {"KmsKeyId": "${Key}"}, key),
        _create_configuration("CreateConfigForLocalDisk", parameters, {}, None),
    ]


def _configure(parameters: Parameters) -> Step:
    return Step(
        "Configure",
        {
            "Type": "Pass",
            "Comment": "Parameters of the stack arrive as text; numbers are parsed here",
            "Parameters": {
                **{f"{name}.$": f"$.{name}" for name in _NEEDED},
                "instanceType": "${EndpointInstanceType}",
                "instanceCount.$": "States.StringToJson('${EndpointInstanceCount}')",
                "attempt": {"number": 1},
            },
            "Next": "CreateModel",
        },
        tokens={
            "EndpointInstanceType": parameters.endpoint_instance_type.ref(),
            "EndpointInstanceCount": parameters.endpoint_instance_count.ref(),
        },
    )


def _create_model(parameters: Parameters, role: Role) -> Step:
    return task(
        "CreateModel",
        "sagemaker:createModel",
        {
            "ModelName.$": "$.name",
            "ExecutionRoleArn": "${HostingRole}",
            "EnableNetworkIsolation": True,
            "PrimaryContainer": {"Image.$": "$.image", "ModelDataUrl.$": "$.modelDataUrl"},
            "Tags": _tags(),
        },
        then="ChooseEncryption",
        caught_by=[catch("HasCause")],
        retried=[SAGEMAKER_RETRY],
        result={"ResultPath": "$.model"},
        grants=[
            allow(
                "CreateModels",
                [sagemaker.CreateModel, sagemaker.AddTags],
                [versions("model")],
            ),
            *pass_role("PassHostingRole", role, "sagemaker"),
        ],
        tokens={"HostingRole": role.get_att("Arn"), "ProjectName": parameters.project_name.ref()},
    )


def _choose_encryption() -> Step:
    return Step(
        "ChooseEncryption",
        {
            "Type": "Choice",
            "Comment": "Local disks are encrypted by hardware and refuse a key",
            "Choices": [{**encrypts_itself("$.instanceType"), "Next": "CreateConfigForLocalDisk"}],
            "Default": "CreateConfig",
        },
    )


def _create_configuration(
    name: str, parameters: Parameters, encryption: dict[str, str], key: Key | None
) -> Step:
    """`CreateEndpoint` lets SageMaker use the key in the name of the workflow, so it lends the key
    too."""
    return task(
        name,
        "sagemaker:createEndpointConfig",
        {
            "EndpointConfigName.$": "$.name",
            **encryption,
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName.$": "$.name",
                    "InstanceType.$": "$.instanceType",
                    "InitialInstanceCount.$": "$.instanceCount",
                }
            ],
            "Tags": _tags(),
        },
        then="FindEndpoint",
        caught_by=[catch("HasCause")],
        retried=[SAGEMAKER_RETRY],
        result={"ResultPath": "$.config"},
        grants=[
            allow(
                "CreateConfigs",
                [sagemaker.CreateEndpointConfig, sagemaker.AddTags],
                [versions("endpoint-config")],
            ),
            *(lend_key(key) if key else []),
        ],
        tokens={
            "ProjectName": parameters.project_name.ref(),
            **({"Key": key.get_att("Arn")} if key else {}),
        },
    )


def _tags() -> list[dict[str, str]]:
    return [
        {"Key": "project", "Value": "${ProjectName}"},
        {"Key": "commit", "Value.$": "$.commit"},
    ]
