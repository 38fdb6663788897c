"""The command that takes a model back, against the local endpoint: from a model that is healthy and
bad to good answers, by what a person types."""

import io
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.tests.remote import Remote
from scripts import rollback
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.system.deployments import Deployments, made
from tests.system.test_rollback import archived, tags
from tests.system.test_wrong_answers import answering

pytestmark = pytest.mark.slow  # models are served by processes


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployments:
    """`a` answers 7; `b` answers as quickly, and 3."""
    found = made(aws, tmp_path, monkeypatch, KeepVersions="3")
    for version, otherwise in {"a": "pass", "b": 'said["classes"] = 3'}.items():
        image = found.aws.image(tmp_path, found.name, serve=answering(otherwise))
        found.images["good"] = image
        assert found.deploy(archived(found, version))["status"] == "SUCCEEDED"
    return found


def typed(project: Deployments, to: str = "") -> str:
    """What is told, in one line; `to` is a version."""
    page = io.StringIO()
    clients = Clients(boto3.Session(region_name=project.aws.context.region))
    known = {
        **dict.fromkeys(("ProjectName", "EndpointName", "VersionPrefix"), project.name),
        "ArtifactBucket": project.bucket,
        "DeploymentWorkflowArn": project.machine,
        "TrainingWorkflowArn": project.machine,
    }
    name = f"{project.name}-{to}" if to else ""
    code = rollback.rollback(
        clients, known, name, "it is biased", Console(page, {}), "mlops", yes=True
    )
    assert code == 0, page.getvalue()
    return " ".join(page.getvalue().split())


def answer(project: Deployments) -> Any:
    runtime = project.aws.client("sagemaker-runtime")
    said = runtime.invoke_endpoint(
        EndpointName=project.name, Body=b"{}", ContentType="application/json"
    )
    return said["Body"].read()


def test_one_command_leads_from_bad_answers_to_good_ones(project: Deployments) -> None:
    assert b'"classes": 3' in answer(project)
    said = typed(project)
    assert b'"classes": 7' in answer(project)
    assert f"Now endpoint {project.name} serves {project.name}-b." in said
    assert f"Endpoint {project.name} serves {project.name}-a." in said
    assert tags(project, "b")["served"] == "withdrawn"
    # No version served well before this one; the newer one is there for who names it
    with pytest.raises(Problem, match="there is nothing to go back to"):
        typed(project)
    assert f"serves {project.name}-b." in typed(project, "b")
    assert [tags(project, each)["served"] for each in "ab"] == ["yes", "yes"]
    with pytest.raises(Problem, match="serves already"):
        typed(project, "b")
