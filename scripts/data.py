"""Prepare training data: TFRecords of 32x32 colour images in the CIFAR-10 format.

digits    1,797 handwritten digits from scikit-learn (BSD licence); no network, a second
cifar10   CIFAR-10, 60,000 photographs in ten classes, from its official archive (170 MB)
sample    one image that no training sees, as a PNG to try a prediction with

The first sample is written with the data too.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from scripts import cifar10, tfrecord
from scripts.console import Console
from scripts.session import Problem, guarded

DATA = Path("build/data")
CHOICES = ("digits", "cifar10", "sample")


def write_digits(output: Path) -> None:
    """1,257 digits to train, 180 to validate, 360 to evaluate; the same bytes every time."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = np.stack([_as_cifar(image) for image in digits.images])
    labels = digits.target.astype(np.uint8)
    rest, last = train_test_split(
        np.arange(len(labels)), test_size=360, stratify=labels, random_state=0
    )
    first, middle = train_test_split(rest, test_size=180, stratify=labels[rest], random_state=0)
    with tfrecord.splits(output, [str(digit) for digit in range(10)]) as files:
        for split, chosen in zip(tfrecord.SPLITS, (first, middle, last), strict=True):
            tfrecord.write(files[split], images[chosen], labels[chosen])


def write_sample(data: Path, index: int) -> Path:
    """One image of eval.tfrecords as a PNG named after its label."""
    source = data / "eval.tfrecords"
    if not source.is_file():
        raise Problem(f"{source} is missing: run `make data`")
    try:
        image, label = tfrecord.read(source, index)
    except tfrecord.RecordError as error:
        raise Problem(str(error)) from None
    target = data / f"sample-{label}.png"
    Image.fromarray(image.transpose(1, 2, 0)).save(target)
    return target


def _as_cifar(image: tfrecord.Bytes) -> tfrecord.Bytes:
    """uint8 [3072], channel first, from 8x8 values of 0..16."""
    grey = Image.fromarray((image * 255 / 16).astype(np.uint8))
    large = np.asarray(grey.resize((32, 32), Image.Resampling.BILINEAR))
    return np.broadcast_to(large, (3, 32, 32)).reshape(-1)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", help=" or ".join(CHOICES))
    parser.add_argument("--output", type=Path, default=DATA, help=f"the data's folder ({DATA})")
    parser.add_argument("--source", default=cifar10.URL, help="cifar10: the archive's path or URL")
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
            archive = cifar10.fetch(args.source, args.output.parent, console.live)
            cifar10.convert(archive, args.output, console.live)
        for split in tfrecord.SPLITS:
            path = args.output / f"{split}.tfrecords"
            console.line(f"{path}: {tfrecord.count(path):,} images")
        console.line(f"{write_sample(args.output, 0)}: one of eval, to try a prediction with")
        return 0

    return guarded(work, "Nothing was changed; run it again.")


if __name__ == "__main__":
    sys.exit(main())
