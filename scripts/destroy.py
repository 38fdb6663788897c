"""Remove the project: what runs, the stack, what it kept, and the bootstrap stack."""

import argparse
import sys
from collections.abc import Sequence

from scripts import launch, teardown
from scripts.clients import Clients
from scripts.console import Console
from scripts.inventory import Inventory, take
from scripts.session import (
    FAILED,
    INTERRUPTED,
    Problem,
    add_session_arguments,
    connect,
    guarded,
)
from scripts.stacks import bootstrap_name


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
    for project in found.projects:
        if project.alive:
            teardown.stop_work(clients, project, console)
    teardown.remove_served(clients, found, console)
    delete_stack(clients, stack, console)
    # What was being made when the work was stopped
    teardown.remove_served(clients, take(clients, stack), console)
    if keep_data:
        for line in take(clients, stack).lines():
            console.line(f"  kept      {line}")
        console.line(f"`make destroy STACK={stack}` removes the rest when you want it gone.")
        return 0
    for project in found.projects:
        teardown.remove_logs(clients, project, console)
    # Emptied before its stack goes: the bucket may be one that CloudFormation deletes
    for project in found.projects:
        if project.alive and project.stack == bootstrap_name(stack):
            for one in project.held:
                if one.type == "AWS::S3::Bucket":
                    teardown.empty_bucket(clients.s3, one.physical, console)
    delete_stack(clients, bootstrap_name(stack), console)
    for one in take(clients, stack).data:
        teardown.remove_data(clients, one, console)
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


def delete_stack(clients: Clients, name: str, console: Console) -> None:
    """Delete one stack if it is there; a running operation is waited for first."""
    living = launch.idle(clients.cloudformation, name, console)
    if living:
        launch.delete(clients.cloudformation, living, console)


def verdict(left: Inventory, stack: str, console: Console) -> int:
    """Say what is left; nothing is success."""
    if not left.lines():
        console.line(f"Nothing is left of {stack}.", "green")
        return 0
    console.line("This is left:", "red")
    for line in left.lines():
        console.line(f"  {line}")
    return FAILED


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


if __name__ == "__main__":
    sys.exit(main())
