"""After a wrong answer: the template's own states take a real endpoint back, or say why not."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from local.tests.aws import SERVE, unique, wait
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.deployments import SLOW
from tests.system.workflows import part

WRONG = {"Error": "WrongAnswers", "Cause": "Golden request 2: expected was something else"}


@dataclass
class Endpoint:
    """Serves `new`; `old` served before it, and `broken` cannot."""

    aws: Remote
    name: str
    image: str
    machine: str
    go: str
    mark: str
    tidy: str

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
        if self.serving() != which:
            self.change(which)
            self.wait()

    def change(self, which: str) -> None:
        """As a person does."""
        sagemaker = self.aws.client("sagemaker")
        sagemaker.update_endpoint(EndpointName=self.name, EndpointConfigName=self.config(which))

    def add_config(self, name: str, which: str) -> None:
        variant: dict[str, Any] = {"VariantName": "AllTraffic", "ModelName": self.config(which)}
        variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker = self.aws.client("sagemaker")
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    def wait(self) -> None:
        describe = self.aws.client("sagemaker").describe_endpoint
        wait(lambda: describe(EndpointName=self.name)["EndpointStatus"] == "InService")

    def told(self, before: str) -> str:
        """What is said once `new` serves and is known to be wrong."""
        return self.heard(self.machine, before)

    def heard(self, machine: str, before: str) -> str:
        serving = self.config(before) if before else "none"
        given = {
            "name": self.config("new"),
            "wrong": WRONG,
            "serving": {"name": serving},
            "retain": {"instances": False},
            "attempt": {"number": 1},
        }
        told = ended(self.aws, start(self.aws, machine, given))
        assert told["status"] == "SUCCEEDED", told.get("cause")
        error = json.loads(told["output"])["error"]
        assert error["Error"] == "WrongAnswers"
        assert error["Cause"].startswith(f"{WRONG['Cause']}. ")
        return str(error["Cause"].removeprefix(f"{WRONG['Cause']}. "))


@pytest.fixture(scope="module")
def made(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    name, folder = unique("back"), tmp_path_factory.mktemp("images")
    sagemaker, role = aws.client("sagemaker"), aws.role("sagemaker")
    versions = {"old": SERVE, "new": SERVE, "slow": SLOW, "broken": "exit 1"}
    images: dict[str, str] = {}
    for which, serve in versions.items():
        version = f"{name}-{which}"
        images[which] = aws.image(folder, serve=serve)
        sagemaker.create_model(
            ModelName=version,
            PrimaryContainer={"Image": images[which]},
            ExecutionRoleArn=role,
            Tags=[{"Key": "served", "Value": "no"}],
        )
    until = ("WasRollback", "IsTimeToAsk", "HasCause", "Notify")
    here = aws.context
    where = {"Models": f"arn:aws:sagemaker:{here.region}:{here.account}:model"}
    parts = {
        "machine": part("DeploymentWorkflow", "IsWrong", *until, ProjectName=name, **where),
        "go": part("DeploymentWorkflow", "GoBack", *until, ProjectName=name, **where),
        "mark": part("DeploymentWorkflow", "ReadAge", "IsOlder", "FindGolden", **where),
        "tidy": part(
            "DeploymentWorkflow", "FindInUse", "Failed", ProjectName=name, Repository=name
        ),
    }
    states = aws.role("states")
    machines = {which: create(aws, states, definition) for which, definition in parts.items()}
    endpoint = Endpoint(aws, name, images["old"], **machines)
    for which in versions:
        endpoint.add_config(endpoint.config(which), which)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
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
    # Nobody is to come to it again, if it stays
    assert endpoint.served("new") == "withdrawn"


@pytest.mark.parametrize("moment", ["machine", "go"])
def test_going_back_waits_for_a_change_that_somebody_else_has_begun(
    endpoint: Endpoint, moment: str
) -> None:
    """Before it is looked at, and between the look and the call."""
    endpoint.change("slow")
    said = endpoint.heard(getattr(endpoint, moment), "old")
    assert said == f"The endpoint has gone back to {endpoint.config('old')}, which serves again"
    assert endpoint.serving() == "old"


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


@pytest.mark.parametrize(
    ("before", "after"), [("no", "unchecked"), ("yes", "yes"), ("withdrawn", "withdrawn")]
)
def test_what_the_next_deployment_finds_serving_is_kept_and_not_called_good(
    made: Endpoint, before: str, after: str
) -> None:
    """Of a deployment that was broken off nobody knows how its version serves."""
    made.tag("old", before)
    given = {"name": "next", "serving": {"name": made.config("old")}}
    assert ended(made.aws, start(made.aws, made.mark, given))["status"] == "SUCCEEDED"
    assert made.served("old") == after


def test_a_failed_deployment_leaves_the_model_that_serves_under_whatever_configuration(
    endpoint: Endpoint,
) -> None:
    """Application Auto Scaling has made one with a name of its own."""
    sagemaker = endpoint.aws.client("sagemaker")
    endpoint.aws.client("ecr").create_repository(repositoryName=endpoint.name)
    for which in ("extra", "unused"):
        role, image = endpoint.aws.role("sagemaker"), endpoint.image
        made = {"PrimaryContainer": {"Image": image}, "ExecutionRoleArn": role}
        sagemaker.create_model(ModelName=endpoint.config(which), **made)
        endpoint.add_config(endpoint.config(which), which)
    endpoint.add_config(f"{endpoint.name}-scaled", "extra")
    endpoint.change("scaled")
    endpoint.wait()
    for which in ("extra", "unused"):
        started = start(endpoint.aws, endpoint.tidy, {"name": endpoint.config(which)})
        assert ended(endpoint.aws, started)["status"] == "SUCCEEDED"
    left = sagemaker.list_models(NameContains=endpoint.name)["Models"]
    assert endpoint.config("extra") in [each["ModelName"] for each in left]
    assert endpoint.config("unused") not in [each["ModelName"] for each in left]
