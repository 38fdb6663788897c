"""Send a folder of training data to the stack, and its manifest last: that starts a training.

The manifest names each file with its size and SHA-256. Whoever trains refuses data that is not what
it says, and an upload that is broken off starts nothing.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.data_upload")

import argparse
import hashlib
import json
import os
import shlex
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.lib import stacks
from scripts.lib.console import Console
from scripts.lib.digits import DATA
from scripts.lib.guard import guarded
from scripts.lib.problems import Problem, is_gone, make
from scripts.lib.session import Clients, add_session_arguments, connect

FOLDER, MANIFEST = "data/", "manifest.json"
# What starts a training (templates/workflows/training/triggers.py): the one is written here, the
# other would start it in the middle
STARTING = (MANIFEST, "_SUCCESS")
MIXED = ".tfrecords"  # what is trained on wherever it lies (container/training/checks.py)
LONGEST_KEY = 1024  # bytes (Naming Amazon S3 objects, S3 User Guide)
CHUNK_BYTES, NAMED = 1 << 20, 10


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.data_upload", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--input", type=Path, default=DATA, help=f"the data's folder ({DATA})")
    args = parser.parse_args(argv)

    def work() -> int:
        send(connect(args.region, args.profile), args.stack, args.input, Console())
        return 0

    return guarded(work, "No training was started: run it again, which sends what is missing.")


def send(clients: Clients, stack: str, folder: Path, console: Console) -> None:
    known = stacks.required_outputs(clients.cloudformation, stack)
    if not stacks.trains_by_itself(clients.cloudformation, stack):
        raise Problem(
            f"stack {stack} was deployed before data could start a training: "
            f"{make('deploy', stack)} first"
        )
    if upload(clients, known["DataBucket"], folder, console):
        console.paragraph(
            f"The training begins by itself: {make('status', stack)} shows it, and the topic tells "
            "how it ends. Data that the last model was trained on is not trained on again."
        )
    else:
        console.paragraph(
            f"Nothing was sent, and no training begins: all of it is there already. "
            f"{make('train', stack)} trains on it once more."
        )


def upload(clients: Clients, bucket: str, folder: Path, console: Console) -> bool:
    """Every file under data/, then the manifest; whether anything had to be sent. What is there
    with that content stays."""
    files = dict(sorted(find(folder)))
    if not files:
        raise Problem(f"INPUT={folder} holds no files: `make data` makes some")
    check_others(clients, bucket, folder, files, console)
    sent, listed = 0, list[dict[str, Any]]()
    for number, (name, path) in enumerate(files.items(), 1):
        found = {"key": name, "bytes": path.stat().st_size, "sha256": sha256(path)}
        console.live(f"{number} of {len(files)}: {name}")
        if not is_there(clients, bucket, FOLDER + name, found):
            more = {"Metadata": {"sha256": found["sha256"]}}
            clients.s3.upload_file(str(path), bucket, FOLDER + name, ExtraArgs=more)
            sent += 1
        listed.append(found)
    body = json.dumps({"version": 1, "files": listed}, indent=1).encode()
    manifest = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    if changed := sent > 0 or not is_there(clients, bucket, FOLDER + MANIFEST, manifest):
        clients.s3.put_object(
            Bucket=bucket,
            Key=FOLDER + MANIFEST,
            Body=body,
            # What the workflow knows the data by (templates/workflows/training/data.py)
            Metadata={"sha256": str(manifest["sha256"])},
        )
    total = sum(each["bytes"] for each in listed)
    console.line(
        f"s3://{bucket}/{FOLDER}: {len(files)} files, {total / 1e6:.1f} MB; {sent} were sent",
        "green",
    )
    return changed


def find(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file and its name below data/, but what is hidden or starts a training. Raises a Problem
    for what could not be sent, so that nothing is."""
    if not folder.is_dir():
        raise Problem(f"INPUT={folder} is no folder")

    def refuse(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [one for one in folders if not one.startswith(".")]
        links = [one for one in folders if Path(place, one).is_symlink()]
        for path in (Path(place, one) for one in (*links, *files) if not one.startswith(".")):
            name = path.relative_to(folder).as_posix()
            if name in STARTING:
                continue
            if not path.is_file():
                raise Problem(
                    f"INPUT={folder} holds {name!a}, which is a link to a folder, leads nowhere or "
                    "is no file: put there what it leads to, or remove it"
                )
            if not is_key(name):
                raise Problem(
                    f"INPUT={folder} holds {name!a}: a name has to be UTF-8 without control "
                    f"characters, of at most {LONGEST_KEY - len(FOLDER)} bytes: rename it"
                )
            yield name, path


def is_key(name: str) -> bool:
    """Control characters are no XML, in which S3 lists names; surrogates stand for what is no
    UTF-8."""
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in name):
        return False
    return len((FOLDER + name).encode()) <= LONGEST_KEY


def check_others(
    clients: Clients, bucket: str, folder: Path, files: Mapping[str, Path], console: Console
) -> None:
    """What else lies under data/ is told; what would be trained on with it is refused, as the
    training would."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER)
    there = [one["Key"].removeprefix(FOLDER) for page in pages for one in page.get("Contents", [])]
    others = [one for one in there if one not in (*STARTING, "") and one not in files]
    if mixed := [one for one in others if one.endswith(MIXED)]:
        each = [shlex.quote(one) for one in mixed] if len(mixed) <= NAMED else [f"'*{MIXED}'"]
        which = " ".join(f"--include {one}" for one in each)
        raise Problem(
            f"s3://{bucket}/{FOLDER} holds what INPUT={folder} does not, and it would be trained "
            f"on too: {some(mixed)}. Put it into the folder, or remove it, of which the bucket "
            f"keeps a version: `aws s3 rm --recursive s3://{bucket}/{FOLDER} --exclude '*' {which}`"
        )
    if others:
        console.paragraph(
            f"Beside it there is, and stays, in s3://{bucket}/{FOLDER}: {some(others)}"
        )


def some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def is_there(clients: Clients, bucket: str, key: str, file: Mapping[str, Any]) -> bool:
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
