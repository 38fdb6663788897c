"""The same template in a China region, where CodePipeline cannot start a workflow."""

import json
from pathlib import Path

import pytest

from tests.system.driver import endpoint

pytestmark = pytest.mark.local

STACK = "zhongguo"


def test_in_china_the_workflow_runs_through_codebuild_and_its_verdict_counts(
    tmp_path: Path,
) -> None:
    with endpoint(tmp_path, "cn-north-1") as aws:
        aws.run("python", "generate.py")
        aws.run("python", "-m", "scripts.upload", "--stack", STACK)
        aws.run("python", "-m", "scripts.create_stack", "--stack", STACK)
        outputs = aws.outputs(STACK)
        assert ".amazonaws.com.cn/" in outputs["ImageRepositoryUri"]
        assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
        train = aws.actions(STACK)["Train"]["input"]["actionTypeId"]
        assert train["provider"] == "CodeBuild"
        (served,) = aws.aws("sagemaker", "list-endpoints")["Endpoints"]
        assert served["EndpointArn"].startswith("arn:aws-cn:")
        assert served["EndpointStatus"] == "InService"

        work = tmp_path / "work"
        aws.git("clone", "--quiet", outputs["RepositoryCloneUrl"], str(work), cwd=tmp_path)
        too_many = {"hyperparameters.json": json.dumps({"batch_size": 4096})}
        aws.push(work, "Ask too much", too_many)
        assert aws.verdict(STACK, after=1) == "Failed"
        status = aws.run("python", "-m", "scripts.status", "--stack", STACK, check=False)
        assert "batch_size is 4096, more than the 1257 images" in " ".join(status.split())
