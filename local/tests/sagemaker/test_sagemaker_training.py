import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws, unique, wait
from local.tests.training import archive, course, ended, lines, refusal, request, start

TRAIN = """
cd $SAGEMAKER_BASE_DIR
echo "seen: $(basename $0) $(cat input/data/training/a) $(cat input/config/hyperparameters.json)"
echo "env: $FROM_IMAGE $FROM_REQUEST $TRAINING_JOB_NAME ${AWS_ACCESS_KEY_ID:+credentials}"
echo "eval:accuracy=0.5 train:loss=9.5"
echo "eval:accuracy=0.75 train:loss=nan"
echo weights > model/weights
echo note > output/data/note
"""
SAVING = """
trap 'sleep 0.3; echo saved > $SAGEMAKER_BASE_DIR/model/weights; exit 0' TERM
echo ready; while true; do sleep 0.1; done
"""


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), train=TRAIN)


@pytest.fixture(scope="module")
def trained(aws: Aws, image: str) -> dict[str, Any]:
    return ended(aws, start(aws, request(aws, image)))


@pytest.fixture(scope="module")
def isolated(aws: Aws, image: str) -> dict[str, Any]:
    """The same training without a network, and with a key for what it leaves."""
    job = request(aws, image, EnableNetworkIsolation=True)
    job["OutputDataConfig"]["KmsKeyId"] = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    return ended(aws, start(aws, job))


def test_a_job_runs_its_program_under_the_container_contract(
    aws: Aws, trained: dict[str, Any]
) -> None:
    name = trained["TrainingJobName"]
    log = aws.log("/aws/sagemaker/TrainingJobs", f"{name}/algo-1-")
    assert log[0] == 'seen: train apple {"epochs": "3"}'
    assert log[1] == f"env: yes too {name} credentials"


def test_a_completed_job_leaves_its_model_and_output_where_describe_says(
    aws: Aws, trained: dict[str, Any]
) -> None:
    uri = trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri.endswith(f"/models/{trained['TrainingJobName']}/output/model.tar.gz")
    assert archive(aws, uri) == {"weights": b"weights\n"}
    assert archive(aws, uri.replace("model.tar", "output.tar")) == {"note": b"note\n"}


def test_a_job_tells_its_course(trained: dict[str, Any]) -> None:
    assert course(trained) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    transitions = trained["SecondaryStatusTransitions"]
    assert all(each["EndTime"] >= each["StartTime"] for each in transitions)
    assert trained["TrainingEndTime"] > trained["TrainingStartTime"]
    assert trained["BillableTimeInSeconds"] == trained["TrainingTimeInSeconds"] >= 1


def test_the_last_value_of_a_metric_counts_and_nan_is_not_captured(
    aws: Aws, trained: dict[str, Any]
) -> None:
    final = {each["MetricName"]: each["Value"] for each in trained["FinalMetricDataList"]}
    assert final == {"eval:accuracy": 0.75, "train:loss": 9.5}
    metrics = aws.client("cloudwatch").list_metrics(
        Namespace="/aws/sagemaker/TrainingJobs",
        Dimensions=[{"Name": "TrainingJobName", "Value": trained["TrainingJobName"]}],
    )["Metrics"]
    assert {each["MetricName"] for each in metrics} == set(final)


def test_tags_are_kept(aws: Aws, trained: dict[str, Any]) -> None:
    tags = aws.client("sagemaker").list_tags(ResourceArn=trained["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "project", "Value": "p"}]


def test_a_tag_that_is_added_again_has_the_new_value_only(
    aws: Aws, trained: dict[str, Any]
) -> None:
    sagemaker, arn = aws.client("sagemaker"), trained["TrainingJobArn"]
    for value in ("no", "yes"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "served", "Value": value}])
    tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert [each["Value"] for each in tags if each["Key"] == "served"] == ["yes"]
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["served"])


def test_a_name_is_never_free_again(aws: Aws, image: str, trained: dict[str, Any]) -> None:
    again = request(aws, image, TrainingJobName=trained["TrainingJobName"])
    assert refusal(aws, again).startswith("ResourceInUse: Training job names must be unique")


def test_network_isolation_leaves_the_program_without_credentials(
    aws: Aws, isolated: dict[str, Any]
) -> None:
    name = isolated["TrainingJobName"]
    assert aws.log("/aws/sagemaker/TrainingJobs", name)[1] == f"env: yes too {name} "


def test_a_failure_file_becomes_the_reason(aws: Aws, tmp_path: Path) -> None:
    failing = "printf 'bad record 7' > $SAGEMAKER_BASE_DIR/output/failure; exit 2"
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=failing))))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: bad record 7, exit code: 2"
    bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)


def test_a_reason_is_cut_to_what_the_api_allows_and_keeps_the_exit_code(
    aws: Aws, tmp_path: Path
) -> None:
    failing = "printf x%.0s {1..5000} > $SAGEMAKER_BASE_DIR/output/failure; exit 9"
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=failing))))
    assert len(job["FailureReason"]) == 1024
    assert job["FailureReason"].endswith("xxx, exit code: 9")


def test_an_image_without_the_program_is_named(aws: Aws, tmp_path: Path) -> None:
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, serve="exit 0"))))
    assert "CannotStartContainerError" in job["FailureReason"]


def test_stop_lets_the_program_save_and_ends_as_stopped(aws: Aws, tmp_path: Path) -> None:
    sagemaker = aws.client("sagemaker")
    name = start(aws, request(aws, aws.image(tmp_path, train=SAVING)))
    wait(lambda: lines(aws, name) == ["ready"])
    sagemaker.stop_training_job(TrainingJobName=name)
    job = ended(aws, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert course(job)[-3:] == ["Stopping", "Uploading", "Stopped"]
    assert "FailureReason" not in job
    assert archive(aws, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"weights": b"saved\n"}


def test_max_runtime_ends_a_job_as_stopped_and_lets_it_save(aws: Aws, tmp_path: Path) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    image = aws.image(tmp_path, train=SAVING)
    job = ended(aws, start(aws, request(aws, image, StoppingCondition=limit)))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert archive(aws, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"weights": b"saved\n"}


def test_checkpoints_are_restored_and_mirrored(aws: Aws, tmp_path: Path) -> None:
    program = "cd $SAGEMAKER_BASE_DIR/checkpoints; cat old; rm old; echo 2 > new"
    bucket = aws.bucket(ck__old="1\n")
    job = request(
        aws,
        aws.image(tmp_path, train=program),
        CheckpointConfig={"S3Uri": f"s3://{bucket}/ck"},
    )
    assert ended(aws, start(aws, job))["TrainingJobStatus"] == "Completed"
    assert aws.log("/aws/sagemaker/TrainingJobs", job["TrainingJobName"]) == ["1"]
    listed = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in listed] == ["ck/new"]


def test_a_key_of_the_output_configuration_encrypts_the_model(
    aws: Aws, isolated: dict[str, Any]
) -> None:
    bucket, name = isolated["ModelArtifacts"]["S3ModelArtifacts"][5:].split("/", 1)
    head = aws.client("s3").head_object(Bucket=bucket, Key=name)
    key = isolated["OutputDataConfig"]["KmsKeyId"]
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_equal_models_give_equal_archives(
    aws: Aws, trained: dict[str, Any], isolated: dict[str, Any]
) -> None:
    bodies = set()
    for job in (trained, isolated):
        bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"][5:].split("/", 1)
        bodies.add(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Pipe"}},
            "Pipe is not supported by the local endpoint (supported: File, FastFile)",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "i",
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "m", "Regex": "m=("}],
                }
            },
            "'m=(' is no regular expression",
        ),
        ({"RoleArn": "arn:aws:iam::111122223333:role/none"}, "Could not assume role"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    aws: Aws, image: str, changes: dict[str, Any], words: str
) -> None:
    said = refusal(aws, request(aws, image, **changes))
    assert said.startswith("ValidationException")
    assert words in said


def test_a_role_that_does_not_trust_sagemaker_is_refused(aws: Aws, image: str) -> None:
    said = refusal(aws, request(aws, image, RoleArn=aws.role("codebuild")))
    assert "allows principal 'sagemaker.amazonaws.com' to assume the role" in said


def test_a_prefix_without_objects_is_refused_at_creation(aws: Aws, image: str) -> None:
    job = request(aws, image)
    source = job["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    source["S3Uri"] = source["S3Uri"].replace("/data/", "/nothing/")
    assert f'No S3 objects found under S3 URL "{source["S3Uri"]}"' in refusal(aws, job)


def test_an_unknown_image_is_refused_at_creation(aws: Aws, image: str) -> None:
    unknown = image[:-4] + "0000"
    assert f"Cannot find the requested image: {unknown}" in refusal(aws, request(aws, unknown))


@pytest.mark.parametrize("kind", ["oci.image.manifest.v1", "oci.image.index.v1"])
def test_an_image_that_sagemaker_does_not_run_is_refused_at_creation(
    aws: Aws, tmp_path: Path, kind: str
) -> None:
    media_type = f"application/vnd.{kind}+json"
    uri = aws.image(tmp_path, media_type=media_type, train="exit 0")
    said = refusal(aws, request(aws, uri))
    assert said.startswith(
        f"ValidationException: Unsupported manifest media type {media_type} for image {uri}. "
    )


def test_jobs_are_listed_by_name_status_and_age(aws: Aws, image: str) -> None:
    prefix, sagemaker = unique("listed"), aws.client("sagemaker")
    jobs = [request(aws, image, TrainingJobName=f"{prefix}-{number}") for number in range(3)]
    for name in [start(aws, job) for job in jobs]:
        ended(aws, name)
    newest = sagemaker.list_training_jobs(
        NameContains=prefix,
        SortBy="CreationTime",
        SortOrder="Descending",
        StatusEquals="Completed",
        MaxResults=2,
    )
    names = [each["TrainingJobName"] for each in newest["TrainingJobSummaries"]]
    assert names == [f"{prefix}-2", f"{prefix}-1"]
    rest = sagemaker.list_training_jobs(
        NameContains=prefix,
        SortOrder="Descending",
        MaxResults=2,
        NextToken=newest["NextToken"],
    )
    assert [each["TrainingJobName"] for each in rest["TrainingJobSummaries"]] == [f"{prefix}-0"]
    assert "NextToken" not in rest
    failed = sagemaker.list_training_jobs(NameContains=prefix, StatusEquals="Failed")
    assert failed["TrainingJobSummaries"] == []


def test_a_missing_job_is_not_found(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        aws.client("sagemaker").describe_training_job(TrainingJobName="none")


def test_work_that_would_only_be_pretended_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match="CreateCompilationJob is not supported"):
        aws.client("sagemaker").create_compilation_job(
            CompilationJobName="c",
            RoleArn="arn:aws:iam::111122223333:role/r",
            OutputConfig={"S3OutputLocation": "s3://b/o"},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )


def test_a_job_announces_its_states(aws: Aws, image: str) -> None:
    """Delivered to SNS, whose messages moto keeps."""
    events, mailbox = aws.client("events"), aws.mailbox()
    rule, name = unique("rule"), unique("job")
    pattern = {
        "detail-type": ["SageMaker Training Job State Change"],
        "detail": {"TrainingJobName": [name], "TrainingJobStatus": ["Completed"]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": mailbox.topic}])
    start(aws, request(aws, image, TrainingJobName=name))
    event = json.loads(mailbox.read(1)[0])
    assert event["detail"]["SecondaryStatus"] == "Completed"
    assert isinstance(event["detail"]["CreationTime"], int)
