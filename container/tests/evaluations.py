"""Evaluation jobs, whole, and their parts: models whose answers can be worked out by hand."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from records import record, write

from serving.engines import ONNX

SHAPE = (6,)
NAMES = ("low", "middle", "high")


def held_out(folder: Path, labels: Iterable[int]) -> Path:
    """A data folder; an example's first number is its label, its second its place in the file."""
    folder.mkdir(parents=True)
    records = (record([label, index, 0, 0, 0, 0], label) for index, label in enumerate(labels))
    write(folder / "eval.tfrecords", records)
    return folder


def artifact(
    archive: Path,
    names: Sequence[str] | None = NAMES,
    wrong: Iterable[int] = (),
    shape: tuple[int, ...] = SHAPE,
    sure: float = 0.75,
    answers: Mapping[int, int] | None = None,
    places: int = 400,
    labels: Sequence[int] | None = None,
    special: Mapping[int, float] | None = None,
    **facts: object,
) -> Path:
    """A model.tar.gz whose model is right but for the places in `wrong`, where it says the next class.

    It answers class labels[label], and with probability `sure`; `special` puts another number into
    its answer at a place. `facts` are further JSON files.
    """
    count = len(names) if names else len(NAMES)
    of = list(labels) if labels is not None else list(range(len(NAMES)))
    table = np.full((len(of), places, count), (1 - sure) / max(count - 1, 1), np.float32)
    for label, answer in enumerate(of):
        for place in range(places):
            table[label, place, (answer + (place in set(wrong))) % count] = sure
    for place, value in (special or {}).items():
        table[:, place, 0] = value
    folder = archive.parent / f".{archive.parent.name}-unpacked"
    _network(folder / "export/Servo/1" / ONNX, shape, table)
    if names is not None:
        facts["classes"] = list(names)
    for name, value in facts.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return pack(archive, folder)


def pack(archive: Path, folder: Path) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, ".")
    return archive


def packed(archive: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """An archive of members as they are, whatever they are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for member, content in members:
            file.addfile(member, io.BytesIO(content))
    archive.write_bytes(gzip.compress(buffer.getvalue()))
    return archive


def _network(file: Path, shape: tuple[int, ...], table: np.ndarray) -> None:
    """Looks up the answer to [label, place, …]."""
    constants = {
        "table": table,
        "first": np.array([0]),
        "last": np.array([2]),
        "axis": np.array([1]),
    }
    nodes = [
        helper.make_node("Flatten", ["inputs"], ["flat"]),
        helper.make_node("Slice", ["flat", "first", "last", "axis"], ["pair"]),
        helper.make_node("Cast", ["pair"], ["where"], to=TensorProto.INT64),
        helper.make_node("GatherND", ["table", "where"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["classes"], axis=1, keepdims=0),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "table",
        [value("inputs", TensorProto.FLOAT, ["n", *shape])],
        [
            value("classes", TensorProto.INT64, ["n"]),
            value("probabilities", TensorProto.FLOAT, ["n", table.shape[2]]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    file.parent.mkdir(parents=True)
    onnx.save(model, str(file))
