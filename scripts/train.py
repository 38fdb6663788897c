"""Start the pipeline on the newest commit and follow it to its verdict."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.train")

import argparse
from collections.abc import Sequence

from scripts.lib import stacks
from scripts.lib.console import Console
from scripts.lib.following import follow, tell_how_to_ask
from scripts.lib.guard import guarded
from scripts.lib.problems import make
from scripts.lib.session import Clients, add_session_arguments, connect


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.train", description=__doc__)
    add_session_arguments(parser)
    args = parser.parse_args(argv)
    return guarded(
        lambda: train(connect(args.region, args.profile), args.stack, Console()),
        f"The pipeline goes on in AWS; look again with {make('status', args.stack)}.",
    )


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
