import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.stepfunctions import work
from local.stepfunctions.integrations import java_name
from local.tests import processing, tuning
from local.tests.aws import Aws, unique, wait
from local.tests.machines import chain, create, ended, run, start, task
from local.tests.training import request


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role("states")


@pytest.fixture(scope="module")
def good(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    program = "echo eval:accuracy=0.875; echo w > $SAGEMAKER_BASE_DIR/model/w"
    return aws.image(tmp_path_factory.mktemp("images"), train=program)


@pytest.fixture(scope="module")
def bad(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    program = "printf 'broken data' > $SAGEMAKER_BASE_DIR/output/failure; exit 1"
    return aws.image(tmp_path_factory.mktemp("images"), train=program)


@pytest.fixture(scope="module")
def hanging(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), train="exec sleep 600")


def test_a_training_job_is_awaited_and_described(aws: Aws, role: str, good: str) -> None:
    told = run(aws, role, task("sagemaker:createTrainingJob.sync", request(aws, good)))
    output = json.loads(told["output"])
    assert output["TrainingJobStatus"] == "Completed"
    assert output["FinalMetricDataList"][0]["MetricName"] == "eval:accuracy"
    assert output["ResourceConfig"]["VolumeSizeInGB"] == 30
    assert abs(output["TrainingStartTime"] / 1000 - time.time()) < 60


def test_the_end_of_a_job_or_a_child_is_not_found_by_looking_again_and_again(
    aws: Aws, role: str, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "POLL_SECONDS", 600)
    child = create(aws, role, chain({"Type": "Wait", "Seconds": 1}))
    waits = task("states:startExecution.sync:2", {"StateMachineArn": child}, Next="S1")
    trains = task("sagemaker:createTrainingJob.sync", request(aws, good))
    assert run(aws, role, waits, trains)["status"] == "SUCCEEDED"


def test_a_failed_job_fails_the_task_with_its_description(aws: Aws, role: str, bad: str) -> None:
    told = run(aws, role, task("sagemaker:createTrainingJob.sync", request(aws, bad)))
    assert (told["status"], told["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(told["cause"])
    assert cause["FailureReason"] == "AlgorithmError: broken data, exit code: 1"


def test_a_refused_job_has_the_error_names_of_the_optimized_integration(
    aws: Aws, role: str, good: str
) -> None:
    job = request(aws, good)
    aws.client("sagemaker").create_training_job(**job)
    told = run(aws, role, task("sagemaker:createTrainingJob", job))
    assert told["error"] == "SageMaker.ResourceInUseException"
    told = run(
        aws, role, task("sagemaker:createModel", {"ModelName": "m", "ExecutionRoleArn": role})
    )
    assert told["error"] == "SageMaker.AmazonSageMakerException"
    assert "Service: AmazonSageMaker; Status Code: 400; Error Code: Validation" in told["cause"]


def test_the_retry_count_makes_each_attempt_its_own_name(aws: Aws, role: str, good: str) -> None:
    prefix = unique("job")
    parameters = request(aws, good)
    del parameters["TrainingJobName"]
    parameters["TrainingJobName.$"] = f"States.Format('{prefix}-{{}}', $$.State.RetryCount)"
    taken = request(aws, good, TrainingJobName=f"{prefix}-0")
    aws.client("sagemaker").create_training_job(**taken)
    retry = {
        "ErrorEquals": ["SageMaker.ResourceInUseException"],
        "IntervalSeconds": 1,
        "MaxAttempts": 2,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 2,
        "JitterStrategy": "FULL",
    }
    told = run(aws, role, task("sagemaker:createTrainingJob.sync", parameters, Retry=[retry]))
    assert json.loads(told["output"])["TrainingJobName"] == f"{prefix}-1"


def test_stopping_an_execution_stops_its_job(aws: Aws, role: str, hanging: str) -> None:
    job = request(aws, hanging)
    execution = start(aws, create(aws, role, chain(task("sagemaker:createTrainingJob.sync", job))))
    assert _job(aws, job, "Training") == "InProgress"
    states = aws.client("stepfunctions")
    states.stop_execution(executionArn=execution, error="Superseded", cause="a newer push")
    told = ended(aws, execution)
    assert (told["status"], told["error"], told["cause"]) == (
        "ABORTED",
        "Superseded",
        "a newer push",
    )
    assert _job(aws, job, "Stopped") == "Stopped"


def test_a_timeout_is_caught_and_leaves_the_job_to_the_workflow(
    aws: Aws, role: str, hanging: str
) -> None:
    job = request(aws, hanging)
    catch = {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "S1"}
    told = run(
        aws,
        role,
        task(
            "sagemaker:createTrainingJob.sync",
            job,
            TimeoutSecondsPath="$.limit",
            Catch=[catch],
            Next="S2",
        ),
        task(
            "aws-sdk:sagemaker:stopTrainingJob",
            {"TrainingJobName": job["TrainingJobName"]},
            ResultPath=None,
        ),
        {"Type": "Fail"},
        data={"limit": 2},
    )
    assert told["status"] == "SUCCEEDED"
    assert json.loads(told["output"])["error"]["Error"] == "States.Timeout"
    assert _job(aws, job, "Stopped") == "Stopped"


def _job(aws: Aws, job: dict[str, Any], secondary: str) -> str:
    describe = aws.client("sagemaker").describe_training_job

    def reached() -> str | None:
        try:
            told = describe(TrainingJobName=job["TrainingJobName"])
        except ClientError:
            return None
        return told["TrainingJobStatus"] if told["SecondaryStatus"] == secondary else None

    return str(wait(reached))


def test_a_processing_job_is_awaited_and_what_it_wrote_is_read_as_text(
    aws: Aws, role: str, tmp_path: Path
) -> None:
    program = """
    cd $SAGEMAKER_BASE_DIR; printf '{"accuracy": 0.98}' > processing/output/report/summary.json
    """
    job = processing.request(aws, aws.image(tmp_path, evaluate=program))
    job["AppSpecification"]["ContainerEntrypoint"] = ["evaluate"]
    bucket = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].split("/")[2]
    told = run(
        aws,
        role,
        task("sagemaker:createProcessingJob.sync", job, ResultPath="$.job", Next="S1"),
        task("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "reports/summary.json"}),
    )
    output = json.loads(told["output"])
    assert json.loads(output["Body"]) == {"accuracy": 0.98}
    arn = aws.context.arn("sagemaker", f"processing-job/{job['ProcessingJobName']}")
    tags = aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    assert {each["Key"]: each["Value"] for each in tags} == {
        "project": "p",
        "AWS_STEP_FUNCTIONS_EXECUTION_ARN": told["executionArn"],
        "MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS",
    }


def test_a_failed_processing_job_gives_what_its_program_said(
    aws: Aws, role: str, tmp_path: Path
) -> None:
    program = "printf 'one class only' > $SAGEMAKER_BASE_DIR/output/message; exit 1"
    job = processing.request(aws, aws.image(tmp_path, evaluate=program))
    job["AppSpecification"]["ContainerEntrypoint"] = ["evaluate"]
    told = run(aws, role, task("sagemaker:createProcessingJob.sync", job))
    assert (told["status"], told["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(told["cause"])
    assert cause["ExitMessage"] == "one class only"
    assert cause["ProcessingJobStatus"] == "Failed"


def test_stopping_an_execution_stops_its_processing_job(
    aws: Aws, role: str, tmp_path: Path
) -> None:
    job = processing.request(aws, aws.image(tmp_path, evaluate="exec sleep 600"))
    job["AppSpecification"]["ContainerEntrypoint"] = ["evaluate"]
    machine = create(aws, role, chain(task("sagemaker:createProcessingJob.sync", job)))
    execution = start(aws, machine)
    sagemaker = aws.client("sagemaker")
    asked = {"NameContains": job["ProcessingJobName"]}
    wait(lambda: sagemaker.list_processing_jobs(**asked)["ProcessingJobSummaries"])
    aws.client("stepfunctions").stop_execution(executionArn=execution)
    assert processing.ended(aws, job["ProcessingJobName"])["ProcessingJobStatus"] == "Stopped"


def test_a_tuning_job_is_awaited_and_gives_its_best_training_job(
    aws: Aws, role: str, tmp_path: Path
) -> None:
    job = tuning.request(aws, aws.image(tmp_path, train=tuning.SEARCH), jobs=1)
    told = run(
        aws,
        role,
        task("sagemaker:createHyperParameterTuningJob.sync", job, ResultPath="$.job", Next="S1"),
        task(
            "aws-sdk:sagemaker:describeTrainingJob",
            {"TrainingJobName.$": "$.job.BestTrainingJob.TrainingJobName"},
        ),
    )
    output = json.loads(told["output"])
    assert output["TrainingJobStatus"] == "Completed"
    assert output["TuningJobArn"].endswith(job["HyperParameterTuningJobName"])
    assert "S3ModelArtifacts" in output["ModelArtifacts"]


def test_stopping_an_execution_stops_its_tuning_job(aws: Aws, role: str, hanging: str) -> None:
    job = tuning.request(aws, hanging)
    name = job["HyperParameterTuningJobName"]
    machine = create(aws, role, chain(task("sagemaker:createHyperParameterTuningJob.sync", job)))
    execution = start(aws, machine)
    wait(lambda: _trials(aws, name) == 2)
    aws.client("stepfunctions").stop_execution(executionArn=execution)
    told = tuning.ended(aws, name)
    assert told["HyperParameterTuningJobStatus"] == "Stopped"
    assert told["TrainingJobStatusCounters"]["Stopped"] == 2


def _trials(aws: Aws, name: str) -> int:
    try:
        return len(tuning.trials(aws, name))
    except ClientError:
        return 0


def test_an_object_is_answered_with_what_was_recorded_on_aws(aws: Aws, role: str) -> None:
    """Its body as text, whatever its type (github.com/localstack/localstack, snapshots of
    test_s3_get_object)."""
    place = {"Bucket": aws.bucket(k='{"a": 1}'), "Key": "k"}
    told = run(aws, role, task("aws-sdk:s3:getObject", place))
    output = json.loads(told["output"])
    assert output.keys() == {
        *("AcceptRanges", "Body", "ContentLength", "ContentType", "ETag", "LastModified"),
        *("Metadata", "ServerSideEncryption"),
    }
    assert output["Body"] == '{"a": 1}'
    assert output["ETag"].startswith('"') and output["ETag"].endswith('"')
    assert (output["ContentType"], output["ServerSideEncryption"]) == (
        "binary/octet-stream",
        "AES256",
    )


def test_a_child_workflow_gives_its_output_as_json(aws: Aws, role: str) -> None:
    child = create(aws, role, chain({"Type": "Pass", "Parameters": {"got.$": "$.v"}}))
    parameters = {"StateMachineArn": child, "Input": {"v.$": "$.v"}, "Name": unique("child")}
    told = run(aws, role, task("states:startExecution.sync:2", parameters), data={"v": [1]})
    output = json.loads(told["output"])
    assert (output["Status"], output["Output"]) == ("SUCCEEDED", {"got": [1]})
    assert isinstance(output["StartDate"], int)


def test_a_failed_child_fails_the_parent_with_the_original_cause(aws: Aws, role: str) -> None:
    child = create(aws, role, chain({"Type": "Fail", "Error": "Rejected", "Cause": "0.4 < 0.6"}))
    told = run(
        aws, role, task("states:startExecution.sync:2", {"StateMachineArn": child, "Input": {}})
    )
    assert told["error"] == "States.TaskFailed"
    cause = json.loads(told["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Rejected", "0.4 < 0.6")


def test_stopping_a_parent_stops_its_child(aws: Aws, role: str) -> None:
    child = create(aws, role, chain({"Type": "Wait", "Seconds": 60}))
    parent = create(
        aws, role, chain(task("states:startExecution.sync:2", {"StateMachineArn": child}))
    )
    execution = start(aws, parent)
    states = aws.client("stepfunctions")
    (running,) = wait(lambda: states.list_executions(stateMachineArn=child)["executions"])
    states.stop_execution(executionArn=execution)
    assert ended(aws, running["executionArn"])["status"] == "ABORTED"


def test_sns_takes_a_document_as_its_message(aws: Aws, role: str) -> None:
    topic = aws.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    parameters = {"TopicArn": topic, "Subject": "s", "Message": {"v.$": "$.v"}}
    told = run(aws, role, task("sns:publish", parameters), data={"v": 1})
    assert "MessageId" in json.loads(told["output"])


def test_a_task_waits_for_whoever_holds_its_token(aws: Aws, role: str) -> None:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    queue = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])
    parameters = {"TopicArn": topic, "Message": {"token.$": "$$.Task.Token"}}
    ask = task("sns:publish.waitForTaskToken", parameters)
    execution = start(aws, create(aws, role, chain(ask)))
    (message,) = wait(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    token = json.loads(json.loads(message["Body"])["Message"])["token"]
    aws.client("stepfunctions").send_task_success(taskToken=token, output='{"approved": true}')
    assert json.loads(ended(aws, execution)["output"]) == {"approved": True}


def test_a_missing_topic_can_be_caught_by_name(aws: Aws, role: str) -> None:
    topic = "arn:aws:sns:eu-west-1:111122223333:missing"
    told = run(aws, role, task("sns:publish", {"TopicArn": topic, "Message": "m"}))
    assert told["error"] == "SNS.NotFoundException"


def test_sdk_tasks_give_iso_times_and_pascal_names(aws: Aws, role: str) -> None:
    machine = create(aws, role, chain({"Type": "Succeed"}))
    told = run(aws, role, task("aws-sdk:sfn:describeStateMachine", {"StateMachineArn": machine}))
    output = json.loads(told["output"])
    assert output["StateMachineArn"] == machine
    assert output["CreationDate"].endswith("Z")


@pytest.mark.parametrize(
    ("resource", "parameters", "error"),
    [
        ("sagemaker:describeEndpoint", {"EndpointName": "none"}, "SageMaker.SageMakerException"),
        ("s3:getObject", {"Bucket": "BUCKET", "Key": "none"}, "S3.NoSuchKeyException"),
        ("s3:headObject", {"Bucket": "BUCKET", "Key": "none"}, "S3.NoSuchKeyException"),
        (
            "ecr:describeImages",
            {"RepositoryName": "none"},
            "Ecr.RepositoryNotFoundException",
        ),
    ],
)
def test_sdk_errors_have_the_names_of_the_sdk_for_java(
    aws: Aws, role: str, resource: str, parameters: dict[str, str], error: str
) -> None:
    bucket = aws.bucket()
    parameters = {name: value.replace("BUCKET", bucket) for name, value in parameters.items()}
    told = run(aws, role, task(f"aws-sdk:{resource}", parameters))
    assert told["error"] == error


@pytest.mark.parametrize(
    ("service_id", "name"),
    [
        ("SageMaker", "SageMaker"),
        ("S3", "S3"),
        ("ECR", "Ecr"),
        ("SFN", "Sfn"),
        ("DynamoDB", "DynamoDb"),
        ("CloudWatch Logs", "CloudWatchLogs"),
        ("Application Auto Scaling", "ApplicationAutoScaling"),
    ],
)
def test_services_are_spelt_as_in_the_sdk_for_java(service_id: str, name: str) -> None:
    assert java_name(service_id) == name


def test_an_argument_that_turns_out_to_be_of_another_type_fails_the_task(
    aws: Aws, role: str
) -> None:
    asked = task("aws-sdk:sagemaker:describeEndpoint", {"EndpointName.$": "$.n"})
    told = run(aws, role, asked, data={"n": 1})
    assert (told["status"], told["error"]) == ("FAILED", "States.Runtime")
    assert "EndpointName" in told["cause"]


def test_objects_can_be_copied_in_a_map(aws: Aws, role: str) -> None:
    bucket = aws.bucket(seed__a="1", seed__b="2")
    copy = task(
        "aws-sdk:s3:copyObject",
        {
            "Bucket": bucket,
            "CopySource.$": f"States.Format('{bucket}/{{}}', $.Key)",
            "Key.$": "States.Format('data/{}', "
            "States.ArrayGetItem(States.StringSplit($.Key, '/'), 1))",
        },
        End=True,
    )
    told = run(
        aws,
        role,
        task(
            "aws-sdk:s3:listObjectsV2",
            {"Bucket": bucket, "Prefix": "seed/"},
            Next="S1",
        ),
        {
            "Type": "Map",
            "ItemsPath": "$.Contents",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Copy",
                "States": {"Copy": copy},
            },
        },
    )
    assert told["status"] == "SUCCEEDED", told
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="data/")["Contents"]
    assert [each["Key"] for each in listed] == ["data/a", "data/b"]


def test_a_machine_whose_role_does_not_trust_it_can_do_nothing(aws: Aws) -> None:
    """It has to when the machine is made; here it does not any more when the machine runs."""
    role, stranger = aws.role("states"), aws.role("codebuild")
    machine = create(aws, role, chain(task("aws-sdk:s3:listBuckets", {})))
    iam = aws.client("iam")
    other = iam.get_role(RoleName=stranger.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    iam.update_assume_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", **other}),
    )
    told = ended(aws, start(aws, machine))
    assert told["status"] == "FAILED"
    assert "states.amazonaws.com is not authorized to assume" in told["cause"]


def test_a_role_can_trust_machines_by_their_arn(aws: Aws) -> None:
    machines = "arn:aws:states:eu-west-1:111122223333:stateMachine:machine-*"
    role = aws.role("states", condition={"ArnLike": {"aws:SourceArn": machines}})
    assert run(aws, role, task("aws-sdk:s3:listBuckets", {}))["status"] == "SUCCEEDED"


def test_tasks_act_with_the_role_of_the_machine(aws: Aws, role: str) -> None:
    told = run(aws, role, task("aws-sdk:sts:getCallerIdentity", {}))
    name = role.rsplit("/", 1)[1]
    assert f":assumed-role/{name}/" in json.loads(told["output"])["Arn"]


def test_a_document_is_written_as_an_object_and_only_over_what_was_read(
    aws: Aws, role: str
) -> None:
    place = {"Bucket": aws.bucket(), "Key": "queue"}

    def put(body: Any, **more: Any) -> dict[str, Any]:
        return task("aws-sdk:s3:putObject", {**place, "Body": body, **more}, ResultPath=None)

    told = run(
        aws,
        role,
        {**put(["first"], IfNoneMatch="*"), "Next": "S1"},
        {**task("aws-sdk:s3:getObject", place), "Next": "S2"},
        {**put(["second"], **{"IfMatch.$": "$.ETag"}), "Next": "S3"},
        put(["third"], **{"IfMatch.$": "$.ETag"}),
    )
    assert (told["status"], told["error"]) == ("FAILED", "S3.S3Exception")
    assert "Service: S3, Status Code: 412" in told["cause"]
    body = aws.client("s3").get_object(**place)["Body"].read()
    assert body == b'["second"]'
