"""Remove the project: what runs, the stack, what it kept, and the bootstrap stack."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.destroy")

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib import operations, stacks
from scripts.lib.bootstrap import bootstrap_name
from scripts.lib.console import Console, Pace
from scripts.lib.guard import guarded
from scripts.lib.inventory import Inventory, endpoint, named, repository_name, take
from scripts.lib.problems import FAILED, INTERRUPTED, Problem, error_code, is_gone, make
from scripts.lib.session import PATIENT, Clients, add_session_arguments, connect
from scripts.lib.stacks import Held
from scripts.lib.together import together
from scripts.lib.work import Work, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectVersionsOutputTypeDef, ObjectIdentifierTypeDef

PAGE = 100  # the most that SageMaker lists at once (ListModelPackages, MaxResults)
KEY_DAYS = 7  # the least AWS allows (AWS: ScheduleKeyDeletion, PendingWindowInDays)
# S3 takes 3,500 deletions a second of one prefix (Best practices design patterns: optimizing Amazon
# S3 performance), and a request asks for a thousand
EMPTIED_AT_ONCE = 2
# What S3 says of single keys, in an answer that has succeeded, so that no client repeats it (S3 API
# Reference, DeleteObjects; Error responses)
AGAIN, TRIES = ("SlowDown", "InternalError", "ServiceUnavailable"), 8
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
            connect(args.region, args.profile, PATIENT),
            args.stack,
            Console(),
            yes=args.yes,
            keep_data=args.keep_data,
        ),
        f"Run {make('destroy', args.stack)} again: it goes on with what is left.",
    )


def destroy(
    clients: Clients, stack: str, console: Console, *, yes: bool = False, keep_data: bool = False
) -> int:
    """Remove everything of the project; safe to repeat after it was cut off."""
    found = take(clients, stack)
    if not found.lines():
        tell_others(found, console)
        console.line(f"Nothing is left of {stack} in {clients.region}.", "green")
        return 0
    check_protection(clients, found)
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
    # Twice: what was being created or deleted when it was first looked at may have begun work since
    stop_work(clients, found, console)
    operations.idle(clients.cloudformation, stack, console)
    found = take(clients, stack, found)
    stop_work(clients, found, console)
    remove_served(clients, found, console)
    delete_stack(clients, stack, console)
    # What was being made when the work was stopped
    remade = take(clients, stack, found)
    remove_served(clients, remade, console)
    if keep_data:
        kept = take(clients, stack, remade)
        for one in kept.data:
            if one.type == "AWS::SageMaker::ModelPackageGroup":
                let_none_wait(clients, one.physical, console)
        for line in kept.lines():
            console.line(f"  kept      {line}")
        console.line(f"{make('destroy', stack)} removes the rest when you want it gone.")
        return 0
    # Emptied before its stack goes: the bucket may be one that CloudFormation deletes
    for record in found.records:
        if record.alive and record.stack == bootstrap_name(stack):
            for bucket in record.physical("AWS::S3::Bucket"):
                with unless_gone():
                    empty_bucket(clients.s3, bucket, console)
    delete_stack(clients, bootstrap_name(stack), console)
    left = take(clients, stack, remade)
    remove_streams(clients, left, console)
    for one in (*left.remade, *left.data):
        remove_kept(clients, one, console)
    return verdict(take(clients, stack, left), stack, console)


def check_protection(clients: Clients, found: Inventory) -> None:
    """Refuse to begin where the end is forbidden: a protected stack would lose all but itself."""
    for name in found.stacks:
        known = stacks.describe(clients.cloudformation, name)
        if known and known.get("EnableTerminationProtection"):
            raise Problem(
                f"stack {name} is protected from deletion: nothing was removed. If it is meant, "
                "`aws cloudformation update-termination-protection "
                f"--no-enable-termination-protection --stack-name {name}`, then repeat",
                FAILED,
            )


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
    tell_others(found, console)
    console.line("Records of training jobs stay: SageMaker cannot delete them; they cost nothing.")


def tell_others(found: Inventory, console: Console) -> None:
    """What has the project's name, and is not its own."""
    for one in found.others:
        console.paragraph(
            f"{named(one)} has no tag project={one.physical}: no workflow of this project has made "
            "it, so it is left as it is.",
            0,
        )


def stop_work(clients: Clients, found: Inventory, console: Console) -> None:
    """Stop what runs and wait for its end: until then it makes logs, reports and models anew."""
    pace, asked = Pace(), set[Work]()
    clients.make("codepipeline", "codebuild", "stepfunctions", "sagemaker")
    while left := [
        one
        for each in together(lambda record: running(clients, record), found.records)
        for one in each
    ]:
        for one in left:
            if one not in asked:
                asked.add(one)
                one.end()
                console.line(f"  stopped   {one}")
        console.live(f"waiting for the end of {', '.join(map(str, left))}")
        pace.wait()


@contextmanager
def unless_gone() -> Iterator[None]:
    """Another `destroy`, or a service, may have removed a thing since it was seen."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error) and "pending deletion" not in str(error):  # KMS's words
            raise


def remove_served(clients: Clients, found: Inventory, console: Console) -> None:
    """Delete the endpoints with their scaling, then what they were made of."""
    for one in found.endpoints:
        remove_endpoint(clients, one.name, console)
    sagemaker = clients.sagemaker

    @unless_gone()
    def delete_config(name: str) -> None:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)

    @unless_gone()
    def delete_model(name: str) -> None:
        sagemaker.delete_model(ModelName=name)

    configs, models = found.configs, found.models
    together(
        delete_config,
        configs,
        lambda done: console.line(f"  deleted   endpoint config {configs[done - 1]}"),
    )
    together(
        delete_model, models, lambda done: console.line(f"  deleted   model {models[done - 1]}")
    )


def remove_endpoint(clients: Clients, name: str, console: Console) -> None:
    """Delete one endpoint and wait; one that is changing cannot be deleted, so wait before, too."""
    pace, begun = Pace(), False
    while found := endpoint(clients, name):
        console.live(f"endpoint {name} is {found.status}: waiting for that to end")
        if not begun and found.status not in MOVING:
            begun = True
            remove_scaling(clients, name)
            try:
                clients.sagemaker.delete_endpoint(EndpointName=name)
            except ClientError:
                now = endpoint(clients, name)
                if now and now.status != "Deleting":
                    raise
        pace.wait()
    console.line(f"  deleted   endpoint {name}")


def remove_scaling(clients: Clients, name: str) -> None:
    """Let go of what scales an endpoint: its registration and policies would outlive it."""
    scaling = clients.application_autoscaling
    pages = scaling.get_paginator("describe_scalable_targets")
    for page in pages.paginate(ServiceNamespace="sagemaker"):
        for target in page["ScalableTargets"]:
            if target["ResourceId"].startswith(f"endpoint/{name}/"):
                with unless_gone():
                    scaling.deregister_scalable_target(
                        ServiceNamespace="sagemaker",
                        ResourceId=target["ResourceId"],
                        ScalableDimension=target["ScalableDimension"],
                    )


def delete_stack(clients: Clients, name: str, console: Console) -> None:
    """Delete one stack if it is there; a running operation is waited for first."""
    living = operations.idle(clients.cloudformation, name, console)
    if living:
        operations.delete(clients.cloudformation, living, console)


def remove_streams(clients: Clients, found: Inventory, console: Console) -> None:
    """Delete the project's streams in the log groups that all jobs of an account share."""
    logs = clients.logs

    @unless_gone()
    def delete(one: tuple[str, str]) -> None:
        logs.delete_log_stream(logGroupName=one[0], logStreamName=one[1])

    together(delete, found.streams)
    for group, number in Counter(group for group, _ in found.streams).items():
        console.line(f"  deleted   {number} log streams in {group}")


def remove_kept(clients: Clients, one: Held, console: Console) -> None:
    """Remove one resource that outlived its stack, with all that it holds."""
    word = "deleted "
    with unless_gone():
        match one.type:
            case "AWS::S3::Bucket":
                delete_bucket(clients.s3, one.physical, console)
            case "AWS::ECR::Repository":
                clients.ecr.delete_repository(repositoryName=one.physical, force=True)
            case "AWS::CodeCommit::Repository":
                if name := repository_name(clients, one.physical):
                    clients.codecommit.delete_repository(repositoryName=name)
            case "AWS::SageMaker::ModelPackageGroup":
                remove_versions(clients, one.physical, console)
            case "AWS::KMS::Key":
                word = f"scheduled for deletion in {KEY_DAYS} days (it cannot be sooner):"
                clients.kms.schedule_key_deletion(KeyId=one.physical, PendingWindowInDays=KEY_DAYS)
            case "AWS::Logs::LogGroup":
                clients.logs.delete_log_group(logGroupName=one.physical)
            case "AWS::CodeBuild::ReportGroup":
                clients.codebuild.delete_report_group(arn=one.physical, deleteReports=True)
            case _:
                return
    console.line(f"  {word}  {one.type.removeprefix('AWS::')} {one.physical}")


def remove_versions(clients: Clients, group: str, console: Console) -> None:
    """Delete a group of registered versions: only an empty one can be."""
    sagemaker = clients.sagemaker
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": PAGE}
    )
    found = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]

    @unless_gone()
    def delete(arn: str) -> None:
        sagemaker.delete_model_package(ModelPackageName=arn)

    def tell(done: int) -> None:
        console.live(f"deleting registered versions: {done} of {len(found)}")

    together(delete, found, tell)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def let_none_wait(clients: Clients, group: str, console: Console) -> None:
    """Reject the versions that wait: what would have done so is gone with the stack, and a later
    one knows nothing of them."""
    pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="PendingManualApproval"
    )
    for arn in [
        one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]
    ]:
        clients.sagemaker.update_model_package(
            ModelPackageArn=arn,
            ModelApprovalStatus="Rejected",
            ApprovalDescription="Its stack was removed while it waited for a decision",
        )
        console.line(f"  rejected  version {arn.rpartition('/')[2]}, which waited for a decision")


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

    def delete(page: "ListObjectVersionsOutputTypeDef") -> int:
        batch: list[ObjectIdentifierTypeDef] = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        found, pace, tries = len(batch), Pace(), 0
        while batch:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            tries += 1
            again = set[str]()
            for error in answer.get("Errors", []):
                code, message = error.get("Code", ""), error.get("Message", "")
                if code not in AGAIN or tries == TRIES:
                    raise ClientError(
                        {"Error": {"Code": code, "Message": message}}, "DeleteObjects"
                    )
                again.add(error.get("Key", ""))
            batch = [one for one in batch if one["Key"] in again]
            if batch:
                pace.wait()
        return found

    pages = iter(s3.get_paginator("list_object_versions").paginate(Bucket=bucket))
    while some := list(islice(pages, EMPTIED_AT_ONCE)):  # no more than these are held
        gone += sum(together(delete, some))
        if gone:
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
