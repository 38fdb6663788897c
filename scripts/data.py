"""Prepare training data: TFRecords of 32x32 colour images in the CIFAR-10 format.

digits    1,797 handwritten digits (UCI's optdigits, CC BY 4.0); no network, a second
cifar10   CIFAR-10, 60,000 photographs in ten classes, from its official archive (170 MB)
sample    one image that no training sees, as a PNG to try a prediction with

The first sample is written with the data too.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.data")

import argparse
import hashlib
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scripts.lib import tfrecord
from scripts.lib.console import Console
from scripts.lib.digits import DATA, write_digits, write_sample
from scripts.lib.guard import guarded
from scripts.lib.problems import FAILED, Problem

CHOICES = ("digits", "cifar10", "sample")
# The official archive's binary form: the Python form is made of pickles, and to read a pickle is to
# run what is in it. Address, checksum and format: https://www.cs.toronto.edu/~kriz/cifar.html
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
CLASSES = [
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
]
# The split of TensorFlow's own CIFAR-10 example: one whole batch to validate with
BATCHES = {
    **{f"data_batch_{number}.bin": "train" for number in range(1, 5)},
    "data_batch_5.bin": "validation",
    "test_batch.bin": "eval",
}
RECORD_BYTES = 1 + tfrecord.IMAGE_BYTES
CHUNK_BYTES = 1 << 20
SILENT_SECONDS = 60


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", help=" or ".join(CHOICES))
    parser.add_argument("--output", type=Path, default=DATA, help=f"the data's folder ({DATA})")
    parser.add_argument("--source", default=URL, help="cifar10: the archive's path or URL")
    parser.add_argument("--index", type=int, default=0, help="sample: which image of eval (0)")
    args = parser.parse_args(argv)

    def work() -> int:
        console = Console()
        if args.what not in CHOICES:
            raise Problem(f"DATA={args.what}: choose digits, cifar10 or sample")
        if args.what == "sample":
            console.line(str(write_sample(args.output, args.index)))
            return 0
        if args.what == "digits":
            write_digits(args.output)
        else:
            archive = fetch(args.source, args.output.parent, console.live)
            convert(archive, args.output, console.live)
        for split in tfrecord.SPLITS:
            path = args.output / f"{split}.tfrecords"
            console.line(f"{path}: {tfrecord.count(path):,} images")
        console.line(f"{write_sample(args.output, 0)}: one of eval, to try a prediction with")
        return 0

    return guarded(work, "Nothing was changed; run it again.")


def fetch(source: str, folder: Path, progress: Callable[[str], None], md5: str = MD5) -> Path:
    """The archive from a path or URL, proven by its checksum; a download is kept in the folder."""
    if not source.startswith(("https://", "http://")):
        archive = Path(source)
        if not archive.is_file():
            raise Problem(f"SOURCE={source} is neither a file nor an http(s) address")
    else:
        archive = folder / "cifar-10-binary.tar.gz"
        if not archive.is_file():
            download(source, archive, progress)
    found = _md5(archive)
    if found != md5:
        given = archive == Path(source)
        raise Problem(
            f"{f'SOURCE={source}' if given else archive} is not the official archive: its MD5 is "
            f"{found}, expected {md5}; {'' if given else 'delete it and repeat, or '}"
            "pass another with SOURCE=<path>"
        )
    return archive


def download(url: str, target: Path, progress: Callable[[str], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=SILENT_SECONDS) as answer:  # noqa: S310 (http, https)
            total, done = int(answer.headers.get("Content-Length", 0)), 0
            with partial.open("wb") as file:
                while chunk := answer.read(CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    progress(f"downloading {url}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        if done < total:
            raise OSError(f"the connection ended after {done:,} of {total:,} bytes")
        partial.replace(target)
    except OSError as error:
        raise Problem(
            f"cannot download {url}: {why(error)}; repeat, or pass a copy with SOURCE=<path>",
            FAILED,
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def why(error: OSError) -> str:
    """A failed download's cause in words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(getattr(inner, "strerror", None) or inner)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def convert(archive: Path, output: Path, progress: Callable[[str], None]) -> None:
    """40,000 images to train, 10,000 to validate and 10,000 to evaluate; a megabyte at a time."""
    missing = set(BATCHES)
    with tarfile.open(archive, "r|gz") as members, tfrecord.splits(output, CLASSES) as files:
        for member in members:
            name = Path(member.name).name
            batch = members.extractfile(member) if name in missing else None
            if batch is None:
                continue
            progress(f"writing {name} to {BATCHES[name]}.tfrecords")
            while rows := batch.read(1000 * RECORD_BYTES):
                if len(rows) % RECORD_BYTES:
                    raise Problem(f"{name} in {archive} ends in the middle of an image")
                records = np.frombuffer(rows, np.uint8).reshape(-1, RECORD_BYTES)
                tfrecord.write(files[BATCHES[name]], records[:, 1:], records[:, 0])
            missing.remove(name)
        if missing:
            raise Problem(f"{archive} lacks {', '.join(sorted(missing))}")
