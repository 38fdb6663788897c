"""What TensorFlow Serving asks of a model's folder, checked without TensorFlow Serving.

Its documents, each named where it is used: "Serving a TensorFlow Model" (serving_basic),
"SignatureDefs in SavedModel" (signature_defs), "RESTful API" (api_rest) and "SavedModel Warmup"
(saved_model_warmup), on tensorflow.org/tfx/serving; and "TensorFlow SavedModel" in TensorFlow's
python/saved_model/README.md.
"""

from collections.abc import Iterator
from pathlib import Path

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

SIGNATURE = "serving_default"  # served where a request names none (serving_basic)
METHOD = "tensorflow/serving/predict"  # of the Predict API (signature_defs)
# What JSON carries (api_rest, "JSON mapping")
TYPES = {"BOOL", "STRING", "FLOAT", "DOUBLE"}
TYPES |= {"INT8", "UINT8", "INT16", "INT32", "UINT32", "INT64", "UINT64"}
# They call Python, which a server of C++ does not have
PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
WARMUP = "assets.extra/tf_serving_warmup_requests"

Tensor = tuple[str, list[int]]  # type and shape, -1 for an unknown dimension


def versions(model: Path) -> list[Path]:
    """A version is a folder whose name is a number (serving_basic, model_version).

    AWS's containers take digits only (sagemaker-tensorflow-serving-container, tfs_utils.py,
    find_models and find_model_versions), anywhere below /opt/ml/model.
    """
    return sorted(path.parent for path in model.glob("*/saved_model.pb") if _digits(path.parent))


def _digits(folder: Path) -> bool:
    return folder.name.isascii() and folder.name.isdigit()


def graph(version: Path) -> meta_graph_pb2.MetaGraphDef:
    """The one that is tagged for serving, `serve` (serving_basic, tags); StopIteration if none."""
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    return next(each for each in saved.meta_graphs if list(each.meta_info_def.tags) == ["serve"])


def tensors(graph: meta_graph_pb2.MetaGraphDef) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and outputs by name."""
    signature = graph.signature_def[SIGNATURE]

    def described(side: dict[str, meta_graph_pb2.TensorInfo]) -> dict[str, Tensor]:
        return {
            name: (
                types_pb2.DataType.Name(info.dtype).removeprefix("DT_"),
                [dimension.size for dimension in info.tensor_shape.dim],
            )
            for name, info in side.items()
        }

    return described(signature.inputs), described(signature.outputs)


def faults(model: Path) -> list[str]:
    """Why TensorFlow Serving would not serve the folder, as sentences; none if it would."""
    found = versions(model)
    if not found:
        return ["no folder with a number for its name holds a saved_model.pb"]
    return [f"{version.name}: {fault}" for version in found for fault in _faults(version)]


def _faults(version: Path) -> Iterator[str]:
    variables = version / "variables"
    if not (variables / "variables.index").is_file() or not list(variables.glob("*.data-*-of-*")):
        yield "the weights are not complete (python/saved_model/README.md, Components)"
    if (version / WARMUP).exists():
        yield f"{WARMUP} would be read as requests (saved_model_warmup)"
    try:
        served = graph(version)
    except StopIteration:
        yield "no graph has the tag `serve` alone"
        return
    signature = served.signature_def.get(SIGNATURE)
    if signature is None or signature.method_name != METHOD:
        yield f"there is no signature {SIGNATURE} with the method {METHOD}"
        return
    nodes = {node.name for node in served.graph_def.node}
    for name, info in [*signature.inputs.items(), *signature.outputs.items()]:
        if info.name.partition(":")[0] not in nodes:
            yield f"{name} is {info.name}, which is not in the graph"
    for side in tensors(served):
        for name, (kind, shape) in side.items():
            if kind not in TYPES:
                yield f"{name} is {kind}, which JSON does not carry (api_rest)"
            # `instances` are rows of all inputs, `predictions` of all outputs (api_rest)
            if shape[:1] != [-1]:
                yield f"{name} has the shape {shape}, not any number of rows"
    bodies = [each.node_def for each in served.graph_def.library.function]
    calls = {node.op for body in (served.graph_def.node, *bodies) for node in body} & PYTHON
    if calls:
        yield f"it calls Python: {', '.join(sorted(calls))}"
