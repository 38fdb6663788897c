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
    mark: str

    def config(self, which: str) -> str:
        return f"{self.name}-{which}"

    def serving(self) -> str:
        found = self.aws.client("sagemaker").describe_endpoint(EndpointName=self.name)
        assert found["EndpointStatus"] == "InService"
        return str(found["EndpointConfigName"]).removeprefix(f"{self.name}-")

    def served(self, which: str) -> str:
        """What the version's tag says of it."""
        sagemaker = self.aws.client("sagemaker")
        arn = sagemaker.describe_model(ModelName=self.config(which))["ModelArn"]
        tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        (said,) = [each["Value"] for each in tags if each["Key"] == "served"]
        return str(said)

    def tag(self, which: str, served: str) -> None:
        sagemaker = self.aws.client("sagemaker")
        arn = sagemaker.describe_model(ModelName=self.config(which))["ModelArn"]
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "served", "Value": served}])

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
            ModelName=version,
            PrimaryContainer={"Image": image},
            ExecutionRoleArn=role,
            Tags=[{"Key": "served", "Value": "no"}],
        )
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": version}
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=version, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
    until = ("WasRollback", "IsTimeToAsk", "HasCause", "Notify")
    where = {"Models": f"arn:aws:sagemaker:{aws.context.region}:{aws.context.account}:model"}
    machine = part("DeploymentWorkflow", "IsWrong", *until, ProjectName=name, **where)
    mark = part("DeploymentWorkflow", "ReadAge", "IsOlder", **where)
    states = aws.role("states")
    endpoint = Endpoint(aws, name, create(aws, states, machine), create(aws, states, mark))
    endpoint.wait()
    return endpoint


@pytest.fixture
def endpoint(made: Endpoint) -> Endpoint:
    made.bring("new")
    made.tag("new", "no")
    return made


def test_the_endpoint_goes_back_to_what_served_before(endpoint: Endpoint) -> None:
    said = endpoint.told("old")
    assert endpoint.serving() == "old"
    assert said == f"The endpoint has gone back to {endpoint.config('old')}, which serves again"
    assert endpoint.served("new") == "no"


def test_where_nothing_served_before_it_is_said_what_to_do(endpoint: Endpoint) -> None:
    said = endpoint.told("")
    assert endpoint.serving() == "new"
    assert f"the endpoint {endpoint.name} goes on with {endpoint.config('new')}" in said
    assert "deploy a better version, or delete the endpoint" in said
    assert endpoint.served("new") == "withdrawn"


def test_where_the_way_back_is_gone_both_are_told(endpoint: Endpoint) -> None:
    said = endpoint.told("deleted")
    assert endpoint.serving() == "new"
    assert f"Going back to {endpoint.config('deleted')} failed too: Could not find" in said
    assert f"goes on with {endpoint.config('new')}" in said
    assert endpoint.served("new") == "withdrawn"


def test_where_what_served_before_does_not_start_any_more_both_are_told(
    endpoint: Endpoint,
) -> None:
    said = endpoint.told("broken")
    assert endpoint.serving() == "new"
    assert f"Going back to {endpoint.config('broken')} failed too" in said
    assert "is InService with" in said
    assert "needs a person" in said
    assert endpoint.served("new") == "withdrawn"


@pytest.mark.parametrize(("before", "after"), [("no", "yes"), ("withdrawn", "withdrawn")])
def test_what_the_next_deployment_finds_serving_counts_unless_it_was_withdrawn(
    made: Endpoint, before: str, after: str
) -> None:
    """Of a deployment that was broken off it is not known yet that its version serves."""
    made.tag("old", before)
    given = {"name": "next", "serving": {"name": made.config("old")}}
    assert ended(made.aws, start(made.aws, made.mark, given))["status"] == "SUCCEEDED"
    assert made.served("old") == after
