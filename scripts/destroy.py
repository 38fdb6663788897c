"""Remove the project: what runs, the stack, what it kept, and the bootstrap stack."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.destroy")

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib import operations
from scripts.lib.bootstrap import bootstrap_name
from scripts.lib.console import Console, Pace
from scripts.lib.guard import guarded
from scripts.lib.inventory import Inventory, StackRecord, endpoint, ours, repository_name, take
from scripts.lib.logstreams import ENDPOINT_GROUP, TRAINING_GROUP, streams
from scripts.lib.problems import FAILED, INTERRUPTED, Problem, error_code
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.lib.stacks import Held

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

KEY_DAYS = 7  # the least AWS allows (AWS: ScheduleKeyDeletion, PendingWindowInDays)
MOVING = ("Creating", "Updating", "SystemUpdating", "RollingBack")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.destroy", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--keep-data",
        action="store_true",
        help="keep buckets, images, code, key and the bootstrap stack",
    )
    args = parser.parse_args(argv)
    return guarded(
        lambda: destroy(
            connect(args.region, args.profile),
            args.stack,
            Console(),
            yes=args.yes,
            keep_data=args.keep_data,
        ),
        f"Run `make destroy STACK={args.stack}` again: it goes on with what is left.",
    )


def destroy(
    clients: Clients, stack: str, console: Console, *, yes: bool = False, keep_data: bool = False
) -> int:
    """Remove everything of the project; safe to repeat after it was cut off."""
    found = take(clients, stack)
    if not found.lines():
        console.line(f"Nothing is left of {stack} in {clients.region}.", "green")
        return 0
    plan(found, stack, console, keep_data)
    if not yes:
        try:
            question = f"Type the stack's name ({stack}) to go on: "
            answer = console.ask(question, "--yes (make: YES=1)")
        except KeyboardInterrupt:
            console.line("\nNothing was removed.")
            return INTERRUPTED
        if answer != stack:
            raise Problem("that is not the stack's name: nothing was removed", FAILED)
    for record in found.records:
        if record.alive:
            stop_work(clients, record, console)
    remove_served(clients, found, console)
    delete_stack(clients, stack, console)
    # What was being made when the work was stopped
    remove_served(clients, take(clients, stack), console)
    if keep_data:
        for line in take(clients, stack).lines():
            console.line(f"  kept      {line}")
        console.line(f"`make destroy STACK={stack}` removes the rest when you want it gone.")
        return 0
    for record in found.records:
        remove_logs(clients, record, console)
    # Emptied before its stack goes: the bucket may be one that CloudFormation deletes
    for record in found.records:
        if record.alive and record.stack == bootstrap_name(stack):
            for bucket in record.physical("AWS::S3::Bucket"):
                empty_bucket(clients.s3, bucket, console)
    delete_stack(clients, bootstrap_name(stack), console)
    for one in take(clients, stack).data:
        remove_data(clients, one, console)
    return verdict(take(clients, stack), stack, console)


def plan(found: Inventory, stack: str, console: Console, keep_data: bool) -> None:
    """Show what will go and what holds data."""
    data = found.data_lines()
    if keep_data:
        data.append(f"stack {bootstrap_name(stack)}")
    console.line(f"To be removed of {stack}:", "bold")
    for line in found.lines():
        if line not in data:
            console.line(f"  {line}")
    console.line("Kept, as asked:" if keep_data else "With all their data, for good:", "bold")
    for line in data:
        console.line(f"  {line}", None if keep_data else "red")
    console.line("Records of training jobs stay: SageMaker cannot delete them; they cost nothing.")


def stop_work(clients: Clients, record: StackRecord, console: Console) -> None:
    """Stop what runs, so that nothing is made while everything goes."""
    for pipeline in record.physical("AWS::CodePipeline::Pipeline"):
        pages = clients.codepipeline.get_paginator("list_pipeline_executions")
        for page in pages.paginate(pipelineName=pipeline):
            for run in page["pipelineExecutionSummaries"]:
                if run.get("status") == "InProgress":
                    clients.codepipeline.stop_pipeline_execution(
                        pipelineName=pipeline,
                        pipelineExecutionId=run["pipelineExecutionId"],
                        abandon=True,
                        reason="the project is being destroyed",
                    )
                    console.line(f"  stopped   pipeline execution {run['pipelineExecutionId']}")
    # A state machine's physical ID is its ARN
    for machine in record.physical("AWS::StepFunctions::StateMachine"):
        running = clients.stepfunctions.list_executions(
            stateMachineArn=machine, statusFilter="RUNNING"
        )["executions"]
        for execution in running:
            clients.stepfunctions.stop_execution(executionArn=execution["executionArn"])
            console.line(f"  stopped   workflow execution {execution['name']}")
    stop_jobs(clients, record.prefix, console)


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


def delete_stack(clients: Clients, name: str, console: Console) -> None:
    """Delete one stack if it is there; a running operation is waited for first."""
    living = operations.idle(clients.cloudformation, name, console)
    if living:
        operations.delete(clients.cloudformation, living, console)


def remove_logs(clients: Clients, record: StackRecord, console: Console) -> None:
    """Delete the logs that services wrote for the project outside its stack.

    All training jobs of an account share one group, so there only the project's streams go.
    """
    if not record.name:
        return
    groups = [ENDPOINT_GROUP + record.name]
    groups += [f"/aws/codebuild/{record.name}-{part}" for part in ("test", "image", "train")]
    for group in groups:
        try:
            clients.logs.delete_log_group(logGroupName=group)
            console.line(f"  deleted   log group {group}")
        except clients.logs.exceptions.ResourceNotFoundException:
            continue
    found = streams(clients.logs, TRAINING_GROUP, f"{record.prefix}-")
    for stream in found:
        clients.logs.delete_log_stream(logGroupName=TRAINING_GROUP, logStreamName=stream)
    if found:
        console.line(f"  deleted   {len(found)} log streams in {TRAINING_GROUP}")


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
                code, message = error.get("Code", ""), error.get("Message", "")
                raise ClientError({"Error": {"Code": code, "Message": message}}, "DeleteObjects")
            gone += len(batch)
            console.live(f"emptying {bucket}: {gone} versions")


def verdict(left: Inventory, stack: str, console: Console) -> int:
    """Say what is left; nothing is success."""
    if not left.lines():
        console.line(f"Nothing is left of {stack}.", "green")
        return 0
    console.line("This is left:", "red")
    for line in left.lines():
        console.line(f"  {line}")
    return FAILED
