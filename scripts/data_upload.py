"""Send a folder of training data to the stack, and its manifest last: that starts a training.

The manifest names each file with its size and SHA-256. Whoever trains refuses data that lacks some
of it, and an upload that is broken off starts nothing.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.data_upload")

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.lib import stacks
from scripts.lib.console import Console
from scripts.lib.digits import DATA
from scripts.lib.guard import guarded
from scripts.lib.problems import Problem, is_gone, make
from scripts.lib.session import Clients, add_session_arguments, connect

MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.data_upload", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--input", type=Path, default=DATA, help=f"the data's folder ({DATA})")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, console = connect(args.region, args.profile), Console()
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        upload(clients, known["DataBucket"], args.input, console)
        console.paragraph(
            f"The training begins by itself: {make('status', args.stack)} shows it. Data that the "
            "last model was trained on is not trained on again."
        )
        return 0

    return guarded(work, "No training was started: run it again, which sends what is missing.")


def upload(clients: Clients, bucket: str, folder: Path, console: Console) -> None:
    """Every file under data/, then the manifest. What is there with that content stays."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if path.name != MANIFEST and not path.name.startswith(".")]
    if not files:
        raise Problem(f"INPUT={folder} holds no files: `make data` makes some")
    listed: list[dict[str, Any]] = []
    for number, path in enumerate(files, 1):
        name = path.relative_to(folder).as_posix()
        found = {"key": name, "bytes": path.stat().st_size, "sha256": sha256(path)}
        console.live(f"{number} of {len(files)}: {name}")
        key = f"data/{name}"
        if not is_there(clients, bucket, key, found):
            more = {"Metadata": {"sha256": found["sha256"]}}
            clients.s3.upload_file(str(path), bucket, key, ExtraArgs=more)
        listed.append(found)
    body = json.dumps({"version": 1, "files": listed}, indent=1)
    clients.s3.put_object(Bucket=bucket, Key=f"data/{MANIFEST}", Body=body.encode())
    total = sum(each["bytes"] for each in listed)
    console.line(f"s3://{bucket}/data/: {len(files)} files, {total / 1e6:.1f} MB", "green")


def is_there(clients: Clients, bucket: str, key: str, file: dict[str, Any]) -> bool:
    """The same content, by what an earlier upload has noted of it."""
    try:
        answer = clients.s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_gone(error):
            return False
        raise
    same = answer["Metadata"].get("sha256") == file["sha256"]
    return bool(same and answer["ContentLength"] == file["bytes"])


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
