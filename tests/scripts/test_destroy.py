"""Teardown removes what is the project's, all of it, and nothing else."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from scripts import destroy
from scripts.lib import inventory
from scripts.lib.console import Console
from scripts.lib.inventory import Inventory, StackRecord
from scripts.lib.logstreams import streams
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from scripts.lib.stacks import Held
from templates.workflows import job
from tests.scripts import versions
from tests.scripts.answers import START
from tests.scripts.conftest import Stubs

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/mine/0a1b2c3d-1111-2222"
PREFIX = "mlops-0a1b2c3d"
OURS, OTHERS = f"{PREFIX}-0123456789ab-00000000", f"other-{PREFIX}-1"


@pytest.fixture
def project() -> StackRecord:
    return StackRecord(STACK_ID, "mlops", [], True)


def bucket(clients: Clients) -> str:
    clients.s3.create_bucket(
        Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    clients.s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    return "data"


def serve(clients: Clients, endpoint: str, version: str) -> None:
    """A model, a config and an endpoint, as the deployment workflow makes them."""
    role = "arn:aws:iam::123456789012:role/hosting"
    clients.sagemaker.create_model(
        ModelName=version, ExecutionRoleArn=role, PrimaryContainer={"Image": "image"}
    )
    variant: Any = {
        "VariantName": "main",
        "ModelName": version,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }
    clients.sagemaker.create_endpoint_config(
        EndpointConfigName=version, ProductionVariants=[variant]
    )
    clients.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=version)


def test_versions_and_delete_markers_are_emptied(memory: Clients, console: Console) -> None:
    name = bucket(memory)
    for body in (b"one", b"two"):
        memory.s3.put_object(Bucket=name, Key="a", Body=body)
    memory.s3.delete_object(Bucket=name, Key="a")
    destroy.remove_kept(memory, Held("Data", "AWS::S3::Bucket", name, "DELETE_SKIPPED"), console)
    assert memory.s3.list_buckets()["Buckets"] == []


def test_every_page_of_a_large_bucket_is_emptied(clients: Clients, console: Console) -> None:
    sent: list[dict[str, Any]] = []
    clients.s3.meta.events.register(
        "provide-client-params.s3.DeleteObjects", lambda params, **_: sent.append(params)
    )
    with Stubber(clients.s3) as stub:
        for key, more in (("a", True), ("b", False)):
            listing: dict[str, Any] = {"Versions": [{"Key": key, "VersionId": "1"}]}
            if more:
                listing |= {"IsTruncated": True, "NextKeyMarker": "a", "NextVersionIdMarker": "1"}
            stub.add_response("list_object_versions", listing)
        for _ in range(2):  # several at once, in any order
            stub.add_response("delete_objects", {})
        destroy.empty_bucket(clients.s3, "data", console)
        stub.assert_no_pending_responses()
    batches = [{"Objects": [{"Key": key, "VersionId": "1"}], "Quiet": True} for key in "ab"]
    assert sorted(sent, key=str) == [{"Bucket": "data", "Delete": each} for each in batches]


def test_an_object_that_cannot_be_deleted_is_no_success(clients: Clients, console: Console) -> None:
    with Stubber(clients.s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "1"}]})
        error = {"Key": "a", "Code": "AccessDenied", "Message": "Access Denied"}
        stub.add_response("delete_objects", {"Errors": [error]})
        with pytest.raises(ClientError, match="AccessDenied"):
            destroy.empty_bucket(clients.s3, "data", console)


def test_only_what_s3_was_too_busy_for_is_asked_for_again(
    clients: Clients, console: Console
) -> None:
    sent: list[Any] = []
    clients.s3.meta.events.register(
        "provide-client-params.s3.DeleteObjects",
        lambda params, **_: sent.append(params["Delete"]["Objects"]),
    )
    a, b = ({"Key": key, "VersionId": "1"} for key in "ab")
    with Stubber(clients.s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [a, b]})
        stub.add_response("delete_objects", {"Errors": [{**b, "Code": "SlowDown"}]})
        stub.add_response("delete_objects", {})
        destroy.empty_bucket(clients.s3, "data", console)
    assert sent == [[a, b], [b]]


def test_s3_is_not_asked_for_ever(
    clients: Clients, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destroy, "TRIES", 2)
    one = {"Key": "a", "VersionId": "1"}
    with Stubber(clients.s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [one]})
        for _ in range(2):
            stub.add_response("delete_objects", {"Errors": [{**one, "Code": "InternalError"}]})
        with pytest.raises(ClientError, match="InternalError"):
            destroy.empty_bucket(clients.s3, "data", console)


def test_endpoint_config_and_model_go_and_another_projects_stay(
    memory: Clients, console: Console
) -> None:
    serve(memory, "mlops", OURS)
    serve(memory, "other", OTHERS)
    found = Inventory(
        endpoints=[one for one in [inventory.endpoint(memory, "mlops")] if one],
        configs=inventory.config_names(memory, PREFIX),
        models=inventory.model_names(memory, PREFIX),
    )
    assert (found.configs, found.models) == ([OURS], [OURS])
    destroy.remove_served(memory, found, console)
    assert inventory.endpoint(memory, "mlops") is None
    assert inventory.endpoint(memory, "other")
    left = memory.sagemaker.list_models()["Models"]
    assert [one["ModelName"] for one in left] == [OTHERS]


def test_scaling_goes_before_its_endpoint(memory: Clients, console: Console) -> None:
    serve(memory, "mlops", OURS)
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/mlops/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling = memory.application_autoscaling
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, **target)
    destroy.remove_endpoint(memory, "mlops", console)
    assert not scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]


def test_a_key_is_scheduled_and_then_no_longer_counted(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    key = memory.kms.create_key()["KeyMetadata"]["KeyId"]
    held = Held("Key", "AWS::KMS::Key", key, "DELETE_SKIPPED")
    assert inventory.exists(memory, held)
    destroy.remove_kept(memory, held, console)
    assert not inventory.exists(memory, held)
    assert "in 7 days" in page.getvalue()


def test_only_the_projects_streams_go_from_the_shared_log_group(
    memory: Clients, project: StackRecord, console: Console
) -> None:
    group = "/aws/sagemaker/TrainingJobs"
    memory.logs.create_log_group(logGroupName=group)
    mine = [f"{OURS}-{number}/algo-1" for number in range(60)]  # more than a page of them
    for stream in (*mine, f"{OTHERS}/algo-1"):
        memory.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    places = list(inventory.log_places(project))
    assert places == [
        *((f"/aws/sagemaker/{kind}Jobs", f"{PREFIX}-") for kind in inventory.JOBS[1:]),
        ("/aws/sagemaker/TrainingJobs", "0a1b2c3d-"),  # what a tuning job trains
    ]
    found = streams(memory.logs, group, f"{project.prefix}-")
    destroy.remove_streams(memory, Inventory(streams=[(group, one) for one in found]), console)
    assert streams(memory.logs, group) == [f"{OTHERS}/algo-1"]


REGISTERED = Held("Registered versions", "AWS::SageMaker::ModelPackageGroup", "mlops", "")


def test_registered_versions_go_before_their_group(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    """One of them went meanwhile."""
    versions.registry(stub, versions.description(2), versions.description(1), read=0)
    sagemaker = stub["sagemaker"]
    gone = ("ValidationException", "ModelPackage does not exist")
    sagemaker.add_client_error("delete_model_package", *gone)
    sagemaker.add_response("delete_model_package", {}, {"ModelPackageName": versions.arn(1)})
    sagemaker.add_response("delete_model_package_group", {}, {"ModelPackageGroupName": "mlops"})
    destroy.remove_kept(clients, REGISTERED, console)
    assert "deleted   SageMaker::ModelPackageGroup mlops" in page.getvalue()


@pytest.mark.parametrize(
    ("status", "there"), [("Completed", True), ("Deleting", False), ("DeleteFailed", True)]
)
def test_a_group_that_is_being_deleted_is_not_counted(
    clients: Clients, stub: Stubs, status: str, there: bool
) -> None:
    answer: dict[str, Any] = {
        "ModelPackageGroupName": "mlops",
        "ModelPackageGroupArn": versions.arn(1),
    }
    answer |= {"CreationTime": START, "CreatedBy": {}, "ModelPackageGroupStatus": status}
    stub["sagemaker"].add_response("describe_model_package_group", answer)
    assert inventory.exists(clients, REGISTERED) is there


@pytest.mark.parametrize("said", [versions.NO_GROUP, versions.NO_REGISTRY])
def test_where_there_is_no_group_or_no_registry_nothing_is_counted(
    clients: Clients, stub: Stubs, said: tuple[str, str]
) -> None:
    stub["sagemaker"].add_client_error("describe_model_package_group", *said)
    assert not inventory.exists(clients, REGISTERED)


@pytest.mark.parametrize(("holder", "ours"), [("", True), ("mine", True), ("another", False)])
def test_the_registered_versions_are_the_stacks_that_has_the_name(
    clients: Clients, stub: Stubs, project: StackRecord, holder: str, ours: bool
) -> None:
    """The name of a deleted project may be another's by now, and its models too."""
    resource = {"StackName": holder, "LogicalResourceId": "Pipeline", "Timestamp": START}
    resource |= {"ResourceType": "AWS::CodePipeline::Pipeline", "PhysicalResourceId": "mlops"}
    found = [resource | {"ResourceStatus": "CREATE_COMPLETE"}] if holder else []
    stub["cloudformation"].add_response("describe_stack_resources", {"StackResources": found})
    assert (inventory.versions(clients, [project, project]) == [REGISTERED]) is ours


def group(stub: Stubs, **tags: str) -> None:
    """A model package group of the project's name with these tags."""
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/mlops"
    answer: dict[str, Any] = {"ModelPackageGroupName": "mlops", "ModelPackageGroupArn": arn}
    answer |= {"CreationTime": START, "CreatedBy": {}, "ModelPackageGroupStatus": "Completed"}
    stub["sagemaker"].add_response("describe_model_package_group", answer)
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    stub["sagemaker"].add_response("list_tags", {"Tags": listed}, {"ResourceArn": arn})


@pytest.mark.parametrize(
    ("tags", "ours"), [({"project": "mlops"}, True), ({"project": "x"}, False), ({}, False)]
)
def test_a_group_that_the_workflow_has_not_made_is_somebody_elses(
    clients: Clients, stub: Stubs, tags: dict[str, str], ours: bool
) -> None:
    group(stub, **tags)
    assert inventory.is_tagged(clients, REGISTERED) is ours


def test_what_is_somebody_elses_is_left_and_told(console: Console, page: io.StringIO) -> None:
    found = Inventory(stacks=["mine"], others=[REGISTERED])
    assert found.lines() == ["stack mine"]
    destroy.plan(found, "mine", console, keep_data=False)
    said = " ".join(page.getvalue().split())
    assert "SageMaker::ModelPackageGroup mlops has no tag project=mlops" in said
    assert "left as it is" in said


def test_of_kept_versions_none_goes_on_waiting(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    """What would reject it after some days is gone with the stack."""
    versions.registry(stub, versions.description(2), read=0)
    why = "Its stack was removed while it waited for a decision"
    asked = {"ModelPackageArn": versions.arn(2), "ModelApprovalStatus": "Rejected"}
    answer = {"ModelPackageArn": versions.arn(2)}
    asked |= {"ApprovalDescription": why}
    stub["sagemaker"].add_response("update_model_package", answer, asked)
    destroy.let_none_wait(clients, "mlops", console)
    assert page.getvalue() == "  rejected  version 2, which waited for a decision\n"


def test_every_kind_of_job_that_a_workflow_can_start_is_known_to_the_teardown() -> None:
    kinds = {one.operations for one in vars(job).values() if isinstance(one, job.Kind)}
    assert set(inventory.JOBS) == kinds, "add the kind to JOBS in scripts/lib/inventory.py"


def test_what_went_meanwhile_is_no_failure(memory: Clients, console: Console) -> None:
    """Another `destroy` runs, or a person deletes things in the console."""
    kinds = [
        ("AWS::S3::Bucket", "gone"),
        ("AWS::ECR::Repository", "gone"),
        ("AWS::KMS::Key", "00000000-0000-0000-0000-000000000000"),
        ("AWS::Logs::LogGroup", "gone"),
    ]
    for kind, name in kinds:
        destroy.remove_kept(memory, Held("X", kind, name, "DELETE_SKIPPED"), console)
    key = memory.kms.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(2):
        destroy.remove_kept(memory, Held("X", "AWS::KMS::Key", key, "DELETE_SKIPPED"), console)
    destroy.remove_endpoint(memory, "gone", console)
    found = Inventory(configs=["gone"], models=["gone"], streams=[("gone", "gone")])
    destroy.remove_served(memory, found, console)
    destroy.remove_streams(memory, found, console)


def test_nothing_left_is_said_and_is_success(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    assert destroy.destroy(memory, "mine", console) == 0
    assert "Nothing is left of mine" in page.getvalue()


class Interrupted:
    """A terminal at which a person presses Ctrl-C."""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        raise KeyboardInterrupt


def test_ctrl_c_at_the_question_says_that_nothing_was_removed(
    memory: Clients, console: Console, page: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.cloudformation.create_stack(
        StackName="mine", TemplateBody="Resources: {Data: {Type: 'AWS::S3::Bucket'}}"
    )
    monkeypatch.setattr("sys.stdin", Interrupted())
    assert destroy.destroy(memory, "mine", console) == 130
    assert page.getvalue().endswith("\nNothing was removed.\n")
    assert len(memory.s3.list_buckets()["Buckets"]) == 1


def test_data_is_not_touched_without_the_stacks_name(
    memory: Clients, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.cloudformation.create_stack(
        StackName="mine", TemplateBody="Resources: {Data: {Type: 'AWS::S3::Bucket'}}"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("mine"))
    with pytest.raises(Problem, match="pass --yes"):
        destroy.destroy(memory, "mine", console)
    assert len(memory.s3.list_buckets()["Buckets"]) == 1
