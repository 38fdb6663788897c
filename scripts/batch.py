"""Let a version answer a heap of objects: pictures, NPY, JSON or CSV, of S3 or of this machine."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.batch")

import argparse
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from botocore.exceptions import ClientError

from scripts.lib import packages, stacks, workflow
from scripts.lib.approval import execution
from scripts.lib.console import Console
from scripts.lib.guard import guarded
from scripts.lib.kept import kept, of_package
from scripts.lib.problems import FAILED, Problem, error_code, is_gone, make
from scripts.lib.session import Clients, add_session_arguments, connect

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".npy": "application/x-npy",
    ".json": "application/json",
    ".csv": "text/csv",
}
LARGEST = 6 * 1024 * 1024  # what the model's server takes at once (container/serving)
BATCH, ANSWER = "batch/", ".out"  # of the artifact bucket; how answers end (CreateTransformJob)
TOLD = 20  # so often an upload is told of
NAMED = 3  # of many, so many are named


@dataclass(frozen=True)
class Item:
    """One thing to be answered: its name under the input, and its bytes."""

    name: str
    size: int


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.batch", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--output", default="", help="where answers go (a folder of its own)")
    parser.add_argument("--version", default="", help="who answers (what the endpoint serves)")
    parser.add_argument("--stop", default="", metavar="NAME", help="end a batch that goes on")
    parser.add_argument("input", nargs="?", default="", help="s3://…, a folder or a file")
    args = parser.parse_args(argv)

    def work() -> int:
        local = None if args.stop or args.input.startswith("s3://") else here(args.input)
        clients, console = connect(args.region, args.profile), Console()
        known = outputs(clients, args.stack)
        if args.stop:
            return stop(clients, known, args.stop, console)
        return batch(
            clients, known, local or args.input, args.output, args.version, console, args.stack
        )

    look = "A batch that has said that it started goes on in AWS; it said how to stop it, too."
    return guarded(work, look)


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    known = stacks.required_outputs(clients.cloudformation, stack)
    if "BatchWorkflowArn" not in known:
        raise Problem(
            f"stack {stack} was deployed before there were batches: {make('deploy', stack)} first"
        )
    return known


def batch(
    clients: Clients,
    known: Mapping[str, str],
    given: Path | str,
    output: str,
    version: str,
    console: Console,
    stack: str,
) -> int:
    """Look at everything first; then start one execution and follow it."""
    job = f"batch-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    own = f"s3://{known['ArtifactBucket']}/{BATCH}"
    target = slashed(output or f"{own}{job}/")
    if not target.startswith(own) or target == own:
        raise Problem(f"OUTPUT={output} is no folder under {own}, where answers of batches lie")
    if isinstance(given, str):
        source = slashed(given)
        check_place(source, known)
        if target.startswith(source):
            raise Problem(f"OUTPUT={target} lies in the input: the next batch would be asked that")
        items = listed(clients, source)
        if not items and PurePosixPath(given).suffix.lower() in TYPES:
            raise Problem(
                f"INPUT={given} is one object: pass its folder, or a file of this machine"
            )
    else:
        source, items = f"{own}{job}/input/", found(given)
    kind = content_type(items, str(given))
    name = meant(clients, known, version, stack) if version else ""
    if next(objects(clients, *split(target)), None):
        raise Problem(f"OUTPUT={target} holds something already: pass a folder of its own")
    console.line(f"{len(items)} of {kind}, {sum(one.size for one in items):,} bytes", "bold")
    if isinstance(given, Path):
        upload(clients, given, items, source, console)
    asked = {"input": source, "output": target, "version": name, "contentType": kind}
    clients.stepfunctions.start_execution(
        stateMachineArn=known["BatchWorkflowArn"], name=job, input=json.dumps(asked)
    )
    console.line(f"Started {job}; {make('batch', stack, f'STOP={job}')} stops it, Ctrl-C does not.")
    return follow(clients, execution(known["BatchWorkflowArn"], job), target, len(items), console)


def stop(clients: Clients, known: Mapping[str, str], name: str, console: Console) -> int:
    """The job ends with its workflow (Step Functions, `.sync`); what was answered stays."""
    arn = execution(known["BatchWorkflowArn"], name)
    try:
        ended = clients.stepfunctions.describe_execution(executionArn=arn)["status"]
        if ended != "RUNNING":
            console.line(f"{name} has ended as {ended}: there is nothing to stop.")
            return 0
        clients.stepfunctions.stop_execution(executionArn=arn)
    except ClientError as error:
        if error_code(error) in ("ExecutionDoesNotExist", "InvalidArn"):
            raise Problem(f"STOP={name}: there is no batch of that name") from None
        raise
    console.line(f"Stopped {name}; the answers that were written stay.")
    console.paragraph(
        "So does the model in SageMaker that was made for it alone, if it came so far. It costs "
        "nothing, and goes with the stack."
    )
    return 0


# ---- what is to be answered


def here(text: str) -> Path:
    """A folder or file of this machine."""
    if not text:
        raise Problem("pass INPUT=<s3://…, a folder or a file>: PNG, JPEG, NPY, JSON or CSV")
    path = Path(text)
    if not path.exists():
        raise Problem(f"INPUT={text} is not there; what lies in S3 begins with s3://")
    return path


def found(path: Path) -> list[Item]:
    """All files of a folder but hidden ones, or the one file."""
    if path.is_file():
        return [Item(path.name, path.stat().st_size)]
    names = sorted(one.relative_to(path) for one in path.rglob("*") if one.is_file())
    seen = [one for one in names if not any(part.startswith(".") for part in one.parts)]
    return [Item(one.as_posix(), (path / one).stat().st_size) for one in seen]


def listed(clients: Clients, source: str) -> list[Item]:
    """All objects under a folder of S3, without the markers that consoles make for folders."""
    bucket, prefix = split(source)
    try:
        return [one for one in objects(clients, bucket, prefix) if not one.name.endswith("/")]
    except ClientError as error:
        if is_gone(error):
            raise Problem(f"INPUT={source}: there is no such bucket") from None
        raise


def objects(clients: Clients, bucket: str, prefix: str) -> Iterator[Item]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for one in page.get("Contents", []):
            if one["Key"] != prefix:
                yield Item(one["Key"].removeprefix(prefix), one["Size"])


def check_place(source: str, known: Mapping[str, str]) -> None:
    """A batch reads the data of the stack, and what was left for batches."""
    ours = (f"s3://{known['DataBucket']}/", f"s3://{known['ArtifactBucket']}/{BATCH}")
    if not source.startswith(ours):
        raise Problem(
            f"INPUT={source} is none that a batch may read: copy it to {ours[0]}, or pass a folder "
            "of this machine, which is uploaded"
        )


def content_type(items: Sequence[Item], given: str) -> str:
    """The one type of all, by their names."""
    if not items:
        raise Problem(f"INPUT={given} holds nothing")
    kinds: dict[str, str] = {}
    for one in items:
        suffix = PurePosixPath(one.name).suffix.lower()
        if suffix not in TYPES:
            raise Problem(f"{one.name} in INPUT={given} is none of {', '.join(TYPES)}")
        kinds.setdefault(TYPES[suffix], one.name)
    if len(kinds) > 1:
        mixed = ", ".join(f"{name} ({kind})" for kind, name in kinds.items())
        raise Problem(f"INPUT={given} mixes types: {mixed}. Pass one type at a time")
    bad = [one.name for one in items if not 0 < one.size <= LARGEST]
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise Problem(
            f"{', '.join(bad[:NAMED])}{more} in INPUT={given} is empty or larger than the 6 MB "
            "that are answered at once: take it out, or split it"
        )
    return next(iter(kinds))


def meant(clients: Clients, known: Mapping[str, str], version: str, stack: str) -> str:
    """The name of the version that is to answer."""
    every = kept(clients, known["VersionPrefix"])
    fits = [one.name for one in every if one.is_meant(version)]
    if version in fits:
        return version
    if not fits:
        one = of_package(every, packages.find(clients, known, version, stack))
        if one is None:
            raise Problem(
                f"VERSION={version} is not kept: SageMaker has no model of it, not yet or "
                "not any more. "
                f"{make('models', stack)} lists others"
            )
        return one.name
    if len(fits) > 1:
        raise Problem(f"VERSION={version} fits {', '.join(fits)}: pass one of these")
    return fits[0]


def upload(
    clients: Clients, given: Path, items: Sequence[Item], source: str, console: Console
) -> None:
    bucket, prefix = split(source)
    told = -(-len(items) // TOLD)
    for number, one in enumerate(items, 1):
        if number % told == 0:
            console.live(f"uploading {number} of {len(items)}")
        path = given / one.name if given.is_dir() else given
        clients.s3.upload_file(str(path), bucket, prefix + one.name)
    console.line(f"Uploaded to {source}")


# ---- from the start to the answers


def follow(clients: Clients, arn: str, target: str, asked: int, console: Console) -> int:
    answer = workflow.follow(clients, arn, lambda now, _: console.live(now))
    answers = [one for one in objects(clients, *split(target)) if one.name.endswith(ANSWER)]
    if answer["status"] == "SUCCEEDED":
        told = workflow.parsed(answer.get("output", ""))
        console.line(f"{told.get('version')} answered {len(answers)} of {asked}.", "green")
        console.line(f"Each answer is NAME{ANSWER} under {target}")
        return 0
    console.line(f"It ended as {answer['status']}:", "red")
    console.paragraph(str(workflow.failure(clients.stepfunctions, arn)))
    console.paragraph(
        "The log group /aws/sagemaker/TransformJobs tells of each object that was not answered."
    )
    console.line(f"{len(answers)} of {asked} were answered, under {target}")
    return FAILED


def split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def slashed(uri: str) -> str:
    """A folder of S3: what only begins with the same letters is another."""
    return uri if uri.endswith("/") else f"{uri}/"
