"""A prediction is asked for by content, and what goes wrong is one line."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from PIL import Image

from scripts import predict
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients


def picture(path: Path, kind: str) -> Path:
    Image.new("RGB", (32, 32), "red").save(path, kind)
    return path


def answer(body: Any) -> dict[str, Any]:
    text = json.dumps(body).encode()
    return {"Body": StreamingBody(io.BytesIO(text), len(text))}


def test_the_content_decides_the_type_and_not_the_name(tmp_path: Path) -> None:
    assert predict.read_body(picture(tmp_path / "a.jpg", "PNG"))[1] == "image/png"
    assert predict.read_body(picture(tmp_path / "b", "JPEG"))[1] == "image/jpeg"
    np.save(tmp_path / "c.npy", np.zeros((1, 4)))
    assert predict.read_body(tmp_path / "c.npy")[1] == "application/x-npy"
    (tmp_path / "d").write_text('\n{"instances": []}')
    assert predict.read_body(tmp_path / "d")[1] == "application/json"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"GIF89a", "neither PNG, JPEG, NPY nor JSON"),
        (b"", "neither"),
    ],
)
def test_what_the_model_cannot_read_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem, match=reason):
        predict.read_body(path)


def test_each_prediction_is_read(clients: Clients) -> None:
    ones = [{"classes": 1, "probabilities": [0.2, 0.8]}, {"classes": 0, "probabilities": [1, 0]}]
    body = {"predictions": ones}
    with Stubber(clients.sagemaker_runtime) as stub:
        stub.add_response(
            "invoke_endpoint",
            answer(body),
            {
                "EndpointName": "mlops",
                "Body": b"png",
                "ContentType": "image/png",
                "Accept": "application/json",
            },
        )
        found = predict.predict(clients.sagemaker_runtime, "mlops", b"png", "image/png")
    assert found == [predict.Guess(1, [0.2, 0.8]), predict.Guess(0, [1.0, 0.0])]


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("ModelError", "x", "the model refused it: x"),
        (
            "ValidationError",
            "Endpoint mlops of account 1 not found.",
            "there is no endpoint mlops yet: the first model",
        ),
    ],
)
def test_a_refused_request_is_one_line(
    clients: Clients, code: str, message: str, reason: str
) -> None:
    with Stubber(clients.sagemaker_runtime) as stub:
        stub.add_client_error("invoke_endpoint", code, message)
        with pytest.raises(Problem, match=reason):
            predict.predict(clients.sagemaker_runtime, "mlops", b"x", "image/png")


def test_an_unexpected_answer_is_one_line(clients: Clients) -> None:
    with Stubber(clients.sagemaker_runtime) as stub:
        stub.add_response("invoke_endpoint", answer({"predictions": []}))
        with pytest.raises(Problem, match="unexpected form"):
            predict.predict(clients.sagemaker_runtime, "mlops", b"x", "image/png")


def test_the_likeliest_classes_are_shown_in_80_columns(console: Console, page: io.StringIO) -> None:
    predict.show(console, predict.Guess(10, [0.0] * 10 + [1.0]))
    lines = page.getvalue().splitlines()
    assert lines[0] == "Prediction: 10"
    assert lines[1].startswith("  10  100.0%  █")
    assert max(map(len, lines)) <= 80


def test_several_predictions_are_one_line_each(console: Console, page: io.StringIO) -> None:
    predict.show_all(console, [predict.Guess(1, [0.2, 0.8]), predict.Guess(0, [1, 0])])
    assert page.getvalue().splitlines() == ["   0  1   80.0%", "   1  0  100.0%"]
