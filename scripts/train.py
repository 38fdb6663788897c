"""Start the pipeline on the newest commit and follow it to its verdict."""

import argparse
import sys
from collections.abc import Sequence

from scripts import stacks
from scripts.clients import Clients
from scripts.console import Console
from scripts.following import follow_pipeline
from scripts.session import FAILED, add_session_arguments, connect, guarded


def train(clients: Clients, stack: str, console: Console) -> int:
    """Start one execution and follow it; answers the exit code."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    name = known["PipelineName"]
    started = clients.codepipeline.start_pipeline_execution(name=name)["pipelineExecutionId"]
    console.line(f"Pipeline {name}: execution {started}", "bold")
    return follow(clients, known, started, console)


def follow(clients: Clients, known: dict[str, str], execution: str, console: Console) -> int:
    """Follow an execution and tell its verdict; `known` are the stack's outputs."""
    verdict = follow_pipeline(
        clients, known["PipelineName"], execution, known["TrainingWorkflowArn"], console
    )
    if verdict.succeeded:
        console.line(f"The model is served by endpoint {known['EndpointName']}.", "green")
        return 0
    console.line(f"The pipeline ended as {verdict.status}:", "red")
    for line in verdict.reason:
        console.paragraph(line)
    return FAILED


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
