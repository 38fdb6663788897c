"""Golden requests: what is judged of an answer, by the template's own states and a model that
answers as each request wants it to."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import SERVE, unique, wait
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.workflows import part

# Answers with the status, body and version that the request asks for, after as many seconds the
# first two times that it is asked so
OBEY = SERVE.replace("class ModelHandler", "seen = []\nclass ModelHandler").replace(
    "        body = self.rfile",
    """        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen.append(asked.get("seldom"))
        if seen.count(asked.get("seldom")) < 3:
            time.sleep(asked.get("seconds", 0))
        self.send_response(asked.get("status", 200))
        if "version" in asked:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", asked["version"])
        said = asked["say"].encode()
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        return
        body = self.rfile""",
    1,
)
QUICK = {"goldenSeconds": 1, "kind": "RealTime"}
SEVEN = {"classes": 7, "probabilities": [0.1, 0.9]}


def said(*predictions: Any) -> str:
    return json.dumps({"predictions": predictions})


def golden(*bodies: dict[str, Any]) -> dict[str, Any]:
    """Requests that this model answers as their bodies say; each expects SEVEN."""
    requests = [{"body": {"say": said(SEVEN), **body}, "expected": SEVEN} for body in bodies]
    kinds = {"contentType": "application/json", "accept": "application/json"}
    return {**kinds, "tolerance": 0.01, "requests": requests}


@dataclass
class Asker:
    """An endpoint whose configuration is called `name`, and the states that ask it."""

    aws: Remote
    name: str
    bucket: str
    reads: str
    asks: str

    def put(self, document: Any, name: str = "") -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        key = f"evaluations/{name or self.name}/golden.json"
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def read(self, name: str, **more: Any) -> dict[str, Any]:
        """What a deployment of this version knows once it has looked for golden requests."""
        given = {"name": name, "golden": "none", **more}
        told = ended(self.aws, start(self.aws, self.reads, given))
        assert told["status"] == "SUCCEEDED", told
        return dict(json.loads(told["output"]))

    def ask(self, *bodies: dict[str, Any], stage: str = "", **more: Any) -> Any:
        """What is known after a round: the sentence of the first wrong answer, or None. The version
        serves alone, unless an update is at a `stage`."""
        name = unique(self.name)
        ours = {"version": f"version={name}"}
        marked = ({**body, **(ours if body.get("version") == "ours" else {})} for body in bodies)
        self.put(golden(*marked), name)
        given = self.given(name, len(bodies), stage)
        return self.judged({**given, **more})

    def given(self, name: str, asked: int, stage: str = "") -> dict[str, Any]:
        """What a deployment knows when it has looked at the endpoint."""
        endpoint: dict[str, Any] = {"EndpointStatus": "Updating" if stage else "InService"}
        if stage:
            variants = [{"VariantStatus": [{"Status": stage}]}]
            endpoint["PendingDeploymentSummary"] = {"ProductionVariants": variants}
        return {
            "name": name,
            "golden": {"asked": asked},
            "settings": {"goldenSeconds": 20, "kind": "RealTime"},
            "endpoint": endpoint,
            "asking": {"alone": not stage, "rounds": 0},
        }

    def judged(self, given: dict[str, Any]) -> Any:
        self.execution = start(self.aws, self.asks, given)
        told = ended(self.aws, self.execution)
        assert told["status"] == "SUCCEEDED", told
        known = json.loads(told["output"])
        assert known.get("wrong", {}).get("Error", "WrongAnswers") == "WrongAnswers"
        return known.get("wrong", {}).get("Cause")

    def states(self) -> list[str]:
        """The names of the states of the last round."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events()
            if "stateEnteredEventDetails" in event
        ]

    def events(self) -> list[dict[str, Any]]:
        pages = self.aws.client("stepfunctions").get_paginator("get_execution_history")
        found = pages.paginate(executionArn=self.execution)
        return [event for page in found for event in page["events"]]


def made(aws: Remote, folder: Path, runs_on: dict[str, Any], *impatient: str) -> Asker:
    """`impatient` are states that try once."""
    name, bucket = unique("golden"), aws.bucket()
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={"Image": aws.image(folder, serve=OBEY)},
        ExecutionRoleArn=aws.role("sagemaker"),
    )
    variant: Any = {"VariantName": "AllTraffic", "ModelName": name, **runs_on}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    values = {"ProjectName": name, "ArtifactBucket": bucket}
    reads = part("DeploymentWorkflow", "FindGolden", "IsRollback", "HasCause", "Notify", **values)
    asks = part("DeploymentWorkflow", "IsTimeToAsk", "Verify", **values)
    for each in impatient:
        del asks["States"]["AskGolden"]["ItemProcessor"]["States"][each]["Retry"]
    role = aws.role("states")

    def serves() -> bool:
        return bool(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")

    wait(serves)
    return Asker(aws, name, bucket, create(aws, role, reads), create(aws, role, asks))


@pytest.fixture(scope="module")
def asker(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Asker:
    runs_on = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return made(aws, tmp_path_factory.mktemp("image"), runs_on)


@pytest.fixture(scope="module")
def full(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """It takes one request at a time."""
    runs_on = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    return made(aws, tmp_path_factory.mktemp("image"), runs_on, "Ask", "AskAgain")


def test_a_version_that_was_not_evaluated_here_has_none(asker: Asker) -> None:
    known = asker.read("unheard-of")
    assert known["golden"] == "none"
    assert "error" not in known


def test_how_many_there_are_is_known_before_anything_is_touched(asker: Asker) -> None:
    asker.put(golden({}, {}, {}))
    known = asker.read(asker.name)
    assert known["golden"] == {"asked": 3}
    assert len(json.dumps(known)) < 300  # their bodies are not carried on


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "{",
        "[]",
        "7",
        json.dumps(golden({}) | {"requests": [{"body": {}}]}),
        json.dumps(golden({}) | {"requests": [{"expected": SEVEN}]}),
        json.dumps({"requests": golden({})["requests"]}),
        json.dumps(golden({"say": "x" * 200_000})),
    ],
    ids=["blank", "torn", "list", "number", "nothing-expected", "no-body", "no-type", "huge"],
)
def test_a_damaged_file_is_told(asker: Asker, text: str) -> None:
    asker.put(text)
    error = asker.read(asker.name)["error"]
    assert error["Error"] == "GoldenDamaged"
    assert f"s3://{asker.bucket}/evaluations/{asker.name}/golden.json is damaged" in error["Cause"]


def test_a_rollback_goes_on_without_a_damaged_file(asker: Asker) -> None:
    """It is the repair of what serves."""
    asker.put("{")
    known = asker.read(asker.name, rollback={"from": "bad"})
    assert known["golden"] == {"asked": 0, "why": "their file is damaged"}
    assert "error" not in known or known["error"]["Error"] == "States.IntrinsicFailure"


def test_right_answers_are_right(asker: Asker) -> None:
    assert asker.ask({}, {"version": "ours"}, {"version": "trace=7"}) is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"say": said({**SEVEN, "classes": 3})}, "the classes [3] and 2 probabilities"),
    ({"say": said({**SEVEN, "classes": "7"})}, 'the classes ["7"] and 2 probabilities'),
    ({"say": said({**SEVEN, "probabilities": [1]})}, "the classes [7] and 1 probabilities"),
    ({"say": said({**SEVEN, "probabilities": 0.9})}, "the classes [7] and 0 probabilities"),
    ({"say": said({"classes": 7})}, "the classes [7] and 0 probabilities"),
    ({"say": said(SEVEN, SEVEN)}, "the classes [7,7] and 4 probabilities"),
    ({"say": said()}, "the classes [] and 0 probabilities"),
    ({"say": json.dumps(SEVEN)}, "one prediction"),
    ({"say": "[[0.1, 0.9]]"}, "the classes [] and 0 probabilities"),
    ({"say": said(), "version": "version=another"}, "the classes [] and 0 probabilities"),
    ({"say": "7"}, "the classes [] and 0 probabilities"),
    ({"say": "null"}, "the classes [] and 0 probabilities"),
    ({"say": "<html>"}, "the answer is no JSON"),
    ({"say": ""}, "expected was one prediction"),
    ({"say": "no image", "status": 500}, '"no image"'),
    ({"say": "no image", "status": 400}, '"no image"'),
]


@pytest.mark.parametrize(("body", "words"), WRONG)
def test_the_first_wrong_answer_is_told_with_its_request_and_ends_the_round(
    asker: Asker, body: dict[str, Any], words: str
) -> None:
    told = asker.ask({}, body, {"say": "never asked"})
    assert told.startswith("Golden request 2: ")
    assert words in told
    assert "WarnSageMaker" not in asker.states()  # nothing is left to roll back


def test_an_answer_has_to_come_in_time(asker: Asker) -> None:
    told = asker.ask({"seconds": 3, "seldom": 1}, settings=QUICK)
    assert told == "Golden request 1: no answer came within 1 seconds (States.Timeout)"


def test_while_two_versions_may_serve_only_the_new_one_is_judged(asker: Asker) -> None:
    wrong = {"say": said()}
    others: list[dict[str, str]] = [{}, {"version": "version=the-old-one"}, {"version": "trace=7"}]
    unknown: list[dict[str, Any]] = [
        {"status": 500},
        {"seconds": 3, "seldom": 2},
        {"say": "<html>"},
    ]
    asked = [*({**wrong, **each} for each in others), *unknown]
    assert asker.ask(*asked, stage="Baking", settings=QUICK) is None
    assert asker.states().count("Ask") == 6
    assert "WarnSageMaker" not in asker.states()


def test_a_wrong_answer_of_the_new_version_makes_sagemaker_roll_back(asker: Asker) -> None:
    told = asker.ask({}, {"say": said(), "version": "ours"}, stage="ActivatingTraffic")
    assert told.startswith("Golden request 2: ")
    (metric,) = asker.aws.client("cloudwatch").list_metrics(Namespace=f"MLOps/{asker.name}")[
        "Metrics"
    ]
    assert (metric["MetricName"], metric["Dimensions"]) == ("WrongAnswers", [])


@pytest.mark.parametrize(
    ("stage", "more"),
    [
        ("Creating", {}),
        ("Baking", {"asking": {"alone": False, "rounds": 60}}),
        ("", {"asking": {"alone": False, "rounds": 0}}),
        ("", {"wrong": {"Error": "WrongAnswers", "Cause": "known"}}),
        ("", {"golden": "none"}),
        ("", {"golden": {"asked": 0}}),
    ],
    ids=["old-serves", "often", "taken-back", "known", "none", "no-requests"],
)
def test_nobody_asks_where_nothing_can_be_learned(
    asker: Asker, stage: str, more: dict[str, Any]
) -> None:
    asker.ask({"say": said(), "version": "ours"}, stage=stage, **more)
    assert asker.states() == ["IsTimeToAsk", "Verify"]


def test_a_serverless_model_has_time_to_start(asker: Asker) -> None:
    serverless = {**QUICK, "kind": "Serverless"}
    assert asker.ask({"seconds": 3, "seldom": 3}, settings=serverless) is None
    assert asker.states().count("LetItStart") == 2


def test_a_round_costs_few_events_and_carries_nothing_on(asker: Asker) -> None:
    """An execution has 25,000, and there are up to 60 rounds."""
    assert asker.ask(*({"long": "x" * 10_000} for _ in range(5))) is None
    events = asker.events()
    assert len(events) < 100
    assert len(events[-1]["executionSucceededEventDetails"]["output"]) < 1000
    scheduled = [e["taskScheduledEventDetails"] for e in events if "taskScheduledEventDetails" in e]
    marks = [json.loads(each["parameters"]).get("InferenceId") for each in scheduled]
    assert marks == [None, *(f"golden-{number}" for number in range(1, 6))]


def test_requests_that_cannot_be_read_again_are_no_right_answers(asker: Asker) -> None:
    given = asker.given(unique(asker.name), 1)
    assert asker.judged(given).startswith("The golden requests could not be read again")
    # A rollback repairs what serves, and of an update there is another round to come
    assert asker.judged({**given, "rollback": {}}) is None
    assert asker.judged(asker.given(unique(asker.name), 1, "Baking")) is None
    assert "WarnSageMaker" not in asker.states()


def test_a_serverless_endpoint_that_is_full_has_not_answered_wrongly(
    full: Asker,
) -> None:
    wrong = {"say": said()}
    assert "the classes [] and 0 probabilities" in full.ask(wrong)
    body = json.dumps({"say": said(SEVEN), "seconds": 4}).encode()
    held = full.aws.client("sagemaker-runtime").invoke_endpoint
    with ThreadPoolExecutor() as pool:
        kept = pool.submit(held, EndpointName=full.name, Body=body, ContentType="application/json")
        time.sleep(1)
        assert full.ask(wrong) is None
        assert kept.result()["ResponseMetadata"]["HTTPStatusCode"] == 200
