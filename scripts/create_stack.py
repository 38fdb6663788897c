"""Create or update the stack from the uploaded template, by a change set that is shown first."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from scripts import changes, launch, links, package, parameters, stacks
from scripts.clients import Clients
from scripts.console import Console
from scripts.session import (
    FAILED,
    Problem,
    add_session_arguments,
    connect,
    error_code,
    guarded,
    overridden,
)

# The outputs that a person uses; pages of the console lead nowhere on another endpoint
SHOWN = ("RepositoryCloneUrl", "EndpointName", "DataUri")
PAGES = ("PipelineUrl", "TrainingWorkflowUrl", "EndpointUrl")
TEMPLATE = Path("build/mlops.yaml")
CODE, SEED = "seed/code.zip", "seed/data/"


def read_template(path: Path) -> str:
    """The generated template's text."""
    if not path.is_file():
        raise Problem(f"{path} is missing: run `make generate`")
    return path.read_text()


def uploaded(clients: Clients, stack: str, template: str) -> tuple[str, str]:
    """The bootstrap bucket and the template's address in it; the upload must have happened."""
    hint = f"run `make upload STACK={stack}` first"
    found = stacks.describe(clients.cloudformation, stacks.bootstrap_name(stack))
    bucket = stacks.outputs(found).get("Bucket") if found else None
    if not bucket:
        raise Problem(f"there is no bootstrap bucket for {stack}: {hint}")
    key = package.template_key(template.encode())
    for needed in (key, CODE):
        try:
            clients.s3.head_object(Bucket=bucket, Key=needed)
        except ClientError as error:
            if error_code(error) not in ("404", "NoSuchKey", "NotFound"):
                raise
            raise Problem(f"{needed} is not in {bucket}: {hint}") from None
    return bucket, links.template_url(bucket, key, clients.region, clients.partition)


def in_the_way(clients: Clients, project: str) -> list[str]:
    """Repositories named like the project that an earlier stack kept: a creation would collide."""
    found: list[str] = []
    try:
        clients.codecommit.get_repository(repositoryName=project)
        found.append(f"CodeCommit repository {project}")
    except clients.codecommit.exceptions.RepositoryDoesNotExistException:
        pass
    try:
        clients.ecr.describe_repositories(repositoryNames=[project])
        found.append(f"ECR repository {project}")
    except clients.ecr.exceptions.RepositoryNotFoundException:
        pass
    return found


def way_out(what: str, stack: str) -> str:
    """What a person can do about something kept from an earlier stack."""
    return (
        f"{what}: it was kept when an earlier stack went. Remove what was kept with "
        f"`make destroy STACK={stack}`, or choose another name with PARAMS='ProjectName=<name>'"
    )


def deploy(
    clients: Clients,
    stack: str,
    given: Mapping[str, str],
    console: Console,
    *,
    template: str,
    yes: bool = False,
    allow_replacement: bool = False,
    brief: bool = False,
) -> int:
    """Bring the stack to the template; answers the exit code. `brief`: not what to do next."""
    declared = parameters.declared(template)
    bucket, url = uploaded(clients, stack, template)
    existing = launch.settle(clients.cloudformation, stack, console, yes)
    wanted = {"BootstrapBucket": bucket, "CodeKey": CODE, "SeedDataPrefix": SEED, **given}
    if existing is None:
        wanted = {"ProjectName": stack, **wanted}
        kept = in_the_way(clients, wanted["ProjectName"])
        if kept:
            raise Problem(way_out(f"{' and '.join(kept)} already exists", stack), FAILED)
    previous = stacks.parameters(existing) if existing else None
    change = changes.prepare(
        clients.cloudformation,
        stack,
        existing is None,
        {"TemplateURL": url},
        parameters.for_change_set(wanted, declared, previous),
    )
    if change is None:
        console.line(f"Stack {stack} is up to date: no changes.", "green")
        return 0
    changes.show(console, change.changes)
    lost = [one.logical for one in change.changes if one.loses_data]
    if lost and not allow_replacement:
        changes.discard(clients.cloudformation, change, existing is None)
        raise Problem(
            f"refused: {', '.join(lost)} would lose data; if that is meant, "
            "pass --allow-replacement",
            FAILED,
        )
    status, watch = launch.run(clients.cloudformation, change, console)
    if status not in launch.GOOD:
        console.line(f"Stack {stack} failed ({status}). The first failure:", "red")
        console.paragraph(launch.cause(watch))
        if "already exists" in launch.cause(watch):
            console.line(way_out("Something of that name already exists", stack))
        return FAILED
    known = stacks.required_outputs(clients.cloudformation, stack)
    show_outputs(known, console)
    if not brief:
        show_next(known, stack, console, new=existing is None)
    return 0


def show_outputs(known: Mapping[str, str], console: Console) -> None:
    """The outputs that a person uses, as two columns."""
    console.line("Outputs", "bold")
    names = [name for name in SHOWN + (() if overridden() else PAGES) if name in known]
    for name in names:
        console.line(f"  {name.ljust(max(map(len, names)))}  {known[name]}")


def show_next(known: Mapping[str, str], stack: str, console: Console, *, new: bool) -> None:
    """What to do with the stack now."""
    console.line(f"All outputs: `aws cloudformation describe-stacks --stack-name {stack}`")
    if not new:
        console.line(f"Counts for what starts from now on: push, or `make train STACK={stack}`.")
        return
    console.line("The first pipeline execution has started:")
    console.line(f"  `make logs STACK={stack}` follows it, `make status STACK={stack}` shows it.")
    if "RepositoryCloneUrl" in known:
        console.line("Clone the model's repository:")
        console.line(f"  git clone {known['RepositoryCloneUrl']}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.create_stack", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="Key=Value", help="may be repeated"
    )
    parser.add_argument("--parameters", default="", help="several: 'Key=Value Key=Value'")
    parser.add_argument("--yes", action="store_true", help="delete a failed creation's remains")
    parser.add_argument(
        "--allow-replacement", action="store_true", help="replace resources that hold data"
    )
    args = parser.parse_args(argv)

    def work() -> int:
        try:
            given = parameters.parse(args.parameter + shlex.split(args.parameters))
        except ValueError as error:
            raise Problem(f"PARAMS={args.parameters} cannot be read: {error}") from None
        template = read_template(TEMPLATE)
        parameters.check(given, parameters.declared(template))  # before any call to AWS
        return deploy(
            connect(args.region, args.profile),
            args.stack,
            given,
            Console(),
            template=template,
            yes=args.yes,
            allow_replacement=args.allow_replacement,
        )

    return guarded(
        work,
        f"The stack goes on in AWS; look again with `make create-stack STACK={args.stack}`.",
    )


if __name__ == "__main__":
    sys.exit(main())
