"""Deployment: what does the endpoint serve now?

From the endpoint to its configuration to the model, whose name is the version's. The name of a
configuration tells nothing for sure: Application Auto Scaling was seen to leave one of its own
(github.com/aws-controllers-k8s/community, issue 2110).
"""

from awacs import sagemaker
from troposphere import Ref

from templates.kit.iam import allow, arn
from templates.workflows.deployment.endpoint import (
    BUSY,
    SEEN,
    STAYED_BUSY,
    describe_endpoint,
    endpoint_is,
)
from templates.workflows.deployment.version import UNSEEN
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    LONG,
    Below,
    State,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    choose,
    equals,
    matches,
    present,
    put,
    task,
    wait_until,
    when,
)
from templates.workflows.settings import DeploymentSettings

SERVING = "$.serving"
SERVING_NAME, SERVING_CONFIG = f"{SERVING}.name", f"{SERVING}.config"
NOTHING = "none"
_SERVERLESS = f"{SERVING}.serverless[0]"
TYPE = "type[0]"  # of instances, where describe_config has laid its answer


def serves_something() -> State:
    return {"Not": equals(SERVING_NAME, NOTHING)}


def find_serving(settings: DeploymentSettings) -> list[Step]:
    """It is known when the endpoint is free: an update outlives its deployment. What is of another
    kind than the endpoint is to be cannot be updated, and is refused before anything is made."""
    nothing = put(
        "NothingServes",
        SERVING,
        {"name": NOTHING, "config": NOTHING, "serverless": []},
        then=Below("IsOtherKind"),
    )
    is_serverless = equals(settings.kind.path, "Serverless")
    other = any_of(
        all_of(present(_SERVERLESS), {"Not": is_serverless}),
        all_of(serves_something(), {"Not": present(_SERVERLESS)}, is_serverless),
    )
    return [
        *wait_until(
            describe_endpoint("FindServing", caught=[catch([_is_absent(nothing)])]),
            "IsAnythingServed",
            when(endpoint_is("InService")),
            wait_name="WaitForServing",
            count_name="CountServing",
            busy=endpoint_is(*BUSY),
            too_long=STAYED_BUSY,
            otherwise=nothing.name,
            looks=LONG,
        ),
        _look_behind("FindServingConfig", "TakeConfigName"),
        choose("IsOtherKind", when(other, [_refuse_kind()]), otherwise=None),
    ]


def find_serving_now() -> Step:
    """Right before an update, for which may have been waited long: what it is to go back to, if it
    has to."""
    return _look_behind("FindServingNow", "TakeNameNow")


def _look_behind(name: str, unknown: str) -> Step:
    """Of a configuration that is gone, though the endpoint serves it, there is only the name."""
    config = f"{SEEN}.EndpointConfigName"
    told = {"name.$": config, "config.$": config, "serverless": []}
    return describe_config(name, config, SERVING, [put(unknown, SERVING, told)])


def _is_absent(nothing: Step) -> Step:
    """Only what is not there serves nothing; what cannot be seen may serve."""
    cause = "$.error.Cause"
    absent = all_of(present(cause), matches(cause, "*Could not find endpoint*"))
    return choose("IsEndpointAbsent", when(absent, [nothing]), otherwise=EXPLAIN)


def _refuse_kind() -> Step:
    return problem(
        "OtherKind",
        "States.Format('The endpoint ${ProjectName} exists as another kind than EndpointKind = {}, "
        "and SageMaker changes none into the other. Set EndpointKind back, or delete the endpoint "
        "(aws sagemaker delete-endpoint --endpoint-name ${ProjectName}) and deploy again: until "
        "then nothing answers', $.settings.kind)",
        tokens={"ProjectName": Ref("ProjectName")},
    )


def describe_config(
    name: str, config: str, at: str, absent: Way = None, *, is_new: bool = False
) -> Step:
    """The model behind a configuration. One that is new may not be seen yet."""
    return task(
        name,
        "aws-sdk:sagemaker:describeEndpointConfig",
        {"EndpointConfigName.$": config},
        # Of any name: see above
        grants=[
            allow(
                "SeeConfigs",
                [sagemaker.DescribeEndpointConfig],
                [arn("sagemaker", "endpoint-config/*")],
            )
        ],
        at=at,
        select={
            "name.$": "$.ProductionVariants[0].ModelName",
            "config.$": "$.EndpointConfigName",
            "createdAt.$": "$.CreationTime",
            "serverless.$": "$.ProductionVariants[*].ServerlessConfig",
            "type.$": "$.ProductionVariants[*].InstanceType",
        },
        caught=[catch(absent, at=at)] if absent else None,
        passing=[UNSEEN.format("endpoint configuration")] if is_new else [],
    )
