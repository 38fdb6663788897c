"""Evaluation jobs, whole, and their parts: models whose answers can be worked out by hand."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from records import record, write

from serving.engines import ONNX

CONTAINER = Path(__file__).parents[1]
SHAPE = (6,)
NAMES = ("low", "middle", "high")
PLACES = 400  # the most examples that a model knows an answer to


def held_out(folder: Path, labels: Iterable[int]) -> Path:
    """A data folder; an example's first number is its label, its second its place in the file."""
    folder.mkdir(parents=True)
    records = (record([label, place, 0, 0, 0, 0], label) for place, label in enumerate(labels))
    write(folder / "eval.tfrecords", records)
    return folder


def answers(
    wrong: Iterable[int] = (), classes: Sequence[int] = (0, 1, 2), count: int = 3
) -> np.ndarray:
    """Probabilities for [label, place]: 0.75 for class classes[label] of `count`.

    In the places `wrong` it is the next class.
    """
    table = np.full((len(classes), PLACES, count), 0.25 / (count - 1), np.float32)
    for label, answer in enumerate(classes):
        table[label, :, answer] = 0.75
        for place in wrong:
            table[label, place] = np.roll(table[label, place], 1)
    return table


def artifact(
    archive: Path,
    table: np.ndarray,
    names: Sequence[str] | None = NAMES,
    shape: tuple[int, ...] = SHAPE,
    **facts: object,
) -> Path:
    """A model.tar.gz that answers as the table says; `facts` are further JSON files."""
    folder = archive.parent.with_suffix(".unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    _network(folder / "export/Servo/1" / ONNX, shape, table)
    if names is not None:
        facts["classes"] = names
    for name, fact in facts.items():
        (folder / f"{name}.json").write_text(json.dumps(fact))
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
    numbers = {"first": [0], "last": [2], "axis": [1]}
    constants = {"table": table, **{name: np.array(value) for name, value in numbers.items()}}
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


def start(folder: Path, ml: Path, *arguments: str, model: str = "") -> "subprocess.Popen[str]":
    """The executable `evaluate` beside its packages and tiny_model, or another model.py."""
    program = folder / "program"
    program.mkdir()
    shutil.copy(CONTAINER / "evaluate", program)
    for package in ("training", "serving", "evaluation"):
        (program / package).symlink_to(CONTAINER / package)
    (program / "model.py").write_text(model or (CONTAINER / "tests/tiny_model.py").read_text())
    return subprocess.Popen(
        [sys.executable, program / "evaluate", *arguments],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(ml), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
