"""Train the newest commit that was built, with the data that is there, and follow that to its end.

With --rebuild the pipeline runs on the newest commit: its tests, its images, the training. With a
reason to force it, the model goes on even if the gate refuses it.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.train")

import argparse
import json
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scripts.lib import stacks, workflow
from scripts.lib.console import Console, clock
from scripts.lib.following import follow, tell_training
from scripts.lib.guard import guarded
from scripts.lib.problems import Problem, make
from scripts.lib.session import Clients, add_session_arguments, connect

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import StartPipelineExecutionInputTypeDef

MARKS, LONGEST, LONGEST_NAME = "_.:/=+-@", 200, 256
NEWEST = "retraining/newest.json"  # what was built last (templates/workflows/training/door.py)
SOURCE = "Source"  # the pipeline's action that checks out (templates/parts/pipeline.py)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.train", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--force", metavar="REASON", help="why the model is wanted in any case")
    parser.add_argument("--rebuild", action="store_true", help="test and build the commit first")
    args = parser.parse_args(argv)

    def work() -> int:
        reason = None if args.force is None else cleaned(args.force)
        act = rebuild if args.rebuild else train
        return act(connect(args.region, args.profile), args.stack, Console(), reason)

    after = f"A training that was begun goes on in AWS; {make('status', args.stack)} shows it."
    return guarded(work, after)


def cleaned(text: str) -> str:
    """A reason as it is kept with the model."""
    found = fitting(text)
    if not any(one.isalnum() for one in found):
        raise Problem('FORCE= says why, for those who ask later: FORCE="the old one is biased"')
    if len(found) > LONGEST:
        raise Problem(f"FORCE= has {len(found)} characters: {LONGEST} fit")
    return found


def fitting(text: str) -> str:
    """What the model's metadata take of a text: letters of any script, digits, blanks and
    `_.:/=+-@` (AWS: CreateModelPackage, CustomerMetadataProperties)."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        one if unicodedata.category(one)[0] in "LN" or one in MARKS else " " for one in composed
    )
    return " ".join("".join(kept).split())


def train(clients: Clients, stack: str, console: Console, reason: str | None = None) -> int:
    """Ask for a model, without building anything anew; answers the exit code."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    check_door(clients, known, stack)
    # A session's name may have a comma, which a model's metadata refuse
    by = fitting(clients.sts.get_caller_identity()["Arn"])[:LONGEST_NAME]
    event = str(uuid.uuid4())
    asked: dict[str, object] = {"trigger": {"kind": "person", "by": by, "id": event}}
    if reason:
        asked["force"] = {"reason": reason, "by": by}
        console.paragraph(f"Whatever it scores, the model goes on, because: {reason}")
    started = clients.stepfunctions.start_execution(
        stateMachineArn=known["TrainingWorkflowArn"], name=event, input=json.dumps(asked)
    )["executionArn"]
    console.line(f"Training workflow: execution {event}", "bold")
    return follow_training(clients, known, started, console, stack)


def check_door(clients: Clients, known: Mapping[str, str], stack: str) -> None:
    """Refuse what would only fail: a stack without the door, or one that has built nothing yet."""
    if not stacks.trains_by_itself(clients.cloudformation, stack):
        raise Problem(
            f"stack {stack} was deployed before it could train without a build: "
            f"{make('deploy', stack)} first, or {make('train', stack, 'REBUILD=1')}"
        )
    listed = clients.s3.list_objects_v2(Bucket=known["ArtifactBucket"], Prefix=NEWEST, MaxKeys=1)
    # The first training notes what was built as its turn comes: who waits behind it finds it
    if not listed.get("Contents") and not workflow.runs(
        clients.stepfunctions, known["TrainingWorkflowArn"]
    ):
        raise Problem(
            f"stack {stack} has built nothing to train with yet: push a commit, or "
            f"{make('train', stack, 'REBUILD=1')} builds the newest ({make('status', stack)} shows "
            "whether that is under way)"
        )


def follow_training(
    clients: Clients, known: Mapping[str, str], execution: str, console: Console, stack: str
) -> int:
    """Until it has ended; where it only joined another that waited, that one."""

    def tell(now: str, news: bool) -> None:
        if news:
            console.line(f"  {clock(console.elapsed)}  {now}")

    answer = workflow.follow(clients, execution, tell)
    output = workflow.parsed(answer.get("output", ""))
    if by := output.get("by"):
        console.paragraph(f"Another run waited already, which does what this one was to do: {by}")
        return follow_training(clients, known, str(by), console, stack)
    return tell_training(clients, known, execution, console, stack)


def rebuild(clients: Clients, stack: str, console: Console, reason: str | None = None) -> int:
    """Start one execution of the pipeline and follow it; answers the exit code."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    name = known["PipelineName"]
    if reason and "ApprovalWorkflowArn" not in known:
        raise Problem(
            f"stack {stack} was deployed before a model could be forced: {make('deploy', stack)} "
            "first"
        )
    wanted: StartPipelineExecutionInputTypeDef = {"name": name}
    commit = newest_commit(clients, stack, known["RepositoryName"]) if reason else ""
    if reason:
        wanted["variables"] = [{"name": "FORCE", "value": reason}]
        wanted["sourceRevisions"] = [
            {"actionName": SOURCE, "revisionType": "COMMIT_ID", "revisionValue": commit}
        ]
    started = clients.codepipeline.start_pipeline_execution(**wanted)["pipelineExecutionId"]
    console.line(f"Pipeline {name}: execution {started}", "bold")
    if reason:
        console.paragraph(
            f"Whatever it scores, the model of commit {commit[:12]} goes on, because: {reason}"
        )
    return follow(clients, known, started, console, stack)


def newest_commit(clients: Clients, stack: str, repository: str) -> str:
    """The commit that the branch has now: what is forced is that one, whatever is pushed before the
    run's turn comes."""
    found = stacks.describe(clients.cloudformation, stack)
    branch = stacks.parameters(found).get("BranchName", "") if found else ""
    answer = clients.codecommit.get_branch(repositoryName=repository, branchName=branch)
    return answer["branch"].get("commitId", "")
