"""The digits that every project begins with, and one picture out of the data to ask about.

digits.csv.gz: optdigits.tes of E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten
Digits, UCI Machine Learning Repository, 1998 (doi.org/10.24432/C50P49, CC BY 4.0). A line is 8x8
values of 0..16 and the label. Its lines stand in the order in which the splits take them, drawn
once so that each has its share of every digit.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.lib import tfrecord
from scripts.lib.problems import Problem

DATA = Path("build/data")
DIGITS = Path(__file__).with_name("digits.csv.gz")
BOUNDS = (0, 1257, 1437, 1797)


def write_digits(output: Path) -> None:
    """1,257 digits to train, 180 to validate, 360 to evaluate; the same bytes every time."""
    rows = np.loadtxt(DIGITS, np.uint8, delimiter=",")
    images = np.stack([_as_cifar(row.reshape(8, 8)) for row in rows[:, :-1]])
    labels = rows[:, -1]
    with tfrecord.splits(output, [str(digit) for digit in range(10)]) as files:
        for split, (begin, end) in zip(tfrecord.SPLITS, pairwise(BOUNDS), strict=True):
            tfrecord.write(files[split], images[begin:end], labels[begin:end])


def _as_cifar(image: tfrecord.Bytes) -> tfrecord.Bytes:
    """uint8 [3072], channel first, from 8x8 values of 0..16."""
    grey = Image.fromarray((image * (255 / 16)).astype(np.uint8))
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
