"""What a project holds is found also after its stack is gone; what is gone is not counted."""

import pytest
from botocore.stub import Stubber

from scripts.lib import inventory
from scripts.lib.session import Clients
from scripts.lib.stacks import Held
from tests.scripts.answers import MISSING, STACK_ID, START


def test_what_a_deleted_stack_kept_is_found_by_its_events(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    cloudformation = stub["cloudformation"]
    deleted = {"StackName": "mlops", "StackStatus": "DELETE_COMPLETE", "CreationTime": START}
    cloudformation.add_client_error("describe_stacks", *MISSING)
    cloudformation.add_response(
        "list_stacks", {"StackSummaries": [deleted | {"StackId": STACK_ID}]}
    )
    name = {"ParameterKey": "ProjectName", "ParameterValue": "prj"}
    cloudformation.add_response(
        "describe_stacks", {"Stacks": [deleted | {"StackId": STACK_ID, "Parameters": [name]}]}
    )
    event = {"StackId": STACK_ID, "StackName": "mlops", "EventId": "1", "Timestamp": START}
    event |= {"LogicalResourceId": "Data", "ResourceType": "AWS::S3::Bucket"}
    kept = event | {"PhysicalResourceId": "data", "ResourceStatus": "DELETE_SKIPPED"}
    taken = kept | {"PhysicalResourceId": "taken"}
    gone = event | {"PhysicalResourceId": "logs", "ResourceStatus": "DELETE_COMPLETE"}
    # Made anew by a build that outlived the stack
    group = {"LogicalResourceId": "TestBuildLogs", "ResourceType": "AWS::Logs::LogGroup"}
    anew = gone | group | {"PhysicalResourceId": "/aws/codebuild/prj-test"}
    # Kept by a rollback and by the deletion after it: one thing all the same
    events = [kept | {"EventId": "2"}, kept, gone, taken, anew]
    for page in (events[:3], events[3:]):
        more = {} if anew in page else {"NextToken": "2"}
        cloudformation.add_response("describe_stack_events", {"StackEvents": page, **more})
    cloudformation.add_client_error("describe_stacks", *MISSING)
    cloudformation.add_response("list_stacks", {"StackSummaries": []})
    stub["sagemaker"].add_client_error(
        "describe_endpoint", "ValidationException", "Could not find endpoint"
    )
    contained = {"NameContains": "prj-0a1b2c3d"}
    stub["sagemaker"].add_response("list_endpoint_configs", {"EndpointConfigs": []}, contained)
    for prefix in ("prj-0a1b2c3d", "prj-batch-0a1b2c3d"):
        asked = {"NameContains": prefix}
        stub["sagemaker"].add_response("list_models", {"Models": []}, asked)
    logs, stream = stub["logs"], {"logStreamName": "prj-0a1b2c3d-0123/algo-1"}
    for found in ([stream], [], [], []):
        logs.add_response("describe_log_streams", {"logStreams": found})
    holder(stub, "prj", "")  # of the versions' group
    missing = ("ValidationException", "ModelPackageGroup prj does not exist")
    for _ in range(2):
        stub["sagemaker"].add_client_error("describe_model_package_group", *missing)
    for bucket in ("taken", "data"):
        stub["s3"].add_response("head_bucket", {}, {"Bucket": bucket})
        holder(stub, bucket, "another" if bucket == "taken" else "")
    near = {"logGroupName": "/aws/codebuild/prj-test2"}
    logs.add_response("describe_log_groups", {"logGroups": [near]})
    assert inventory.take(clients, "mlops").lines() == [
        "1 log streams in /aws/sagemaker/TrainingJobs",
        "Data: S3::Bucket data",
    ]


def test_the_events_of_a_deleted_stack_are_read_once(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    ended = inventory.StackRecord(STACK_ID, "prj", [], False)
    deleted = {"StackName": "mlops", "StackStatus": "DELETE_COMPLETE", "CreationTime": START}
    for summaries in ([deleted | {"StackId": STACK_ID}], []):
        stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
        stub["cloudformation"].add_response("list_stacks", {"StackSummaries": summaries})
    assert list(inventory.records(clients, "mlops", {STACK_ID: ended})) == [ended]


def holder(stub: dict[str, Stubber], physical: str, stack: str) -> None:
    """Which stack holds a resource, if any does (DescribeStackResources)."""
    asked = {"PhysicalResourceId": physical}
    if not stack:
        said = ("ValidationError", f"Stack for {physical} does not exist")
        stub["cloudformation"].add_client_error(
            "describe_stack_resources", *said, expected_params=asked
        )
        return
    resource = {"StackName": stack, "LogicalResourceId": "X", "Timestamp": START}
    resource |= {"ResourceType": "AWS::S3::Bucket", "ResourceStatus": "CREATE_COMPLETE"}
    answer = {"StackResources": [resource | {"PhysicalResourceId": physical}]}
    stub["cloudformation"].add_response("describe_stack_resources", answer, asked)


def test_an_error_that_is_not_a_missing_stack_is_not_swallowed(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    stub["cloudformation"].add_client_error("describe_stacks", "AccessDenied", "no")
    with pytest.raises(clients.cloudformation.exceptions.ClientError):
        inventory.take(clients, "mlops")


def test_a_repository_is_found_by_the_id_that_ref_gives(memory: Clients) -> None:
    made = memory.codecommit.create_repository(repositoryName="mlops")["repositoryMetadata"]
    physical = made["repositoryId"]
    with Stubber(memory.codecommit) as stub:
        listing = {"repositories": [{"repositoryName": "mlops", "repositoryId": physical}]}
        stub.add_response("list_repositories", listing)
        assert inventory.repository_name(memory, physical) == "mlops"
        stub.add_response("list_repositories", listing)
        assert inventory.repository_name(memory, "another") == ""


def test_what_is_already_gone_is_not_counted(memory: Clients) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::ECR::Repository"):
        assert not inventory.exists(memory, Held("X", kind, "gone", "DELETE_SKIPPED"))
