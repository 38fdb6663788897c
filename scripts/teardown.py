"""Removing what a project holds, each step safe to repeat."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts import workflow
from scripts.clients import Clients
from scripts.console import Console, Pace
from scripts.inventory import Inventory, Project, endpoint, ours, repository_name
from scripts.logs import ENDPOINT_GROUP, TRAINING_GROUP
from scripts.logstreams import streams
from scripts.session import error_code
from scripts.stacks import Held

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

KEY_DAYS = 7  # the least AWS allows (AWS: ScheduleKeyDeletion, PendingWindowInDays)
MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack")


def stop_work(clients: Clients, project: Project, console: Console) -> None:
    """Stop what runs, so that nothing is made while everything goes."""
    for one in project.held:
        if one.type == "AWS::CodePipeline::Pipeline":
            pages = clients.codepipeline.get_paginator("list_pipeline_executions")
            for page in pages.paginate(pipelineName=one.physical):
                for run in page["pipelineExecutionSummaries"]:
                    if run.get("status") == "InProgress":
                        clients.codepipeline.stop_pipeline_execution(
                            pipelineName=one.physical,
                            pipelineExecutionId=run["pipelineExecutionId"],
                            abandon=True,
                            reason="the project is being destroyed",
                        )
                        console.line(f"  stopped   pipeline execution {run['pipelineExecutionId']}")
    for machine in workflow.machines(project.held):
        running = clients.stepfunctions.list_executions(
            stateMachineArn=machine, statusFilter="RUNNING"
        )["executions"]
        for execution in running:
            clients.stepfunctions.stop_execution(executionArn=execution["executionArn"])
            console.line(f"  stopped   workflow execution {execution['name']}")
    stop_jobs(clients, project.prefix, console)


def stop_jobs(clients: Clients, prefix: str, console: Console) -> None:
    """Stop the project's running training jobs; their records cannot be deleted."""
    found = clients.sagemaker.list_training_jobs(
        NameContains=prefix, StatusEquals="InProgress", MaxResults=100
    )["TrainingJobSummaries"]
    for name in ours((one["TrainingJobName"] for one in found), prefix):
        clients.sagemaker.stop_training_job(TrainingJobName=name)
        console.line(f"  stopped   training job {name}")


def remove_served(clients: Clients, found: Inventory, console: Console) -> None:
    """Delete the endpoints with their scaling, then what they were made of."""
    for one in found.endpoints:
        remove_endpoint(clients, one.name, console)
    for config in found.configs:
        clients.sagemaker.delete_endpoint_config(EndpointConfigName=config)
        console.line(f"  deleted   endpoint config {config}")
    for model in found.models:
        clients.sagemaker.delete_model(ModelName=model)
        console.line(f"  deleted   model {model}")


def remove_endpoint(clients: Clients, name: str, console: Console) -> None:
    """Delete one endpoint and wait; one that is changing cannot be deleted, so wait before, too."""
    pace = Pace()
    while (found := endpoint(clients, name)) and found.status in MOVING:
        console.live(f"endpoint {name} is {found.status}: it can be deleted after that")
        pace.wait()
    if found is None:
        return
    scaling = clients.application_autoscaling
    variants = clients.sagemaker.describe_endpoint(EndpointName=name).get("ProductionVariants", [])
    resources = [f"endpoint/{name}/variant/{one['VariantName']}" for one in variants]
    if resources:
        targets = scaling.describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=resources
        )["ScalableTargets"]
        for target in targets:
            scaling.deregister_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=target["ResourceId"],
                ScalableDimension=target["ScalableDimension"],
            )
    if found.status != "Deleting":
        clients.sagemaker.delete_endpoint(EndpointName=name)
    pace = Pace()
    while endpoint(clients, name):
        console.live(f"endpoint {name} is being deleted")
        pace.wait()
    console.line(f"  deleted   endpoint {name}")


def remove_data(clients: Clients, one: Held, console: Console) -> None:
    """Remove one kept resource with all that it holds."""
    word = "deleted "
    if one.type == "AWS::S3::Bucket":
        delete_bucket(clients.s3, one.physical, console)
    elif one.type == "AWS::ECR::Repository":
        clients.ecr.delete_repository(repositoryName=one.physical, force=True)
    elif one.type == "AWS::CodeCommit::Repository":
        name = repository_name(clients, one.physical)
        clients.codecommit.delete_repository(repositoryName=name)
    elif one.type == "AWS::KMS::Key":
        clients.kms.schedule_key_deletion(KeyId=one.physical, PendingWindowInDays=KEY_DAYS)
        word = f"scheduled for deletion in {KEY_DAYS} days (it cannot be sooner):"
    elif one.type == "AWS::Logs::LogGroup":
        clients.logs.delete_log_group(logGroupName=one.physical)
    else:
        return
    console.line(f"  {word}  {one.type.removeprefix('AWS::')} {one.physical}")


def delete_bucket(s3: "S3Client", bucket: str, console: Console, tries: int = 5) -> None:
    """Empty and delete a bucket; again if access logs arrived in between."""
    for left in reversed(range(tries)):
        empty_bucket(s3, bucket, console)
        try:
            s3.delete_bucket(Bucket=bucket)
            return
        except ClientError as error:
            if error_code(error) != "BucketNotEmpty" or not left:
                raise


def empty_bucket(s3: "S3Client", bucket: str, console: Console) -> None:
    """Delete every version and delete marker, a thousand at a time (AWS: DeleteObjects)."""
    gone = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        batch: list[ObjectIdentifierTypeDef] = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if batch:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            for error in answer.get("Errors", [])[:1]:
                raise ClientError({"Error": dict(error)}, "DeleteObjects")  # type: ignore[typeddict-item]
            gone += len(batch)
            console.live(f"emptying {bucket}: {gone} versions")


def remove_logs(clients: Clients, project: Project, console: Console) -> None:
    """Delete the logs that services wrote for the project outside its stack.

    All training jobs of an account share one group, so there only the project's streams go.
    """
    if not project.name:
        return
    groups = [ENDPOINT_GROUP + project.name]
    groups += [f"/aws/codebuild/{project.name}-{part}" for part in ("test", "image", "train")]
    for group in groups:
        try:
            clients.logs.delete_log_group(logGroupName=group)
            console.line(f"  deleted   log group {group}")
        except clients.logs.exceptions.ResourceNotFoundException:
            continue
    found = streams(clients.logs, TRAINING_GROUP, f"{project.prefix}-")
    for stream in found:
        clients.logs.delete_log_stream(logGroupName=TRAINING_GROUP, logStreamName=stream)
    if found:
        console.line(f"  deleted   {len(found)} log streams in {TRAINING_GROUP}")
