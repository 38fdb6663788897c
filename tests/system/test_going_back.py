"""After a wrong answer: the template's own states take a real endpoint back, or say why not."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from local.tests.aws import SERVE, unique, wait
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.workflows import part

WRONG = {"Error": "WrongAnswers", "Cause": "Golden request 2: expected was something else"}


@dataclass
class Endpoint:
    """Serves `new`; `old` served before it, and `broken` cannot."""

    aws: Remote
    name: str
    machine: str

    def config(self, which: str) -> str:
        return f"{self.name}-{which}"

    def serving(self) -> str:
        found = self.aws.client("sagemaker").describe_endpoint(EndpointName=self.name)
        assert found["EndpointStatus"] == "InService"
        return str(found["EndpointConfigName"]).removeprefix(f"{self.name}-")

    def bring(self, which: str) -> None:
        sagemaker = self.aws.client("sagemaker")
        if self.serving() != which:
            sagemaker.update_endpoint(EndpointName=self.name, EndpointConfigName=self.config(which))
            self.wait()

    def wait(self) -> None:
        describe = self.aws.client("sagemaker").describe_endpoint
        wait(lambda: describe(EndpointName=self.name)["EndpointStatus"] == "InService")

    def told(self, before: str) -> str:
        """What is said once `new` serves and is known to be wrong."""
        serving = self.config(before) if before else "none"
        given = {
            "name": self.config("new"),
            "wrong": WRONG,
            "serving": {"name": serving},
            "retain": {"instances": False},
        }
        told = ended(self.aws, start(self.aws, self.machine, given))
        assert told["status"] == "SUCCEEDED", told
        error = json.loads(told["output"])["error"]
        assert error["Error"] == "WrongAnswers"
        assert error["Cause"].startswith(f"{WRONG['Cause']}. ")
        return str(error["Cause"].removeprefix(f"{WRONG['Cause']}. "))


@pytest.fixture(scope="module")
def made(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    name, folder = unique("back"), tmp_path_factory.mktemp("images")
    sagemaker, role = aws.client("sagemaker"), aws.role("sagemaker")
    for which, serve in {"old": SERVE, "new": SERVE, "broken": "exit 1"}.items():
        version = f"{name}-{which}"
        image = aws.image(folder, serve=serve)
        sagemaker.create_model(
            ModelName=version, PrimaryContainer={"Image": image}, ExecutionRoleArn=role
        )
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": version}
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=version, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
    until = ("WasRollback", "IsTimeToAsk", "HasCause", "Notify")
    machine = part("DeploymentWorkflow", "IsWrong", *until, ProjectName=name)
    endpoint = Endpoint(aws, name, create(aws, aws.role("states"), machine))
    endpoint.wait()
    return endpoint


@pytest.fixture
def endpoint(made: Endpoint) -> Endpoint:
    made.bring("new")
    return made


def test_the_endpoint_goes_back_to_what_served_before(endpoint: Endpoint) -> None:
    said = endpoint.told("old")
    assert endpoint.serving() == "old"
    assert said == f"The endpoint has gone back to {endpoint.config('old')}, which serves again"


def test_where_nothing_served_before_it_is_said_what_to_do(endpoint: Endpoint) -> None:
    said = endpoint.told("")
    assert endpoint.serving() == "new"
    assert f"the endpoint {endpoint.name} goes on with {endpoint.config('new')}" in said
    assert "deploy a better version, or delete the endpoint" in said


def test_where_the_way_back_is_gone_both_are_told(endpoint: Endpoint) -> None:
    said = endpoint.told("deleted")
    assert endpoint.serving() == "new"
    assert f"Going back to {endpoint.config('deleted')} failed too: Could not find" in said
    assert f"goes on with {endpoint.config('new')}" in said


def test_where_what_served_before_does_not_start_any_more_both_are_told(
    endpoint: Endpoint,
) -> None:
    said = endpoint.told("broken")
    assert endpoint.serving() == "new"
    assert f"Going back to {endpoint.config('broken')} failed too" in said
    assert "is InService with" in said
    assert "needs a person" in said
