"""A version that answers golden requests wrongly: however it does, the endpoint ends with the last
good one, the run fails and says why, once, and nothing of the wrong one is left."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import SERVE
from local.tests.remote import Remote
from tests.system.deployments import Deployments, made
from tests.system.workflows import create_alarms

pytestmark = pytest.mark.slow  # models are served by processes

EXPECTED = {"classes": 7, "probabilities": [0.1, 0.9]}
REQUEST = {"body": {"instances": [[1, 2]]}, "expected": EXPECTED}
GOLDEN = {
    "contentType": "application/json",
    "accept": "application/json",
    "requests": [REQUEST, REQUEST],
}
BAKE = 30  # ends with the first wrong answer


def answering(otherwise: str) -> str:
    """A server that says which version it is, and answers as EXPECTED, or as a line of Python in
    front of that makes it."""
    return SERVE.replace(
        "        body = self.rfile",
        f"""        self.rfile.read(int(self.headers["Content-Length"]))
        said = {EXPECTED}
        {otherwise}
        body = json.dumps({{"predictions": [said]}}).encode()
        self.send_response(200)
        told = "version=" + os.environ["MODEL_VERSION"]
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", told)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return
        body = self.rfile""",
        1,
    )


WRONG_CLASS = 'said["classes"] = 3'


def project(
    aws: Remote, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str
) -> Deployments:
    found = made(aws, folder, monkeypatch, {}, GoldenSeconds="3", **settings)
    create_alarms(aws, found.name)
    for image, otherwise in {"right": "pass", "wrong": WRONG_CLASS}.items():
        add_image(found, folder, image, otherwise)
    return found


def add_image(project: Deployments, folder: Path, image: str, otherwise: str) -> None:
    serve = answering(otherwise)
    project.images[image] = project.aws.image(folder, project.name, serve=serve)


def deploy(project: Deployments, version: str, image: str) -> dict[str, Any]:
    key = f"evaluations/{project.name}-{version}/golden.json"
    project.aws.client("s3").put_object(
        Bucket=project.bucket, Key=key, Body=json.dumps(GOLDEN).encode()
    )
    return project.deploy(project.input(version, image))


def test_while_the_update_is_watched_sagemaker_takes_it_back(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = project(aws, tmp_path, monkeypatch, RolloutBakeSeconds=str(BAKE))
    told = deploy(watched, "a", "right")
    assert json.loads(told["output"])["golden"] == {"asked": 2}
    told = deploy(watched, "b", "wrong")
    assert (told["status"], told["error"]) == ("FAILED", "WrongAnswers")
    assert "Golden request 1: expected was one prediction, of class 7" in told["cause"]
    assert (
        f"SageMaker has taken the update back: the endpoint serves {watched.name}-a"
        in (told["cause"])
    )
    assert watched.serving() == "a"
    assert watched.versions() == {"a"}
    (notice,) = watched.mailbox.read(1)
    assert told["cause"] in notice


def test_where_nothing_watches_the_update_the_story_goes_back(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwatched = project(aws, tmp_path, monkeypatch)
    add_image(unwatched, tmp_path, "failing", 'return self.answer(500, b"no idea")')
    add_image(unwatched, tmp_path, "slow", "time.sleep(5)")
    # To the first one there is no way back: it stays until a better one comes
    told = deploy(unwatched, "first", "wrong")
    assert (told["status"], told["error"]) == ("FAILED", "WrongAnswers")
    assert "Nothing served before" in told["cause"]
    assert unwatched.serving() == "first"
    assert unwatched.versions() == {"first"}  # the endpoint uses it
    assert len(unwatched.mailbox.read(1)) == 1
    assert deploy(unwatched, "good", "right")["status"] == "SUCCEEDED"
    left = unwatched.versions()
    assert left == {"good"}  # nobody will go back to the first
    for number, (image, words) in enumerate(
        {"failing": '"no idea"', "slow": "no answer came within 3 seconds"}.items(), 2
    ):
        told = deploy(unwatched, image, image)
        assert (told["status"], told["error"]) == ("FAILED", "WrongAnswers")
        assert told["cause"].startswith("Golden request 1: ")
        assert words in told["cause"]
        assert f"has gone back to {unwatched.name}-good, which serves again" in told["cause"]
        assert unwatched.serving() == "good"
        assert unwatched.versions() == left
        assert len(unwatched.mailbox.read(number)) == number
