"""The batch workflow: a version answers a heap of objects, without the endpoint.

Input: {"input", "output"}, prefixes of S3; {"version"}, or "" for what the endpoint serves; and
{"contentType"} of every object under the input. Who may start it cannot let it read or write
elsewhere than the data of the stack, and what batches leave (`_are_places_ours`).
"""

from awacs import sagemaker
from awacs.aws import Statement
from troposphere import Ref, Template
from troposphere.iam import Role
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import list_objects, pass_role, read_objects, write_objects
from templates.kit.iam import allow, objects
from templates.kit.names import (
    BATCH,
    batch_model_arns,
    batch_model_prefix,
    version_arns,
    version_prefix,
)
from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.deployment.endpoint import SEEN, describe_endpoint, endpoint_is
from templates.workflows.deployment.serving import describe_config
from templates.workflows.deployment.version import UNSEEN
from templates.workflows.failure import FAILED, check_input, failure, problem
from templates.workflows.job import TRANSFORM, VERSION_NAME, job, job_role
from templates.workflows.language import (
    EXPLAIN,
    State,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    check,
    choose,
    end,
    equals,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.machine import add_state_machine

_NEEDED = ("input", "output", "version", "contentType")
# A heap takes long, and a job that hangs costs money by the second
_SECONDS = 24 * 3600
# What the container of this project takes at once (container/serving/invocations.py); several
# requests together keep its cores busy
_AT_ONCE, _MOST_MB = 4, 6
_VERSION, _RUN, _SERVED, _SOURCE, _READ, _MODEL = (
    f"$.{name}" for name in ("version", "run", "served", "source", "read", "model")
)
_TYPE = "$.instanceType"
_CAUSE = "$.error.Cause"


def add_batch(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
) -> StateMachine:
    """The workflow, and the role that it gives to the model of a batch."""
    role = _role(storage, registry)
    steps = [
        check_input(_NEEDED, ", as `make batch` gives"),
        _configure(parameters),
        *_name(),
        _are_places_ours(storage),
        _find_served(),
        *_find_version(),
        _create_model(role),
        *_transform(storage),
        _delete_model("DeleteModel", otherwise="Summarize"),
        _summarize(),
        end("Answered"),
        *failure(
            "${ProjectName}: a batch was not answered",
            notifications.topic,
            storage.key,
            after=[
                check("HasModel", present(f"{_RUN}.model"), otherwise=FAILED),
                _delete_model("DeleteModelOfFailed", otherwise=FAILED),
            ],
        ),
    ]
    return add_state_machine(
        template,
        "BatchWorkflow",
        "batch",
        "Lets a version answer every object under a prefix",
        steps,
        parameters,
        storage.key,
    )


def _role(storage: Storage, registry: Registry) -> Role:
    left = objects(storage.artifacts, BATCH)
    grants = [
        *read_objects("ReadModels", objects(storage.artifacts, "models/")),
        *list_objects("ListData", storage.data, ""),
        *read_objects("ReadData", objects(storage.data)),
        *list_objects("ListBatches", storage.artifacts, BATCH),
        *read_objects("ReadBatches", left),
        *write_objects("WriteBatches", left),
    ]
    description = "What the model of a batch may do"
    return job_role("BatchRole", description, TRANSFORM, registry, storage.key, grants)


def _configure(parameters: Parameters) -> Step:
    """Until the version is known there is no commit to tell of."""
    return put(
        "Configure",
        None,
        {
            **{f"{name}.$": f"$.{name}" for name in _NEEDED},
            "commit.$": "$$.Execution.Name",
            "instanceType": "${BatchInstanceType}",
            "run": {"id.$": "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"},
        },
        tokens={"BatchInstanceType": parameters.batch_instance_type.ref()},
    )


def _name() -> list[Step]:
    """Of the job, as every job of a version begins, and of the model."""
    run = f"{_RUN}.id"
    return [
        put(
            "NameRun",
            _RUN,
            {
                "job.$": f"States.Format('${{VersionPrefix}}-batch-{{}}', {run})",
                "model.$": f"States.Format('${{BatchModelPrefix}}-{{}}', {run})",
            },
            tokens={"VersionPrefix": version_prefix(), "BatchModelPrefix": batch_model_prefix()},
        ),
        put("TakeName", VERSION_NAME, f"{_RUN}.job"),
    ]


def _are_places_ours(storage: Storage) -> Step:
    batches = f"s3://${{ArtifactBucket}}/{BATCH}*"
    refuse = problem(
        "OtherPlace",
        f"States.Format('The input has to lie under s3://${{DataBucket}}/ or "
        f"s3://${{ArtifactBucket}}/{BATCH}, and the output under the latter; they are {{}} and "
        "{}', $.input, $.output)",
        error="InvalidInput",
        tokens={"DataBucket": storage.data.ref(), "ArtifactBucket": storage.artifacts.ref()},
    )
    ours = any_of(matches("$.input", "s3://${DataBucket}/*"), matches("$.input", batches))
    return check(
        "ArePlacesOurs",
        all_of(ours, matches("$.output", batches)),
        otherwise=[refuse],
        tokens={"DataBucket": storage.data.ref(), "ArtifactBucket": storage.artifacts.ref()},
    )


def _find_served() -> Step:
    """Where no version is named. During an update the endpoint names what still serves."""
    nothing = problem(
        "NothingServes",
        "The endpoint ${ProjectName} serves nothing: name the version that is to answer",
        tokens={"ProjectName": Ref("ProjectName")},
    )
    serves = all_of(
        present(f"{SEEN}.EndpointConfigName"),
        endpoint_is("InService", "Updating", "SystemUpdating", "RollingBack"),
    )
    steps = [
        describe_endpoint("FindEndpoint", caught=[_unless_there("IsEndpointThere", [nothing])]),
        check("IsAnythingServed", serves, otherwise=nothing.name),
        describe_config("FindServingConfig", f"{SEEN}.EndpointConfigName", _SERVED),
        put("TakeServed", _VERSION, f"{_SERVED}.name"),
    ]
    return choose("IsVersionNamed", when(equals(_VERSION, ""), steps), otherwise=None)


def _find_version() -> list[Step]:
    """Its image and its archive. The name of a version ends in its commit and a unique word."""
    foreign = problem(
        "OtherModel",
        f"States.Format('{{}} is no version of this stack: {_SEE}', {_VERSION})",
        error="InvalidInput",
    )
    gone = problem(
        "VersionNotKept",
        f"States.Format('The version {{}} is not kept any more: {_SEE}', {_VERSION})",
    )
    parts = f"States.StringSplit({_VERSION}, '-')"
    commit = f"States.ArrayGetItem({parts}, States.MathAdd(States.ArrayLength({parts}), -2))"
    return [
        check(
            "IsVersion",
            matches(_VERSION, "${VersionPrefix}-*-*"),
            otherwise=[foreign],
            tokens={"VersionPrefix": version_prefix()},
        ),
        task(
            "FindVersion",
            "aws-sdk:sagemaker:describeModel",
            {"ModelName.$": _VERSION},
            grants=[allow("SeeVersions", [sagemaker.DescribeModel], [version_arns("model")])],
            at=_SOURCE,
            select={
                "image.$": "$.PrimaryContainer.Image",
                "archive.$": "$.PrimaryContainer.ModelDataUrl",
            },
            caught=[_unless_there("IsVersionThere", [gone])],
        ),
        put("ReadCommit", _READ, {"commit.$": commit}),
        put("TakeCommit", "$.commit", f"{_READ}.commit"),
    ]


_SEE = "`make status` and `aws sagemaker list-models` tell those that are there"


def _create_model(role: Role) -> Step:
    """The version's own model has the role of the endpoint, which may not read what is asked."""
    return task(
        "CreateModel",
        "sagemaker:createModel",
        {
            "ModelName.$": f"{_RUN}.model",
            "ExecutionRoleArn": f"${{{role.title}}}",
            "EnableNetworkIsolation": True,
            "PrimaryContainer": {
                "Image.$": f"{_SOURCE}.image",
                "ModelDataUrl.$": f"{_SOURCE}.archive",
                "Environment": {"MODEL_VERSION.$": _VERSION},
            },
            "Tags": [
                {"Key": "project", "Value": "${ProjectName}"},
                {"Key": "commit", "Value.$": "$.commit"},
            ],
        },
        grants=[
            allow("CreateModels", [sagemaker.CreateModel, sagemaker.AddTags], [batch_model_arns()]),
            *pass_role(f"Pass{role.title}", role, "sagemaker"),
        ],
        tokens={role.title: role.get_att("Arn"), "ProjectName": Ref("ProjectName")},
        roles=[role],
        at=_MODEL,
    )


def _transform(storage: Storage) -> list[Step]:
    """Each object is one request: a picture, or a body such as the endpoint gets."""
    request = {
        "ModelName.$": f"{_RUN}.model",
        "MaxConcurrentTransforms": _AT_ONCE,
        "MaxPayloadInMB": _MOST_MB,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": "$.input"}},
            "ContentType.$": "$.contentType",
            "SplitType": "None",
        },
        "TransformOutput": {
            "S3OutputPath.$": "$.output",
            "Accept": "application/json",
            "KmsKeyId": "${Key}",
        },
    }
    return job(
        "Transform",
        TRANSFORM,
        request,
        noun="Batch",
        result="$.transformJob",
        instance_type=_TYPE,
        machines={"InstanceCount": 1},
        role=None,
        key=storage.key,
        seconds=_SECONDS,
        tokens={"Key": storage.key.get_att("Arn")},
    )


def _delete_model(name: str, otherwise: Way) -> Step:
    """What stays behind where it cannot be deleted costs nothing, and `make destroy` finds it."""
    return task(
        name,
        "aws-sdk:sagemaker:deleteModel",
        {"ModelName.$": f"{_RUN}.model"},
        grants=_delete_models(),
        at="$.deleted",
        caught=[catch(otherwise, at="$.deleted")],
        then=otherwise,
    )


def _delete_models() -> list[Statement]:
    return [allow("DeleteModels", [sagemaker.DeleteModel], [batch_model_arns()])]


def _summarize() -> Step:
    kept = ("version", "commit", "input", "output")
    return put(
        "Summarize",
        None,
        {
            **{f"{each}.$": f"$.{each}" for each in kept},
            "job.$": "$.transformJob.TransformJobName",
        },
    )


def _unless_there(question: str, absent: list[Step]) -> State:
    """What is not there comes as an error without a name; any other is explained."""
    missing = all_of(present(_CAUSE), matches(_CAUSE, UNSEEN.format("")))
    return catch([choose(question, when(missing, absent), otherwise=EXPLAIN)])
