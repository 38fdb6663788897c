"""Processing jobs: a program between its inputs and outputs, and what is told of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.sagemaker import container, processing_container
from local.tests.aws import ALL, Aws, unique, wait
from local.tests.processing import GROUP, ML, ended, given, left, outputs, request, start

EVALUATE = """
cd $SAGEMAKER_BASE_DIR
echo "ran: $(basename $0) $*"
echo "env: $FROM_IMAGE $FROM_REQUEST ${AWS_ACCESS_KEY_ID:+credentials}"
cat config/processingjobconfig.json; echo
cat config/resourceconfig.json; echo
cat processing/input/data/a processing/input/data/sub/b processing/input/candidate/one; echo
cd processing/output/report
mkdir sub; echo good > report.html; echo more > sub/more; ln -s report.html link; ln -s / root
printf 'accuracy 0.98' > $SAGEMAKER_BASE_DIR/output/message
"""
ARGUMENTS = ["--version", "v1"]
HANGING = """
trap 'printf "told to end" > $SAGEMAKER_BASE_DIR/output/message; exit 7' INT
echo late > $SAGEMAKER_BASE_DIR/processing/output/report/late
echo ready; while true; do sleep 0.1; done
"""


def app(image: str, *entrypoint: str, arguments: list[str] | None = None) -> dict[str, Any]:
    given: dict[str, Any] = {"ImageUri": image}
    if entrypoint:
        given["ContainerEntrypoint"] = list(entrypoint)
    if arguments:
        given["ContainerArguments"] = arguments
    return {"AppSpecification": given}


def shell(aws: Aws, folder: Path, program: str, **changes: Any) -> dict[str, Any]:
    """A job that runs this program."""
    image = aws.image(folder, evaluate=program)
    return request(aws, image, **{**app(image, "evaluate"), **changes})


def refusal(aws: Aws, job: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        start(aws, job)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), evaluate=EVALUATE)


@pytest.fixture(scope="module")
def job(aws: Aws, image: str) -> dict[str, Any]:
    """Isolated, with a key for what it leaves."""
    asked = request(
        aws,
        image,
        **app(image, "evaluate", arguments=ARGUMENTS),
        Environment={"FROM_REQUEST": "too"},
        NetworkConfig={"EnableNetworkIsolation": True},
    )
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    asked["ProcessingOutputConfig"]["KmsKeyId"] = key
    return ended(aws, start(aws, asked))


@pytest.fixture(scope="module")
def lines(aws: Aws, job: dict[str, Any]) -> list[str]:
    return aws.log(GROUP, f"{job['ProcessingJobName']}/algo-1-")


def test_a_job_runs_its_program_between_its_inputs_and_outputs(
    aws: Aws, job: dict[str, Any], lines: list[str]
) -> None:
    assert job["ProcessingJobStatus"] == "Completed"
    assert lines[0] == "ran: evaluate --version v1"
    assert lines[4] == "applepearweights"
    assert outputs(aws, job) == {"report.html": b"good\n", "sub/more": b"more\n"}


def test_a_manifest_names_the_files_of_an_input(aws: Aws, tmp_path: Path) -> None:
    """By what follows its prefix, in whatever folders; others are not fetched."""
    s3, bucket = aws.client("s3"), aws.bucket()
    for key in ("in/a/1", "in/b", "in/c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    ran = shell(
        aws,
        tmp_path,
        "cd $SAGEMAKER_BASE_DIR/processing/input/some; find . -type f | sort | xargs tail -n 1 -v",
    )
    listed = given("some", f"s3://{bucket}/manifest", f"{ML}/input/some")
    listed["S3Input"]["S3DataType"] = "ManifestFile"
    for names, status in ((["a/1", "c"], "Completed"), (["gone"], "Failed"), (["../x"], "Failed")):
        manifest = [{"prefix": f"s3://{bucket}/in/"}, *names]
        s3.put_object(Bucket=bucket, Key="manifest", Body=json.dumps(manifest).encode())
        asked = {**ran, "ProcessingInputs": [listed], "ProcessingJobName": unique("manifest")}
        told = ended(aws, start(aws, asked))
        assert told["ProcessingJobStatus"] == status
        if status == "Completed":
            lines = aws.log(GROUP, f"{told['ProcessingJobName']}/algo-1-")
            assert [each for each in lines if each] == [
                *("==> ./a/1 <==", "in/a/1"),
                *("==> ./c <==", "in/c"),
            ]


def test_an_isolated_program_has_the_environment_of_the_request_and_no_credentials(
    lines: list[str],
) -> None:
    assert lines[1] == "env: yes too "


def test_the_program_finds_its_job_as_documented(job: dict[str, Any], lines: list[str]) -> None:
    told = json.loads(lines[2])
    assert told["ProcessingJobArn"] == job["ProcessingJobArn"]
    assert told["AppSpecification"] == job["AppSpecification"]
    assert told["Environment"] == {"FROM_REQUEST": "too"}
    assert told["ProcessingInputs"][1]["S3Input"]["LocalPath"] == f"{ML}/input/candidate"
    assert told["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] is None
    assert json.loads(lines[3]) == {"current_host": "algo-1", "hosts": ["algo-1"]}


def test_the_message_of_the_program_and_the_times_are_told(job: dict[str, Any]) -> None:
    assert job["ExitMessage"] == "accuracy 0.98"
    assert "FailureReason" not in job
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]


def test_the_key_of_the_request_encrypts_every_output(aws: Aws, job: dict[str, Any]) -> None:
    config = job["ProcessingOutputConfig"]
    bucket, prefix = config["Outputs"][0]["S3Output"]["S3Uri"].removeprefix("s3://").split("/", 1)
    head = aws.client("s3").head_object(Bucket=bucket, Key=f"{prefix}sub/more")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", config["KmsKeyId"])


def test_tags_are_kept_and_a_name_is_never_free_again(
    aws: Aws, image: str, job: dict[str, Any]
) -> None:
    tags = aws.client("sagemaker").list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"]
    assert tags == [{"Key": "project", "Value": "p"}]
    again = request(aws, image, ProcessingJobName=job["ProcessingJobName"])
    assert refusal(aws, again).startswith("ResourceInUse: Processing job names must be unique")


@pytest.mark.parametrize(
    ("configured", "asked", "ran"),
    [
        ((["first", "x"], ["y"]), ([], []), "first x y"),
        ((["first", "x"], ["y"]), ([], ["z"]), "first x z"),
        ((["first", "x"], ["y"]), (["second"], []), "second"),
        ((["first", "x"], ["y"]), (["second", "a"], ["b"]), "second a b"),
        (([], ["first", "y"]), ([], []), "first y"),
    ],
)
def test_entrypoint_and_arguments_override_the_images_as_docker_does_it(
    aws: Aws,
    tmp_path: Path,
    configured: tuple[list[str], list[str]],
    asked: tuple[list[str], list[str]],
    ran: str,
) -> None:
    image = aws.image(tmp_path, first="exit 0", second="exit 0")
    folder = aws.context.home / "images" / image.split("/", 1)[1].replace("@sha256:", "/")
    config = json.loads((folder / "config.json").read_text())
    config |= {"Entrypoint": configured[0], "Cmd": configured[1]}
    (folder / "config.json").write_text(json.dumps(config))
    program, *words = container.program(image, asked[1], asked[0]).argv
    assert [Path(program).name, *words] == ran.split()


def test_a_program_that_fails_is_told_by_its_status_and_by_what_it_says_itself(
    aws: Aws, tmp_path: Path
) -> None:
    program = """
    echo half > $SAGEMAKER_BASE_DIR/processing/output/report/half
    printf 'no class has examples' > $SAGEMAKER_BASE_DIR/output/message; exit 3
    """
    job = ended(aws, start(aws, shell(aws, tmp_path, program)))
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert job["ExitMessage"] == "no class has examples"
    assert outputs(aws, job) == {}


def test_a_program_that_is_killed_midway_fails_with_the_status_of_the_signal(
    aws: Aws, tmp_path: Path
) -> None:
    job = ended(aws, start(aws, shell(aws, tmp_path, "kill -9 $$")))
    assert job["FailureReason"] == "AlgorithmError: , exit code: 137"


def test_a_message_that_is_no_utf_8_fails_the_job(aws: Aws, tmp_path: Path) -> None:
    program = r"printf '\377\376' > $SAGEMAKER_BASE_DIR/output/message"
    job = ended(aws, start(aws, shell(aws, tmp_path, program)))
    assert job["FailureReason"].startswith("ClientError: /opt/ml/output/message is not UTF-8")
    assert "ExitMessage" not in job


def test_of_a_long_message_the_first_kilobyte_is_told_and_no_half_letter(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "message").write_text("x" + "ä" * 900)
    assert processing_container.message(tmp_path) == "x" + "ä" * 511


def test_an_input_without_objects_fails_the_job(aws: Aws, image: str) -> None:
    job = request(aws, image, **app(image, "evaluate"))
    source = job["ProcessingInputs"][0]["S3Input"]
    source["S3Uri"] = source["S3Uri"].replace("/data/", "/nothing/")
    told = ended(aws, start(aws, job))
    assert told["FailureReason"] == (
        f"ClientError: Failed to download data. S3 key: {source['S3Uri']} matched no files on s3"
    )
    assert "ProcessingStartTime" not in told


def test_a_program_that_is_not_there_is_named(aws: Aws, image: str) -> None:
    told = ended(aws, start(aws, request(aws, image, **app(image, "judge", arguments=["now"]))))
    assert "'docker run --entrypoint judge <image> now'" in told["FailureReason"]


def test_stop_interrupts_the_program_and_keeps_what_it_says_but_not_its_outputs(
    aws: Aws, tmp_path: Path
) -> None:
    sagemaker, asked = aws.client("sagemaker"), shell(aws, tmp_path, HANGING)
    name = start(aws, asked)
    wait(lambda: _ready(aws, name))
    sagemaker.stop_processing_job(ProcessingJobName=name)
    job = ended(aws, name)
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Stopped", "told to end")
    assert "FailureReason" not in job
    assert outputs(aws, job) == {}
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        sagemaker.stop_processing_job(ProcessingJobName=name)


def _ready(aws: Aws, name: str) -> bool:
    try:
        return aws.log(GROUP, f"{name}/") == ["ready"]
    except (ClientError, ValueError):  # no group, no stream yet
        return False


def test_the_longest_run_stops_a_job(aws: Aws, tmp_path: Path) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    job = ended(aws, start(aws, shell(aws, tmp_path, HANGING, StoppingCondition=limit)))
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Stopped", "told to end")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("ecr:BatchGetImage", "does not have BatchGetImage permission for the image"),
        ("s3:ListBucket", "s3:ListBucket on resource"),
        ("s3:GetObject", "s3:GetObject on resource"),
        ("logs:CreateLogStream", "when calling the CreateLogStream operation"),
        ("s3:PutObject", "s3:PutObject on resource"),
        ("kms:Encrypt", "when calling the Encrypt operation"),
        ("kms:GenerateDataKey", "kms:GenerateDataKey on resource"),
    ],
)
def test_a_job_does_what_its_role_may_and_no_more(
    aws: Aws, image: str, action: str, words: str
) -> None:
    deny = {"Effect": "Deny", "Action": action, "Resource": "*"}
    role = aws.role("sagemaker", may=[ALL, deny])
    job = request(aws, image, **app(image, "evaluate"), RoleArn=role)
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    job["ProcessingOutputConfig"]["KmsKeyId"] = key
    told = ended(aws, start(aws, job))
    assert told["ProcessingJobStatus"] == "Failed"
    assert told["FailureReason"].startswith("ClientError: ")
    assert words in told["FailureReason"]


def changed(aws: Aws, image: str, *path: str | int, value: Any) -> dict[str, Any]:
    job: Any = request(aws, image)
    inner = job
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return dict(job)


CLUSTER = ("ProcessingResources", "ClusterConfig")
INPUT, OUTPUT = ("ProcessingInputs", 0), ("ProcessingOutputConfig", "Outputs", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((*CLUSTER, "InstanceCount"), 2, "InstanceCount 2 is not supported"),
        ((*INPUT, "S3Input", "S3DataType"), "Other", "Other"),
        ((*INPUT, "S3Input", "S3InputMode"), "Pipe", "Pipe is not supported"),
        ((*INPUT, "S3Input", "LocalPath"), "/tmp/data", "must begin with /opt/ml/processing/"),
        ((*INPUT, "S3Input", "LocalPath"), f"{ML}/../model", "must begin with"),
        ((*INPUT, "S3Input", "S3Uri"), "https://bucket/key", "is not an S3 URI"),
        ((*OUTPUT, "S3Output", "LocalPath"), ML, "must begin with"),
        ((*OUTPUT, "S3Output", "S3UploadMode"), "Continuous", "Continuous is not supported"),
        (("Environment",), {"A": "x" * 257}, "less than or equal to 256"),
        (("Environment",), {f"A{n}": "x" for n in range(101)}, "less than or equal to 100"),
        (("RoleArn",), "arn:aws:iam::111122223333:role/none", "Could not assume role"),
        (("AppSpecification", "ImageUri"), "none", "Cannot find the requested image: none"),
        (("StoppingCondition",), {"MaxRuntimeInSeconds": 777601}, "777600"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    aws: Aws, image: str, path: tuple[str | int, ...], value: Any, words: str
) -> None:
    said = refusal(aws, changed(aws, image, *path, value=value))
    assert said.startswith("ValidationException")
    assert words in said


def test_inputs_may_share_a_folder_and_outputs_may_be_several(aws: Aws, tmp_path: Path) -> None:
    bucket = aws.bucket(one__x="1", two__y="2")
    program = "cd $SAGEMAKER_BASE_DIR/processing; cp both/x out/a; cp both/y out/b"
    asked = shell(aws, tmp_path, program)
    asked["ProcessingInputs"] = [
        given(name, f"s3://{bucket}/{name}/", f"{ML}/both") for name in ("one", "two")
    ]
    asked["ProcessingOutputConfig"]["Outputs"] = [
        left("a", f"s3://{bucket}/a", f"{ML}/out/a"),
        left("b", f"s3://{bucket}/b", f"{ML}/out/b"),
    ]
    assert outputs(aws, ended(aws, start(aws, asked))) == {"x": b"1", "y": b"2"}


def test_jobs_are_listed_by_name_status_and_age(aws: Aws, image: str) -> None:
    prefix, sagemaker = unique("listed"), aws.client("sagemaker")
    for number in range(3):
        job = request(aws, image, ProcessingJobName=f"{prefix}-{number}", **app(image, "evaluate"))
        ended(aws, start(aws, job))
    first = sagemaker.list_processing_jobs(NameContains=prefix, MaxResults=2)
    names = [each["ProcessingJobName"] for each in first["ProcessingJobSummaries"]]
    assert names == [f"{prefix}-0", f"{prefix}-1"]
    (last,) = sagemaker.list_processing_jobs(
        NameContains=prefix, MaxResults=2, NextToken=first["NextToken"]
    )["ProcessingJobSummaries"]
    assert (last["ProcessingJobStatus"], last["ExitMessage"]) == ("Completed", "accuracy 0.98")
    running = sagemaker.list_processing_jobs(NameContains=prefix, StatusEquals="InProgress")
    assert running["ProcessingJobSummaries"] == []


def test_a_missing_job_is_not_found(aws: Aws) -> None:
    sagemaker = aws.client("sagemaker")
    for call in (sagemaker.describe_processing_job, sagemaker.stop_processing_job):
        with pytest.raises(ClientError, match="Could not find requested job with name: none"):
            call(ProcessingJobName="none")


def test_a_job_announces_its_states(aws: Aws, image: str) -> None:
    """Delivered to SNS, whose messages moto keeps."""
    events, mailbox = aws.client("events"), aws.mailbox()
    rule, name = unique("rule"), unique("job")
    pattern = {
        "detail-type": ["SageMaker Processing Job State Change"],
        "detail": {"ProcessingJobName": [name]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": mailbox.topic}])
    job = request(aws, image, ProcessingJobName=name, **app(image, "evaluate"))
    start(aws, job)
    told = [json.loads(each)["detail"] for each in mailbox.read(2)]
    assert {each["ProcessingJobStatus"] for each in told} == {"InProgress", "Completed"}
    assert isinstance(told[0]["CreationTime"], int)
