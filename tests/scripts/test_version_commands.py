"""From a version that waits to one that was decided about, by the commands that the others name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import decide, models, report, trace
from scripts.lib.session import Clients
from tests.scripts.versions import COMMIT, IMAGE, name

ROLE = "arn:aws:iam::123456789012:role/workflow"
PASS = json.dumps({"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}})


@pytest.fixture
def bucket(memory: Clients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The bucket of a stack that has the outputs of ours, and a version that waits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", memory.region)
    monkeypatch.setenv("CI", "true")  # no browser
    machine = memory.stepfunctions.create_state_machine(
        name="mlops-approval", definition=PASS, roleArn=ROLE
    )["stateMachineArn"]
    known = dict.fromkeys(("ProjectName", "EndpointName", "VersionPrefix"), "mlops")
    workflows = (f"{kind}WorkflowArn" for kind in ("Training", "Approval", "Deployment"))
    known |= dict.fromkeys(workflows, machine)
    outputs = {key: {"Value": value} for key, value in known.items()}
    template = {
        "Resources": {"Artifacts": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {**outputs, "ArtifactBucket": {"Value": {"Ref": "Artifacts"}}},
    }
    memory.cloudformation.create_stack(StackName="mine", TemplateBody=json.dumps(template))
    (made,) = memory.s3.list_buckets()["Buckets"]
    registry, version = memory.sagemaker, name(1)
    registry.create_model_package_group(ModelPackageGroupName="mlops")
    data = f"s3://{made['Name']}/models/x/output/model.tar.gz"
    specification: Any = {"Containers": [{"Image": IMAGE, "ModelDataUrl": data}]}
    registry.create_model_package(
        ModelPackageGroupName="mlops",
        ModelPackageDescription="98.1 % of 360 held-out examples",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification=specification,
        CustomerMetadataProperties={
            "version": version,
            "accuracy": "0.981",
            "evaluation": f"s3://{made['Name']}/evaluations/{version}/",
        },
    )
    key = f"evaluations/{version}/report.html"
    memory.s3.put_object(Bucket=made["Name"], Key=key, Body=b"<html>")
    return str(made["Name"])


def test_each_way_that_is_named_leads_on(
    memory: Clients, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(main: Callable[[list[str]], int], *words: str, code: int = 0) -> str:
        assert main(["--stack", "mine", *words]) == code
        found = capsys.readouterr()
        assert "Traceback" not in found.err
        return " ".join((found.out + found.err).split())

    assert f"1 {COMMIT} 98.1% waits for approval" in said(models.main)
    assert f"build/reports/{name(1)}/report.html" in said(report.main, "--version", "1")
    assert "status PendingManualApproval" in said(trace.main, "--version", COMMIT)
    whole = json.loads(said(trace.main, "--version", "1", "--json"))
    assert whole["version"]["value"] == f"1 ({COMMIT}), {name(1)}"
    assert "`make approve" not in said(decide.main, "--yes", "approve")
    assert "no version waits" in said(decide.main, "--yes", "approve", code=2)
    # moto forgets a version's metadata with its first update, so its number has to do
    again = said(decide.main, "--yes", "--version", "1", "approve")
    assert "It was approved before, and no deployment began; this repeats it." in again
    rejected = said(decide.main, "--yes", "--version", "1", "--reason", "biased", "reject")
    assert "It was approved before" in rejected and "is rejected" in rejected
    assert "rejected" in said(models.main)
    one = memory.sagemaker.list_model_packages(ModelPackageGroupName="mlops")
    (summary,) = one["ModelPackageSummaryList"]
    assert summary["ModelApprovalStatus"] == "Rejected"
