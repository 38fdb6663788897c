"""Put the template, the first code and the seed data where the stack can read them."""

import argparse
import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from io import SEEK_END, BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from scripts.lib import changes, digits, operations, stacks
from scripts.lib.bootstrap import (
    CODE,
    SEED,
    TEMPLATE,
    bootstrap_name,
    metadata,
    read_template,
    template_key,
    template_url,
)
from scripts.lib.console import Console
from scripts.lib.problems import FAILED, Problem, guarded, overridden
from scripts.lib.session import Clients, add_role_argument, add_session_arguments, connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BOOTSTRAP, CONTAINER = Path("build/bootstrap.yaml"), Path("container")
CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
CACHES = {
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".mypy_cache",
    ".git",
    ".venv",
    ".DS_Store",
    ".ipynb_checkpoints",
}
# The oldest time a zip can hold: a checkout's own times would change the bytes
EPOCH = (1980, 1, 1, 0, 0, 0)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.upload", description=__doc__)
    add_session_arguments(parser)
    add_role_argument(parser)
    parser.add_argument("--yes", action="store_true", help="delete a failed creation's remains")
    parser.add_argument("--brief", action="store_true", help="do not say what to do next")
    args = parser.parse_args(argv)

    def work() -> int:
        console = Console()
        clients = connect(args.region, args.profile)
        link = upload(clients, args.stack, console, yes=args.yes, role=args.role)
        if args.brief:
            return 0
        console.line(f"Next: `make create-stack STACK={args.stack}`")
        if not overridden():
            console.line("or launch in the console:")
            console.line(f"  {link}")
        return 0

    return guarded(work, f"Run `make upload STACK={args.stack}` again: it goes on where it was.")


def upload(
    clients: Clients,
    stack: str,
    console: Console,
    *,
    folder: Path = digits.DATA,
    yes: bool = False,
    role: str = "",
) -> str:
    """Put everything the stack reads into the bootstrap bucket; answers the launch link.

    `folder` holds the seed data; without any, it gets the digits.
    """
    template, first = read_template(TEMPLATE), read_template(BOOTSTRAP)
    code = zip_bytes(CONTAINER, code_files(CONTAINER))
    if not list(folder.glob("*.tfrecords")):
        console.line(f"{folder} holds no data: writing the small digits set there")
        digits.write_digits(folder)
        console.line(f"{digits.write_sample(folder, 0)} is for `make predict IMAGE=…`")
    bucket = make_bucket(clients, stack, first, console, yes, role)
    key = template_key(template)
    console.line(f"s3://{bucket}")
    put(clients.s3, bucket, key, BytesIO(template.encode()), console)
    new = [put(clients.s3, bucket, CODE, BytesIO(code), console)]
    for path in sorted(folder.glob("*.tfrecords")):
        with path.open("rb") as records:
            new.append(put(clients.s3, bucket, SEED + path.name, records, console))
    if any(new):
        show_what_it_is_for(clients, stack, folder, console)
    return quick_create(
        template_url(bucket, key, clients.region, clients.partition),
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


def code_files(root: Path) -> list[Path]:
    """The code's files, relative to root and sorted: those of git, or all but caches."""
    if not root.is_dir():
        raise Problem(f"the code folder {root} is missing: run this in the project's folder")
    listed = git_files(root) or [
        path.relative_to(root) for path in root.rglob("*") if path.is_file() or path.is_symlink()
    ]
    files = [path for path in listed if not CACHES & set(path.parts) and path.suffix != ".pyc"]
    for path in files:
        found = root / path
        if found.is_dir() or (found.is_symlink() and not found.exists()):
            raise Problem(
                f"{found} is a submodule or a link to no file, which the first commit cannot hold: "
                "put the files themselves there, or remove it"
            )
    return sorted(path for path in files if (root / path).is_file())


def git_files(root: Path) -> list[Path]:
    """What git tracks or would add below root; nothing where git or the repository is absent."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *listing],
            capture_output=True,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(name) for name in answer.stdout.split("\0") if name]


def zip_bytes(root: Path, files: Iterable[Path]) -> bytes:
    """A zip of the files: fixed order and times, executable bits kept (CodeCommit reads them)."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.as_posix(), EPOCH)
            mode = 0o755 if os.access(root / path, os.X_OK) else 0o644
            entry.create_system = 3  # Unix: the only one whose mode bits are read
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / path).read_bytes())
    return buffer.getvalue()


def make_bucket(
    clients: Clients, stack: str, template: str, console: Console, yes: bool, role: str
) -> str:
    """Create or update the stack of the bootstrap bucket; answers the bucket's name."""
    name = bootstrap_name(stack)
    existing = operations.settle(clients.cloudformation, name, console, yes)
    change = changes.prepare(
        clients.cloudformation, name, existing is None, {"TemplateBody": template}, [], role
    )
    if change is not None:
        if any(one.loses_data for one in change.changes):
            changes.discard(clients.cloudformation, change)
            raise Problem(f"refused: the update of {name} would replace its bucket", FAILED)
        console.line(f"Stack {name}: the bucket for template, code and seed data")
        status, watch = operations.run(clients.cloudformation, change, console)
        if status not in operations.GOOD:
            raise Problem(f"stack {name} failed ({status}): {operations.cause(watch)}", FAILED)
    return stacks.required_outputs(clients.cloudformation, name)["Bucket"]


def put(
    s3: "S3Client", bucket: str, key: str, body: BytesIO | BufferedReader, console: Console
) -> bool:
    """Upload unless the same bytes are there; answers whether it did.

    Compared by our own digest: the ETag of an encrypted object is no MD5 (AWS: Object, ETag).
    """
    digest = hashlib.file_digest(body, "sha256").hexdigest()
    size = body.seek(0, SEEK_END)
    found = (metadata(s3, bucket, key) or {}).get("sha256")
    word = "unchanged" if found == digest else "uploaded "
    if found != digest:
        body.seek(0)
        s3.upload_fileobj(body, bucket, key, ExtraArgs={"Metadata": {"sha256": digest}})
    console.line(f"  {word}  {key.removeprefix('seed/')}  ({size:,} bytes)")
    return found != digest


def quick_create(
    template: str, stack: str, region: str, partition: str, parameters: dict[str, str]
) -> str:
    """A launch link with the form filled in (AWS: Create quick-create links for stacks)."""
    query = {"templateURL": template, "stackName": stack}
    query |= {f"param_{name}": value for name, value in parameters.items()}
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    console = CONSOLES.get(partition, "console.aws.amazon.com")
    home = f"https://{region}.{console}/cloudformation/home?region={region}"
    return f"{home}#/stacks/create/review?{pairs}"


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


if __name__ == "__main__":
    sys.exit(main())
