"""The same template in a China region, where CodePipeline cannot start a workflow."""

from pathlib import Path

import pytest

from tests.system.driver import endpoint

pytestmark = pytest.mark.local


def test_the_pipeline_trains_through_codebuild_in_china(tmp_path: Path) -> None:
    with endpoint(tmp_path, "cn-north-1") as aws:
        aws.run("python", "-m", "scripts.demo", "--attach", "--stack", "zhongguo")
        actions = aws.actions("zhongguo")
        assert actions["Train"]["input"]["actionTypeId"]["provider"] == "CodeBuild"
        assert "amazonaws.com.cn" in aws.outputs("zhongguo")["ImageRepositoryUri"]
