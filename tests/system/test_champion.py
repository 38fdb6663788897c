"""What an evaluation is told of that which serves: the template's own states, on endpoints that are
whole, or lack a part."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.tests.aws import ALL, SERVE
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.training import Project, create_project
from tests.system.workflows import part

pytestmark = pytest.mark.slow  # the endpoint is a process


@pytest.fixture(scope="module")
def project(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Project:
    image = aws.image(tmp_path_factory.mktemp("image"), serve=SERVE)
    project = create_project(aws, image)
    project.serve("old")
    return project


@pytest.fixture
def kept(project: Project) -> Iterator[None]:
    """What a test takes away is there again for the next one."""
    yield
    project.make("old")


def champion(project: Project, role: str = "", **values: str) -> Any:
    """What is known of it, or the error that would be explained. What may be new is not looked for
    again here."""
    values = {"ArtifactBucket": project.artifacts, "ProjectName": project.artifacts, **values}
    values = {"VersionPrefix": project.artifacts, **values}
    steps = part("TrainingWorkflow", "FindServing", "ChooseComparison", "HasCause", **values)
    for state in steps["States"].values():
        for rule in state.get("Retry", []):
            rule["MaxAttempts"] = 0
    aws = project.aws
    told = ended(aws, start(aws, create(aws, role or aws.role("states"), steps)))
    assert told["status"] == "SUCCEEDED", told
    output = json.loads(told["output"])
    return output.get("champion") or output["error"]


def old(project: Project, **more: str) -> dict[str, str]:
    return {"name": f"{project.artifacts}-old", **more}


def test_what_serves_is_found_with_its_archive(project: Project) -> None:
    name = f"{project.artifacts}-old"
    archive = f"s3://{project.artifacts}/models/{name}-0/output/model.tar.gz"
    assert champion(project) == old(project, modelDataUrl=archive)


def test_from_which_version_it_was_taken_back_is_known(project: Project) -> None:
    """The answer of one step: what the gate says of it is test_gate's."""
    model = f"{project.artifacts}-old"
    sagemaker = project.aws.client("sagemaker")
    arn = sagemaker.describe_model(ModelName=model)["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "back-from", "Value": "newer"}])
    steps = part("TrainingWorkflow", "ReadServingTags", "IsArchiveOurs")
    machine = create(project.aws, project.aws.role("states"), steps)
    told = ended(project.aws, start(project.aws, machine, {"model": {"ModelArn": arn}}))
    assert json.loads(told["output"])["back"] == {"from": ["newer"]}


def test_where_no_endpoint_is_there_is_no_champion(project: Project) -> None:
    assert champion(project, ProjectName="another") == {"name": "none"}


def test_where_nothing_has_served_yet_there_is_no_champion(
    aws: Remote, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An endpoint that is being made, or could not be."""
    image = aws.image(tmp_path_factory.mktemp("image"), serve="sleep 600")
    project = create_project(aws, image)
    project.make("new")
    sagemaker, name = aws.client("sagemaker"), project.artifacts
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-new")
    assert champion(project) == {"name": "none"}


def test_what_another_stack_serves_is_not_looked_into(project: Project) -> None:
    gone = "what the endpoint serves is no version of this stack"
    assert champion(project, VersionPrefix="another") == old(project, gone=gone)


def test_an_archive_in_another_bucket_is_not_read(project: Project) -> None:
    gone = "its archive is not among the models of this stack"
    assert champion(project, ArtifactBucket="another") == old(project, gone=gone)


@pytest.mark.usefixtures("kept")
def test_an_archive_that_was_deleted_is_gone(project: Project) -> None:
    key = f"models/{project.artifacts}-old-0/output/model.tar.gz"
    project.aws.client("s3").delete_object(Bucket=project.artifacts, Key=key)
    assert champion(project) == old(project, gone="its archive is not in S3 any more")


def test_the_archive_of_a_tuned_model_is_looked_for_by_its_own_job(aws: Remote) -> None:
    """Beside it, in the version's folder, lie those of the other jobs of the tuning."""
    bucket, key = aws.bucket(), "models/it/best/output/model.tar.gz"
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    values = {"ArtifactBucket": bucket, "VersionPrefix": "it", "ProjectName": "it"}
    steps = part("TrainingWorkflow", "IsArchiveOurs", "ChooseComparison", "HasCause", **values)
    machine = create(aws, aws.role("states"), steps)

    def found(job: str) -> Any:
        url = f"s3://{bucket}/models/it/{job}/output/model.tar.gz"
        model = {"PrimaryContainer": {"ModelDataUrl": url}}
        given = {"serving": {"EndpointConfigName": "it"}, "model": model}
        return json.loads(ended(aws, start(aws, machine, given))["output"])["champion"]

    assert "modelDataUrl" in found("best")
    assert found("other") == {"name": "it", "gone": "its archive is not in S3 any more"}


@pytest.mark.usefixtures("kept")
def test_without_its_model_it_is_gone(project: Project) -> None:
    project.aws.client("sagemaker").delete_model(ModelName=f"{project.artifacts}-old")
    assert champion(project) == old(project, gone="its model in SageMaker is not there")


@pytest.mark.usefixtures("kept")
def test_without_its_configuration_it_is_gone(project: Project) -> None:
    name = f"{project.artifacts}-old"
    project.aws.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
    gone = "the configuration of its endpoint is not there"
    assert champion(project) == old(project, gone=gone)


@pytest.mark.parametrize(
    "action",
    [
        *("sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig"),
        *("sagemaker:DescribeModel", "s3:ListBucket"),
    ],
)
def test_what_is_forbidden_is_no_absence(project: Project, action: str) -> None:
    """A candidate would be held against nothing, and take the place of a better one."""
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    error = champion(project, project.aws.role("states", may=(ALL, deny)))
    assert "not authorized" in error["Cause"] or "Access Denied" in error["Cause"]
