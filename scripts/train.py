"""Start the pipeline on the newest commit and follow it to its verdict."""

import argparse
import sys
from collections.abc import Sequence

from scripts import stacks
from scripts.clients import Clients
from scripts.console import Console
from scripts.following import follow_pipeline, tell, tell_how_to_ask
from scripts.session import add_session_arguments, connect, guarded


def train(clients: Clients, stack: str, console: Console) -> int:
    """Start one execution and follow it; answers the exit code."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    name = known["PipelineName"]
    started = clients.codepipeline.start_pipeline_execution(name=name)["pipelineExecutionId"]
    console.line(f"Pipeline {name}: execution {started}", "bold")
    code = follow(clients, known, started, console)
    if code == 0:
        tell_how_to_ask(stack, console)
    return code


def follow(clients: Clients, known: dict[str, str], execution: str, console: Console) -> int:
    """Follow an execution and tell its verdict; `known` are the stack's outputs."""
    ending = follow_pipeline(
        clients, known["PipelineName"], execution, known["TrainingWorkflowArn"], console
    )
    return tell(clients, known, ending, console)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.train", description=__doc__)
    add_session_arguments(parser)
    args = parser.parse_args(argv)
    return guarded(
        lambda: train(connect(args.region, args.profile), args.stack, Console()),
        f"The pipeline goes on in AWS; look again with `make status STACK={args.stack}`.",
    )


if __name__ == "__main__":
    sys.exit(main())
