"""Put the template, the first code and the seed data where the stack can read them."""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from io import SEEK_END, BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts import changes, data, launch, links, package, stacks
from scripts.clients import Clients
from scripts.console import Console
from scripts.create_stack import CODE, SEED, TEMPLATE, read_template
from scripts.session import (
    FAILED,
    Problem,
    add_session_arguments,
    connect,
    error_code,
    guarded,
    overridden,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BOOTSTRAP, CONTAINER, DATA = Path("build/bootstrap.yaml"), Path("container"), Path("build/data")


def bootstrap(clients: Clients, stack: str, template: str, console: Console, yes: bool) -> str:
    """Create or update the stack of the bootstrap bucket; answers the bucket's name."""
    name = stacks.bootstrap_name(stack)
    existing = launch.settle(clients.cloudformation, name, console, yes)
    change = changes.prepare(
        clients.cloudformation, name, existing is None, {"TemplateBody": template}, []
    )
    if change is not None:
        if any(one.loses_data for one in change.changes):
            changes.discard(clients.cloudformation, change, existing is None)
            raise Problem(f"refused: the update of {name} would replace its bucket", FAILED)
        console.line(f"Stack {name}: the bucket for template, code and seed data")
        status, watch = launch.run(clients.cloudformation, change, console)
        if status not in launch.GOOD:
            raise Problem(f"stack {name} failed ({status}): {launch.cause(watch)}", FAILED)
    return stacks.required_outputs(clients.cloudformation, name)["Bucket"]


def put(
    s3: "S3Client", bucket: str, key: str, body: BytesIO | BufferedReader, console: Console
) -> bool:
    """Upload unless the same bytes are there; answers whether it did.

    Compared by our own digest: the ETag of an encrypted object is no MD5 (AWS: Object, ETag).
    """
    digest = hashlib.file_digest(body, "sha256").hexdigest()
    size = body.seek(0, SEEK_END)
    try:
        found = s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256")
    except ClientError as error:
        if error_code(error) not in ("404", "NoSuchKey", "NotFound"):
            raise
        found = None
    word = "unchanged" if found == digest else "uploaded "
    if found != digest:
        body.seek(0)
        s3.upload_fileobj(body, bucket, key, ExtraArgs={"Metadata": {"sha256": digest}})
    console.line(f"  {word}  {key.removeprefix('seed/')}  ({size:,} bytes)")
    return found != digest


def upload(
    clients: Clients, stack: str, console: Console, *, folder: Path = DATA, yes: bool = False
) -> str:
    """Put everything the stack reads into the bootstrap bucket; answers the launch link.

    `folder` holds the seed data; without any, it gets the digits.
    """
    template, first = read_template(TEMPLATE), read_template(BOOTSTRAP)
    code = package.zip_bytes(CONTAINER, package.code_files(CONTAINER))
    if not list(folder.glob("*.tfrecords")):
        console.line(f"{folder} holds no data: writing the small digits set there")
        data.write_digits(folder)
        console.line(f"{data.write_sample(folder, 0)} is for `make predict IMAGE=…`")
    bucket = bootstrap(clients, stack, first, console, yes)
    key = package.template_key(template.encode())
    console.line(f"s3://{bucket}")
    put(clients.s3, bucket, key, BytesIO(template.encode()), console)
    new = [put(clients.s3, bucket, CODE, BytesIO(code), console)]
    for path in sorted(folder.glob("*.tfrecords")):
        with path.open("rb") as records:
            new.append(put(clients.s3, bucket, SEED + path.name, records, console))
    if any(new):
        show_what_it_is_for(clients, stack, folder, console)
    return links.quick_create(
        links.template_url(bucket, key, clients.region, clients.partition),
        stack,
        clients.region,
        clients.partition,
        {
            "ProjectName": stack,
            "BootstrapBucket": bucket,
            "CodeKey": CODE,
            "SeedDataPrefix": SEED,
        },
    )


def show_what_it_is_for(clients: Clients, stack: str, folder: Path, console: Console) -> None:
    """Where the stack exists already: code and data here change nothing in it; say what does."""
    found = stacks.describe(clients.cloudformation, stack)
    known = stacks.outputs(found) if found else {}
    if "RepositoryCloneUrl" not in known:
        return
    console.line(f"Stack {stack} exists: code and data here are for a new stack only.", "yellow")
    console.line("Change the model with git push to")
    console.line(f"  {known['RepositoryCloneUrl']}")
    console.line(f"Change the data with this, then `make train STACK={stack}`:")
    console.line(f"  aws s3 sync {folder} {known['DataUri']} \\")
    console.line('    --exclude "*" --include "*.tfrecords"')


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.upload", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="delete a failed creation's remains")
    parser.add_argument("--brief", action="store_true", help="do not say what to do next")
    args = parser.parse_args(argv)

    def work() -> int:
        console = Console()
        link = upload(connect(args.region, args.profile), args.stack, console, yes=args.yes)
        if args.brief:
            return 0
        console.line(f"Next: `make create-stack STACK={args.stack}`")
        if not overridden():
            console.line("or launch in the console:")
            console.line(f"  {link}")
        return 0

    return guarded(work, f"Run `make upload STACK={args.stack}` again: it goes on where it was.")


if __name__ == "__main__":
    sys.exit(main())
