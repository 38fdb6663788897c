"""Start the pipeline on the newest commit and follow it to its verdict.

With a reason to force it, the model goes on even if the gate refuses it.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.train")

import argparse
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.lib import stacks
from scripts.lib.console import Console
from scripts.lib.following import follow
from scripts.lib.guard import guarded
from scripts.lib.problems import Problem, make
from scripts.lib.session import Clients, add_session_arguments, connect

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import StartPipelineExecutionInputTypeDef

MARKS, LONGEST = "_.:/=+-@", 200
SOURCE = "Source"  # the pipeline's action that checks out (templates/parts/pipeline.py)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.train", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--force", metavar="REASON", help="why the model is wanted in any case")
    args = parser.parse_args(argv)

    def work() -> int:
        reason = None if args.force is None else cleaned(args.force)
        return train(connect(args.region, args.profile), args.stack, Console(), reason)

    return guarded(
        work, f"The pipeline goes on in AWS; look again with {make('status', args.stack)}."
    )


def cleaned(text: str) -> str:
    """A reason as the model's metadata take it: letters of any script, digits, blanks and
    `_.:/=+-@` (AWS: CreateModelPackage, CustomerMetadataProperties)."""
    composed = unicodedata.normalize("NFC", text)
    kept = (
        one if unicodedata.category(one)[0] in "LN" or one in MARKS else " " for one in composed
    )
    found = " ".join("".join(kept).split())
    if not any(one.isalnum() for one in found):
        raise Problem('FORCE= says why, for those who ask later: FORCE="the old one is biased"')
    if len(found) > LONGEST:
        raise Problem(f"FORCE= has {len(found)} characters: {LONGEST} fit")
    return found


def train(clients: Clients, stack: str, console: Console, reason: str | None = None) -> int:
    """Start one execution and follow it; answers the exit code."""
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
