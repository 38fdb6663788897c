"""TFRecord files of images in the CIFAR-10 format, written and read without TensorFlow.

A file is a row of frames: length (uint64), its checksum, the record, its checksum; little endian,
checksums are masked CRC-32C (TensorFlow guide, "TFRecord and tf.train.Example"). A record is the
protocol buffer tf.train.Example with the features `image` (3,072 bytes, channel first) and `label`.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

IMAGE_BYTES = 3 * 32 * 32
SPLITS = ("train", "validation", "eval")


class RecordError(ValueError):
    """A file that does not hold what `write` writes."""


@contextmanager
def splits(folder: Path, classes: list[str]) -> Iterator[dict[str, BinaryIO]]:
    """A file to write for each split; all are put in place together, once all are complete."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".new-") as aside, ExitStack() as closing:
        new = {split: Path(aside) / f"{split}.tfrecords" for split in SPLITS}
        yield {split: closing.enter_context(path.open("wb")) for split, path in new.items()}
        closing.close()
        (Path(aside) / "classes.json").write_text(json.dumps(classes) + "\n")
        for path in Path(aside).iterdir():
            path.replace(folder / path.name)


def write(file: BinaryIO, images: Bytes, labels: Bytes) -> None:
    """Appends uint8 [n, 3072] images and uint8 [n] labels below 128."""
    before, after = _around_image()
    n = len(images)
    columns = [_rows(before, n), images, _rows(after, n), labels[:, None]]
    records = np.concatenate(columns, axis=1)
    length = np.frombuffer(np.array(records.shape[1], "<u8").tobytes(), np.uint8)
    heads = _rows(np.concatenate([length, _checksums(length[None])[0]]), n)
    file.write(np.concatenate([heads, records, _checksums(records)], axis=1).tobytes())


def count(path: Path) -> int:
    """How many images a file made by `write` holds."""
    return path.stat().st_size // _frame_bytes()


def read(path: Path, index: int) -> tuple[Bytes, int]:
    """One image, uint8 [3, 32, 32], and its label, from a file made by `write`."""
    if not 0 <= index < count(path):
        raise RecordError(f"there is no image {index} in {path}: it holds 0 to {count(path) - 1}")
    with path.open("rb") as file:
        file.seek(index * _frame_bytes())
        record = np.frombuffer(file.read(_frame_bytes())[12:-4], np.uint8)
    before, after = _around_image()
    image = record[before.size :][:IMAGE_BYTES]
    surrounding = [record[: before.size], record[before.size + IMAGE_BYTES : -1]]
    if bytes(np.concatenate(surrounding)) != bytes(np.concatenate([before, after])):
        raise RecordError(f"{path} was not written by scripts.data")
    return image.reshape(3, 32, 32), int(record[-1])


def _frame_bytes() -> int:
    before, after = _around_image()
    return 8 + 4 + before.size + IMAGE_BYTES + after.size + 1 + 4


def _around_image() -> tuple[Bytes, Bytes]:
    """What stands in each record before the image, and between the image and the label's byte."""
    # Example.features = 1, Features.feature = 1 (a map: key = 1, value = 2), Feature.bytes_list = 1
    # or int64_list = 3, value = 1; the label is one byte, as a varint below 128 is.
    image = bytes(IMAGE_BYTES)
    image_entry = _field(1, b"image") + _field(2, _field(1, _field(1, image)))
    label_entry = _field(1, b"label") + _field(2, _field(3, _field(1, b"\0")))
    example = _field(1, _field(1, image_entry) + _field(1, label_entry))
    before, after = example[:-1].split(image)
    return np.frombuffer(before, np.uint8), np.frombuffer(after, np.uint8)


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    size, length = len(value), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def _rows(row: Bytes, n: int) -> Bytes:
    return np.broadcast_to(row, (n, row.size))


def _checksums(rows: Bytes) -> Bytes:
    """The masked CRC-32C of each row, uint8 [n, 4]; all rows at once, as Python is slow by byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(rows.T):
        crc = table[(crc ^ column) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    masked = ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)
    return np.frombuffer(masked.astype("<u4").tobytes(), np.uint8).reshape(-1, 4)
