"""What the runbook tells to attach to developers keeps them from approving, in every way, and from
nothing else that they do."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import generate
from local.authorization.evaluate import Request, Statement, decide
from tests.permissions.deployed import ACCOUNT, REGIONS, deploy_deployer

RUNBOOK = Path(generate.__file__).parent / "docs/runbook.md"
# How a model comes to the endpoint by what a developer may do: a decision, a deployment by hand,
# another choice of who decides
APPROVING = {
    "sagemaker:UpdateModelPackage": ("sagemaker", "model-package/mlops/3"),
    "states:StartExecution approval": ("states", "stateMachine:mlops-approval"),
    "states:StartExecution deployment": ("states", "stateMachine:mlops-deployment"),
    "cloudformation:CreateChangeSet": ("cloudformation", "stack/mlops/1"),
    "cloudformation:CreateChangeSet bootstrap": ("cloudformation", "stack/mlops-bootstrap/1"),
    "cloudformation:ExecuteChangeSet": ("cloudformation", "stack/mlops/1"),
    "cloudformation:ExecuteChangeSet bootstrap": ("cloudformation", "stack/mlops-bootstrap/1"),
}
OTHERWISE = {
    "sagemaker:DescribeModelPackage": ("sagemaker", "model-package/mlops/3"),
    "sagemaker:ListModelPackages": ("sagemaker", "model-package/mlops/3"),
    "codepipeline:StartPipelineExecution": ("codepipeline", "mlops"),
    "states:StartExecution training": ("states", "stateMachine:mlops-training"),
    "codecommit:GitPush": ("codecommit", "mlops"),
    "cloudformation:DescribeStacks": ("cloudformation", "stack/mlops/1"),
}


def told(region: str) -> list[Statement]:
    """The policy on the page, for this project and partition."""
    (policy,) = re.findall(r"^```json\n(.*?)^```", RUNBOOK.read_text(), re.M | re.S)
    text = policy.replace("cifar", "mlops").replace("arn:aws:", f"arn:{REGIONS[region]}:")
    statements: list[Statement] = json.loads(text)["Statement"]
    return statements


def test_a_developer_approves_unless_the_runbooks_policy_is_attached(
    region: str, texts: Mapping[str, str]
) -> None:
    developers = deploy_deployer(region, texts).roles["DevelopersPolicy"]
    both = [*developers, *told(region)]
    for name, (service, resource) in {**APPROVING, **OTHERWISE}.items():
        arn = f"arn:{REGIONS[region]}:{service}:{region}:{ACCOUNT}:{resource}"
        asked = Request(f"arn:aws:iam::{ACCOUNT}:user/developer", name.split()[0], arn, {})
        assert decide(asked, developers, []).allowed, name
        assert decide(asked, both, []).allowed == (name in OTHERWISE), name
