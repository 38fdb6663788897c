"""Fetch the report of a version's evaluation, and open it where there is a browser."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.report")

import argparse
import os
import re
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib import packages, stacks
from scripts.lib.console import Console
from scripts.lib.guard import guarded
from scripts.lib.packages import Package
from scripts.lib.problems import FAILED, Problem, is_gone, make
from scripts.lib.session import Clients, add_session_arguments, connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REPORTS, FILE = Path("build/reports"), "report.html"
LARGEST = 50 * 1024 * 1024  # bytes; one with every picture that it may show has a tenth


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.report", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--version", default="", help="a number, a commit, a name (the newest)")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, console = connect(args.region, args.profile), Console()
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        report(clients, known, args.version, args.stack, console)
        return 0

    return guarded(work, "Nothing was changed.")


def report(
    clients: Clients, known: Mapping[str, str], version: str, stack: str, console: Console
) -> None:
    """Fetch the report of one version, the newest by default, and show it."""
    if version:
        one = packages.find(clients, known, version, stack)
    else:
        newest = packages.newest(clients, known)
        if newest is None:
            raise Problem(f"no version is registered yet: {make('train', stack)} makes one")
        one = newest
    console.line(f"Version {one.label}", "bold")
    console.paragraph(one.description)
    show(fetch(clients.s3, known["ArtifactBucket"], one), console)


def show(path: Path, console: Console) -> None:
    """Where it lies now, and the page itself where there is a browser."""
    console.line(f"  {path}")
    if has_browser(os.environ) and webbrowser.open(path.resolve().as_uri()):
        console.line("  It opens in your browser.", "dim")


def fetch(s3: "S3Client", bucket: str, one: Package, folder: Path = REPORTS) -> Path:
    """The report's file."""
    key = f"{one.evaluation.removeprefix(f's3://{bucket}/')}{FILE}"
    if not re.fullmatch(rf"evaluations/[A-Za-z0-9-]+/{re.escape(FILE)}", key):
        raise Problem(f"version {one.label} names no evaluation of this stack", FAILED)
    return fetch_page(s3, bucket, key, folder / key.split("/")[1] / FILE)


def fetch_page(s3: "S3Client", bucket: str, key: str, path: Path) -> Path:
    """A page's file. It is whole or not there: it is written beside its place first."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if is_gone(error):
            raise Problem(f"the report s3://{bucket}/{key} is gone", FAILED) from None
        raise
    body = answer["Body"].read(LARGEST + 1)
    if len(body) > LARGEST:
        raise Problem(f"the report s3://{bucket}/{key} is larger than {LARGEST >> 20} MB", FAILED)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(body)
    part.replace(path)
    return path


def has_browser(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser can show something where the person sits: not at the far end of ssh, and
    not in a build."""
    if environment.get("SSH_CONNECTION") or environment.get("CI"):
        return False
    return platform == "darwin" or bool(
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    )
