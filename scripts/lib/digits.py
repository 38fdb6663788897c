"""The digits that every project begins with, and one picture out of the data to ask about."""

from pathlib import Path

import numpy as np
from PIL import Image

from scripts.lib import tfrecord
from scripts.lib.problems import Problem

DATA = Path("build/data")


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


def _as_cifar(image: tfrecord.Bytes) -> tfrecord.Bytes:
    """uint8 [3072], channel first, from 8x8 values of 0..16."""
    grey = Image.fromarray((image * 255 / 16).astype(np.uint8))
    large = np.asarray(grey.resize((32, 32), Image.Resampling.BILINEAR))
    return np.broadcast_to(large, (3, 32, 32)).reshape(-1)


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
