"""Start the pipeline on the newest commit and follow it to its verdict.

With a reason to force it, the model is deployed even if the gate refuses it.
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
    if reason:
        wanted["variables"] = [{"name": "FORCE", "value": reason}]
    started = clients.codepipeline.start_pipeline_execution(**wanted)["pipelineExecutionId"]
    console.line(f"Pipeline {name}: execution {started}", "bold")
    if reason:
        console.paragraph(f"Whatever it scores, the model is deployed, because: {reason}")
    return follow(clients, known, started, console, stack)
