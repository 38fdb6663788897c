"""The whole system, by the aws CLI and git alone; one story, told in order."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.system.driver import ROOT, Driver, drop_tests, endpoint, loads
from tests.system.notices import Notices

pytestmark = pytest.mark.local

STACK = "story"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with endpoint(tmp_path_factory.mktemp("endpoint"), "eu-west-1", *loads()) as driver:
        yield driver


@pytest.fixture(scope="module")
def deployed(aws: Driver, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The stack's outputs, after the first pipeline execution."""
    build = tmp_path_factory.mktemp("build")
    aws.run("python", "generate.py", "--output", str(build))
    aws.run("python", "-m", "scripts.data", "digits", "--output", str(build / "data"))
    bootstrap = f"{STACK}-bootstrap"
    aws.run("aws", "cloudformation", "deploy", "--stack-name", bootstrap,
            "--template-file", str(build / "bootstrap.yaml"))  # fmt: skip
    bucket = aws.outputs(bootstrap)["Bucket"]
    seed(aws, build, bucket)
    aws.run("aws", "cloudformation", "deploy", "--stack-name", STACK,
            "--template-file", str(build / "mlops.yaml"), "--s3-bucket", bucket,
            "--capabilities", "CAPABILITY_NAMED_IAM",
            "--parameter-overrides", f"ProjectName={STACK}", f"BootstrapBucket={bucket}",
            "MinimumAccuracy=0.9", "RolloutBakeSeconds=0")  # fmt: skip
    outputs = aws.outputs(STACK)
    assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
    return {**outputs, "build": str(build), "bucket": bucket}


def seed(aws: Driver, build: Path, bucket: str) -> None:
    code = build / "code.zip"
    with zipfile.ZipFile(code, "w") as archive:
        container = ROOT / "container"
        for path in sorted(container.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(container))
    aws.run("aws", "s3", "cp", "--quiet", str(code), f"s3://{bucket}/seed/code.zip")
    data = str(build / "data")
    aws.run("aws", "s3", "cp", "--quiet", "--recursive", data, f"s3://{bucket}/seed/data/",
            "--exclude", "*", "--include", "*.tfrecords")  # fmt: skip


@pytest.fixture(scope="module")
def work(aws: Driver, deployed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A developer's clone. The first run has had all the tests of the model's code; what is pushed
    from here keeps some of them."""
    folder = tmp_path_factory.mktemp("work")
    aws.git("clone", "--quiet", deployed["RepositoryCloneUrl"], str(folder), cwd=folder)
    drop_tests(folder)
    return folder


@pytest.fixture(scope="module")
def notices(aws: Driver, deployed: dict[str, str]) -> Notices:
    heard = Notices(aws)
    heard.subscribe(deployed["NotificationTopicArn"])
    return heard


def predict(aws: Driver, deployed: dict[str, str], tmp_path: Path) -> dict[str, Any]:
    """The endpoint's answer for the first held-out image."""
    body, answer = tmp_path / "body.json", tmp_path / "answer.json"
    body.write_text(json.dumps({"instances": [np.zeros((32, 32, 3)).tolist()]}))
    aws.run("aws", "sagemaker-runtime", "invoke-endpoint",
            "--endpoint-name", deployed["EndpointName"], "--content-type", "application/json",
            "--body", f"fileb://{body}", str(answer))  # fmt: skip
    prediction: dict[str, Any] = json.loads(answer.read_text())["predictions"][0]
    return prediction


def endpoint_of(aws: Driver) -> dict[str, Any]:
    (only,) = aws.aws("sagemaker", "list-endpoints")["Endpoints"]
    described: dict[str, Any] = aws.aws(
        "sagemaker", "describe-endpoint", "--endpoint-name", only["EndpointName"]
    )
    return described


def test_the_first_run_ends_in_a_prediction(
    aws: Driver, deployed: dict[str, str], tmp_path: Path
) -> None:
    prediction = predict(aws, deployed, tmp_path)
    assert len(prediction["probabilities"]) == 10
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_the_pipeline_tells_its_state_and_its_actions(
    aws: Driver, deployed: dict[str, str]
) -> None:
    state = aws.aws("codepipeline", "get-pipeline-state", "--name", STACK)
    stages = {each["stageName"]: each["latestExecution"] for each in state["stageStates"]}
    assert {name: each["status"] for name, each in stages.items()} == dict.fromkeys(
        ["Source", "Test", "Build", "Train"], "Succeeded"
    )
    assert {each["status"] for each in aws.actions(STACK).values()} == {"Succeeded"}


def test_a_commit_trains_in_one_image_and_serves_in_another_each_by_digest(
    aws: Driver, deployed: dict[str, str]
) -> None:
    images = aws.aws("ecr", "describe-images", "--repository-name", STACK)["imageDetails"]
    by_tag = {tag: each["imageDigest"] for each in images for tag in each["imageTags"]}
    (job,) = aws.aws("sagemaker", "list-training-jobs")["TrainingJobSummaries"]
    (model,) = aws.aws("sagemaker", "list-models")["Models"]
    trained = aws.aws(
        "sagemaker", "describe-training-job", "--training-job-name", job["TrainingJobName"]
    )
    served = aws.aws("sagemaker", "describe-model", "--model-name", model["ModelName"])
    (commit,) = {tag.partition("-")[0] for tag in by_tag if tag.endswith(("-train", "-serve"))}
    version = f"version-{model['ModelName']}"
    assert by_tag.keys() == {f"{commit}-train", f"{commit}-serve", version}
    assert by_tag[version] == by_tag[f"{commit}-serve"]
    assert commit[:12] in job["TrainingJobName"]
    uri = deployed["ImageRepositoryUri"]
    used = trained["AlgorithmSpecification"]["TrainingImage"]
    assert used == f"{uri}@{by_tag[f'{commit}-train']}"
    assert served["PrimaryContainer"]["Image"] == f"{uri}@{by_tag[f'{commit}-serve']}"


def packages(aws: Driver) -> list[dict[str, Any]]:
    """What is registered, oldest first."""
    listed = aws.aws("sagemaker", "list-model-packages", "--model-package-group-name", STACK,
                     "--sort-order", "Ascending")["ModelPackageSummaryList"]  # fmt: skip
    arns = [each["ModelPackageArn"] for each in listed]
    return [aws.aws("sagemaker", "describe-model-package", "--model-package-name", arn)
            for arn in arns]  # fmt: skip


def test_what_serves_is_registered_as_approved_with_all_that_it_was_made_of(
    aws: Driver, deployed: dict[str, str]
) -> None:
    (package,) = packages(aws)
    (model,) = aws.aws("sagemaker", "list-models")["Models"]
    (job,) = aws.aws("sagemaker", "list-training-jobs")["TrainingJobSummaries"]
    served = aws.aws("sagemaker", "describe-model", "--model-name", model["ModelName"])
    trained = aws.aws(
        "sagemaker", "describe-training-job", "--training-job-name", job["TrainingJobName"]
    )
    branch = aws.aws("codecommit", "get-branch", "--repository-name", STACK,
                     "--branch-name", "main")["branch"]  # fmt: skip
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["MetadataProperties"]["CommitId"] == branch["commitId"]
    assert package["MetadataProperties"]["GeneratedBy"].startswith("arn:aws:states:")
    assert package["MetadataProperties"]["Repository"]
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container["Image"] == served["PrimaryContainer"]["Image"]
    assert container["ModelDataUrl"] == served["PrimaryContainer"]["ModelDataUrl"]
    metadata = package["CustomerMetadataProperties"]
    evaluation = f"s3://{deployed['ArtifactBucket']}/evaluations/{model['ModelName']}/"
    known = {
        "version": model["ModelName"],
        "training-job": job["TrainingJobName"],
        "training-image": trained["AlgorithmSpecification"]["TrainingImage"],
        "serving-image": container["Image"],
        "evaluation": evaluation,
        "champion": "none",
        "outcome": "none",
        "verdict": "accepted",
    }
    assert {name: metadata[name] for name in known} == known
    assert {"data-uri", "evaluation-job", "trigger", "triggered-by"} <= metadata.keys()
    assert len(metadata["data"]) == 64
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert statistics == f"{evaluation}evaluation.json"


def test_the_training_log_is_in_cloudwatch(aws: Driver, deployed: dict[str, str]) -> None:
    events = aws.aws("logs", "filter-log-events", "--log-group-name",
                     "/aws/sagemaker/TrainingJobs")["events"]  # fmt: skip
    assert any("eval:accuracy=" in each["message"] for each in events)


def test_a_failing_unit_test_stops_at_test_and_is_told(
    aws: Driver, deployed: dict[str, str], work: Path, notices: Notices, tmp_path: Path
) -> None:
    before = endpoint_of(aws)["EndpointConfigName"]
    broken = {"tests/test_broken.py": "def test_broken() -> None:\n    assert 1 == 2\n"}
    aws.push(work, "Break a test", broken)
    assert aws.verdict(STACK, after=1) == "Failed"
    actions = aws.actions(STACK)
    assert set(actions) == {"Source", "Test"}
    execution = actions["Test"]["pipelineExecutionId"]
    (notice,) = notices.read()
    told = json.loads(notice)
    assert told["what"] == f"{STACK}: stage Test failed (execution {execution})"
    assert told["look at"].endswith(
        f"/pipelines/{STACK}/executions/{execution}/timeline?region=eu-west-1"
    )
    assert "Build terminated with state: FAILED" in notice
    assert endpoint_of(aws)["EndpointConfigName"] == before
    predict(aws, deployed, tmp_path)


def test_a_failing_training_turns_the_pipeline_red_with_its_own_reason(
    aws: Driver, deployed: dict[str, str], work: Path, notices: Notices, tmp_path: Path
) -> None:
    before = endpoint_of(aws)["EndpointConfigName"]
    (work / "tests/test_broken.py").unlink()
    aws.push(work, "Ask too much", {"hyperparameters.json": json.dumps({"batch_size": 4096})})
    assert aws.verdict(STACK, after=2) == "Failed"
    arn = aws.actions(STACK)["Train"]["output"]["executionResult"]["externalExecutionId"]
    execution = aws.aws("stepfunctions", "describe-execution", "--execution-arn", arn)
    reason = "batch_size is 4096, more than the 1257 images"
    assert reason in execution["cause"]
    _, told = notices.read()  # by the workflow; the alert is for the stages before it
    assert reason in told
    status = aws.run("python", "-m", "scripts.status", "--stack", STACK, check=False)
    assert reason in " ".join(status.split())
    assert endpoint_of(aws)["EndpointConfigName"] == before
    predict(aws, deployed, tmp_path)


def test_a_change_of_parameters_applies_in_place(aws: Driver, deployed: dict[str, str]) -> None:
    """Two of them are for the next push: only the version that serves is to be kept, and another
    seed's figure, which is other by chance, is no reason to refuse it."""
    aws.run("aws", "cloudformation", "deploy", "--stack-name", STACK,
            "--template-file", str(Path(deployed["build"]) / "mlops.yaml"),
            "--s3-bucket", deployed["bucket"], "--capabilities", "CAPABILITY_NAMED_IAM",
            "--parameter-overrides", "LogRetentionDays=30", "KeepVersions=1",
            "AccuracyTolerance=1")  # fmt: skip
    events = aws.aws("cloudformation", "describe-stack-events", "--stack-name", STACK)
    statuses = {each["ResourceStatus"] for each in events["StackEvents"]}
    assert "UPDATE_COMPLETE" in statuses
    assert "DELETE_COMPLETE" not in statuses
    groups = aws.aws("logs", "describe-log-groups", "--log-group-name-prefix",
                     f"/aws/codebuild/{STACK}-test")["logGroups"]  # fmt: skip
    assert [each["retentionInDays"] for each in groups] == [30]


def test_a_push_that_mends_updates_the_same_endpoint_and_tells_nobody(
    aws: Driver, deployed: dict[str, str], work: Path, notices: Notices, tmp_path: Path
) -> None:
    before = endpoint_of(aws)
    add_version(aws, before["EndpointConfigName"], f"{before['EndpointConfigName']}-too")
    hyperparameters = json.loads((ROOT / "container/hyperparameters.json").read_text())
    hyperparameters["seed"] = 7
    aws.push(work, "Mend, with a seed", {"hyperparameters.json": json.dumps(hyperparameters)})
    assert aws.verdict(STACK, after=3) == "Succeeded", aws.actions(STACK)
    after = endpoint_of(aws)
    assert after["EndpointConfigName"] != before["EndpointConfigName"]
    assert after["CreationTime"] == before["CreationTime"]
    assert after["EndpointStatus"] == "InService"
    predict(aws, deployed, tmp_path)
    assert not notices.more()
    assert len(notices.told) == 2  # of two failures each was told once
    first, second = packages(aws)
    metadata = second["CustomerMetadataProperties"]
    assert (metadata["verdict"], metadata["outcome"]) == ("accepted", "compared")
    assert metadata["champion"] == first["CustomerMetadataProperties"]["version"]
    told = aws.run("python", "-m", "scripts.trace", "--stack", STACK, "--json")
    chain = {name: one.get("value", "") for name, one in json.loads(told).items()}
    assert chain["config"] == metadata["version"] == after["EndpointConfigName"]
    assert chain["commit"] == aws.git("rev-parse", "HEAD", cwd=work).strip()
    assert chain["subject"] == "Mend, with a seed"


def add_version(aws: Driver, known: str, name: str) -> None:
    """The same once more under another name, so that there are two that nobody keeps."""
    model = aws.aws("sagemaker", "describe-model", "--model-name", known)
    config = aws.aws("sagemaker", "describe-endpoint-config", "--endpoint-config-name", known)
    (variant,) = config["ProductionVariants"]
    aws.run("aws", "sagemaker", "create-model", "--model-name", name,
            "--execution-role-arn", model["ExecutionRoleArn"],
            "--primary-container", json.dumps(model["PrimaryContainer"]))  # fmt: skip
    aws.run("aws", "sagemaker", "create-endpoint-config", "--endpoint-config-name", name,
            "--production-variants", json.dumps([{**variant, "ModelName": name}]))  # fmt: skip


def test_only_the_last_versions_are_kept(aws: Driver, deployed: dict[str, str]) -> None:
    configs = aws.aws("sagemaker", "list-endpoint-configs")["EndpointConfigs"]
    models = aws.aws("sagemaker", "list-models")["Models"]
    assert [each["EndpointConfigName"] for each in configs] == [
        endpoint_of(aws)["EndpointConfigName"]
    ]
    assert [each["ModelName"] for each in models] == [configs[0]["EndpointConfigName"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("AWS::SNS::Topic", "AWS::SNS::Tropic"),
            "types: [AWS::SNS::Tropic, AWS::SNS::TropicPolicy]",
        ),
        (("EnableKeyRotation", "EnableKeyRotations"), "EnableKeyRotations"),
    ],
)
def test_a_template_that_aws_would_refuse_is_refused(
    aws: Driver, deployed: dict[str, str], tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((Path(deployed["build"]) / "mlops.yaml").read_text().replace(*change))
    message = aws.refused(
        "cloudformation", "deploy", "--stack-name", STACK, "--template-file", str(bad),
        "--s3-bucket", deployed["bucket"], "--capabilities", "CAPABILITY_NAMED_IAM",
    )  # fmt: skip
    assert words in message


def test_a_missing_capability_is_refused(aws: Driver, deployed: dict[str, str]) -> None:
    message = aws.refused(
        "cloudformation", "deploy", "--stack-name", "other",
        "--template-file", str(Path(deployed["build"]) / "mlops.yaml"),
        "--s3-bucket", deployed["bucket"],
        "--parameter-overrides", f"BootstrapBucket={deployed['bucket']}",
    )  # fmt: skip
    assert "CAPABILITY_IAM" in message


# Of what did not happen here: wrong answers (test_golden.py), and looks at drift (test_drift.py);
# and the bill, which only AWS has
NOT_HERE = {"WrongAnswers", "DriftScore", "Drifted", "EstimatedCharges"}


def test_what_the_dashboard_shows_was_published_by_this_stack(
    aws: Driver, deployed: dict[str, str]
) -> None:
    name = f"{STACK}-{aws.environment['AWS_REGION']}"
    page = json.loads(
        aws.aws("cloudwatch", "get-dashboard", "--dashboard-name", name)["DashboardBody"]
    )
    shown = [
        [word for word in series if isinstance(word, str)]
        for widget in page["widgets"]
        for series in widget["properties"].get("metrics", [])
    ]
    published = [
        [each["Namespace"], each["MetricName"], *chain(each["Dimensions"])]
        for each in aws.aws("cloudwatch", "list-metrics")["Metrics"]
    ]
    seen = {series[1] for series in shown if series in published}
    assert {series[1] for series in shown} == seen | NOT_HERE
    assert not seen & NOT_HERE


def chain(dimensions: list[dict[str, str]]) -> list[str]:
    """Names and values in turn, as a dashboard has them."""
    return [word for each in dimensions for word in (each["Name"], each["Value"])]


def test_destroy_leaves_nothing(aws: Driver, deployed: dict[str, str]) -> None:
    aws.run("python", "-m", "scripts.destroy", "--stack", STACK, "--yes")
    assert aws.aws("sagemaker", "list-endpoints")["Endpoints"] == []
    assert aws.aws("sagemaker", "list-models")["Models"] == []
    assert aws.aws("s3api", "list-buckets")["Buckets"] == []
    assert "Nothing here" in aws.run(
        "python", "-m", "scripts.status", "--stack", STACK, check=False
    )
