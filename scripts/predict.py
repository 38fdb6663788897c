"""Ask the endpoint what is on a picture, or for the predictions of a JSON or NPY file."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.predict")

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib import stacks
from scripts.lib.console import Console
from scripts.lib.guard import guarded
from scripts.lib.problems import FAILED, Problem, error_code, make
from scripts.lib.session import add_session_arguments, connect
from scripts.lib.workflow import readable

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# The first bytes of the formats that the model's server reads, beside JSON
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x93NUMPY": "application/x-npy",
}
LARGEST = 6 * 1024 * 1024  # AWS: InvokeEndpoint, Body
SHOWN = 5


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.predict", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("image", type=Path, help="a PNG, JPEG, NPY or JSON file")
    args = parser.parse_args(argv)

    def work() -> int:
        body, kind = read_body(args.image)
        clients = connect(args.region, args.profile)
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        found = predict(clients.sagemaker_runtime, known["EndpointName"], body, kind, args.stack)
        if kind.startswith("image/"):
            show(Console(), found[0])
        else:
            show_all(Console(), found)
        return 0

    return guarded(work, "Nothing was changed.")


@dataclass(frozen=True)
class Guess:
    """The likeliest class and the probability of each class, 0..1."""

    label: int
    probabilities: list[float]


def read_body(path: Path) -> tuple[bytes, str]:
    """A file's bytes and its content type, by content and not by name."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise Problem(f"IMAGE={path} cannot be read: {error.strerror}") from None
    kind = next((kind for first, kind in SIGNATURES.items() if body.startswith(first)), None)
    if kind is None and body.lstrip().startswith((b"{", b"[")):
        kind = "application/json"
    if kind is None:
        raise Problem(f"IMAGE={path} is neither PNG, JPEG, NPY nor JSON")
    if len(body) > LARGEST:
        raise Problem(f"IMAGE={path} is larger than the 6 MB an endpoint takes: make it smaller")
    return body, kind


def predict(
    runtime: "SageMakerRuntimeClient",
    endpoint: str,
    body: bytes,
    content_type: str,
    stack: str = "mlops",
) -> list[Guess]:
    """One prediction for each example; a Problem where there is no endpoint or the model refuses
    the body."""
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, Accept="application/json"
        )
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        if error_code(error) == "ModelError":
            said = error.response.get("OriginalMessage") or message
            raise Problem(f"the model refused it: {readable(str(said))}", FAILED) from None
        if error_code(error) == "ValidationError" and "not found" in message:
            raise Problem(
                f"there is no endpoint {endpoint} yet: the first model that is good enough makes "
                f"it. {make('status', stack)} shows how far that is",
                FAILED,
            ) from None
        if error_code(error) == "ValidationError":
            raise Problem(
                f"endpoint {endpoint} cannot answer ({message}): see {make('status', stack)}",
                FAILED,
            ) from None
        raise
    try:
        found = [
            Guess(int(one["classes"]), [float(each) for each in one["probabilities"]])
            for one in json.loads(answer["Body"].read())["predictions"]
        ]
    except (ValueError, LookupError, TypeError):
        found = []
    if not found:
        raise Problem(f"endpoint {endpoint} answered in an unexpected form", FAILED)
    return found


def show(console: Console, found: Guess) -> None:
    """The class's number, and a bar for each of the likeliest ones; an endpoint knows no names."""
    console.line(f"Prediction: {found.label}", "bold")
    ranked = sorted(enumerate(found.probabilities), key=lambda pair: -pair[1])[:SHOWN]
    wide = max(len(str(label)) for label, _ in ranked)
    room = console.width - wide - 12
    for label, probability in ranked:
        bar = "█" * round(max(0.0, min(1.0, probability)) * room)
        style = "green" if label == found.label else None
        console.line(f"  {label:<{wide}}  {probability:6.1%}  {console.paint(bar, style)}")


def show_all(console: Console, found: Sequence[Guess]) -> None:
    """One line for each prediction: its class and how likely that is."""
    for number, one in enumerate(found):
        console.line(f"{number:>4}  {one.label}  {max(one.probabilities):6.1%}")
