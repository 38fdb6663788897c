"""The system is removed at a bad moment, and set up again under the same name."""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.driver import ROOT, Driver, endpoint, until

pytestmark = pytest.mark.local

STACK = "gone"
# All that starts something, or tells of it, without a person
ALL = " ".join(
    [
        *("RetrainSchedule='cron(0 3 ? * SUN *)'", "DriftSchedule='cron(0 4 * * ? *)'"),
        *("CapturePercent=20", "MonthlyBudget=50", "NotificationEmail=you@example.com"),
    ]
)
# For a build that is found while it works, and costs the machine nothing meanwhile
LASTS = "import time\n\n\ndef test_it_lasts() -> None:\n    time.sleep({})\n"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with endpoint(tmp_path_factory.mktemp("endpoint"), "eu-west-1") as driver:
        driver.run("python", "generate.py")
        yield driver


def begin(aws: Driver, script: str, *options: str) -> "subprocess.Popen[str]":
    sure = ["--yes"] if script in ("upload", "create_stack", "destroy") else []
    return subprocess.Popen(
        [sys.executable, "-m", f"scripts.{script}", "--stack", STACK, *sure, *options],
        cwd=ROOT,
        env=aws.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def ended(process: "subprocess.Popen[str]") -> str:
    """What it said, once it has ended well."""
    said = process.communicate(timeout=300)[0]
    assert process.returncode == 0, said
    return said


def deploy(aws: Driver, *options: str, **seed: Any) -> None:
    """With few of the tests of the model's code, so that its pipeline is soon past stage Test."""
    ended(begin(aws, "upload"))
    aws.drop_seed_tests(STACK, **seed)
    ended(begin(aws, "create_stack", *options))


def step(aws: Driver, name: str) -> bool:
    """Whether the pipeline is at this step."""
    stages = aws.client("codepipeline").get_pipeline_state(name=STACK)["stageStates"]
    at = {one["stageName"]: one.get("latestExecution", {}).get("status") for one in stages}
    return at[name] == "InProgress"


def left(aws: Driver) -> dict[str, Any]:
    """All that could stand in the way of a stack of the same name, by kind."""
    found = {
        "stacks": stacks(aws),
        "buckets": aws.client("s3").list_buckets()["Buckets"],
        "repositories": aws.client("codecommit").list_repositories()["repositories"],
        "images": aws.client("ecr").describe_repositories()["repositories"],
        "reports": aws.client("codebuild").list_report_groups()["reportGroups"],
        "projects": aws.client("codebuild").list_projects()["projects"],
        "machines": aws.client("stepfunctions").list_state_machines()["stateMachines"],
        "jobs": aws.client("sagemaker").list_training_jobs(StatusEquals="InProgress")[
            "TrainingJobSummaries"
        ],
        "models": aws.client("sagemaker").list_models()["Models"],
        "endpoints": aws.client("sagemaker").list_endpoints()["Endpoints"],
        "scaling": aws.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker"
        )["ScalableTargets"],
        **by_itself(aws),
        "processes": processes(aws),
        "logs": aws.client("logs").describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")[
            "logStreams"
        ]
        if "/aws/sagemaker/TrainingJobs" in groups(aws)
        else [],
        "groups": [one for one in groups(aws) if one != "/aws/sagemaker/TrainingJobs"],
    }
    return {kind: things for kind, things in found.items() if things}


def by_itself(aws: Driver) -> dict[str, list[Any]]:
    """What starts something, or tells of it, without a person."""
    account = aws.client("sts").get_caller_identity()["Account"]
    return {
        "rules": aws.client("events").list_rules()["Rules"],
        "schedules": aws.client("scheduler").list_schedules()["Schedules"],
        "queues": aws.client("sqs").list_queues().get("QueueUrls", []),
        "alarms": aws.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "dashboards": aws.client("cloudwatch").list_dashboards()["DashboardEntries"],
        "budgets": aws.client("budgets").describe_budgets(AccountId=account).get("Budgets", []),
    }


def stacks(aws: Driver) -> list[str]:
    return [one["StackName"] for one in aws.client("cloudformation").describe_stacks()["Stacks"]]


def processes(aws: Driver) -> list[bytes]:
    asked = ["pgrep", "-f", f"{aws.home}/(builds|training|endpoints)/"]
    return subprocess.run(asked, capture_output=True).stdout.split()


def groups(aws: Driver) -> list[str]:
    return [one["logGroupName"] for one in aws.client("logs").describe_log_groups()["logGroups"]]


def names(aws: Driver) -> set[str]:
    """What holds data, by name."""
    found = left(aws)
    return {
        *(one["Name"] for one in found["buckets"]),
        *(one["repositoryName"] for one in found["repositories"]),
        *(one["repositoryName"] for one in found["images"]),
    }


def test_a_build_that_runs_is_stopped_before_its_stack_goes(aws: Driver) -> None:
    """It would make its report group anew, and the next stack of that name could not."""
    deploy(aws, test=LASTS.format(600))
    until(lambda: step(aws, "Test"))
    said = ended(begin(aws, "destroy"))
    assert "stopped   build gone-test:" in said
    assert left(aws) == {}


def test_a_stack_that_is_being_created_goes_with_the_work_that_it_begins(aws: Driver) -> None:
    ended(begin(aws, "upload"))
    creating = begin(aws, "create_stack")
    described = aws.client("cloudformation").describe_stacks
    until(lambda: "CREATE_IN_PROGRESS" in {one["StackStatus"] for one in described()["Stacks"]})
    said = ended(begin(aws, "destroy"))
    creating.communicate(timeout=300)
    assert f"Nothing is left of {STACK}." in said
    assert left(aws) == {}


def test_two_that_destroy_at_once_after_one_that_was_cut_off_leave_nothing(aws: Driver) -> None:
    """With a training job and its workflow running, and a second run of the pipeline waiting; with
    all that runs by itself."""
    deploy(aws, "--parameters", ALL)
    assert [kind for kind, things in by_itself(aws).items() if not things] == []
    train, runs = (
        begin(aws, "train", "--rebuild"),
        aws.client("codepipeline").list_pipeline_executions,
    )
    until(lambda: len(runs(pipelineName=STACK)["pipelineExecutionSummaries"]) == 2)
    logs = begin(aws, "logs")  # of the newest, which waits
    jobs = aws.client("sagemaker").list_training_jobs
    until(lambda: jobs(StatusEquals="InProgress")["TrainingJobSummaries"])
    asked = begin(aws, "predict", "build/data/sample-7.png").communicate(timeout=300)[0]
    assert f"there is no endpoint {STACK} yet: the first model that is good enough" in asked
    first = begin(aws, "destroy")
    assert first.stdout
    for line in first.stdout:
        if "stopped   training job" in line:
            break
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=300)[0]
    assert first.returncode == 130, said
    assert f"Run `make destroy STACK={STACK}` again" in said and "Traceback" not in said
    both = [begin(aws, "destroy"), begin(aws, "destroy")]
    for one in both:
        assert f"Nothing is left of {STACK}" in ended(one)
    assert left(aws) == {}
    assert f"Nothing is left of {STACK}" in ended(begin(aws, "destroy"))
    # Who followed what was removed is told so
    for follower in (train, logs):
        said = " ".join(follower.communicate(timeout=300)[0].split())
        assert follower.returncode == 1 and "Traceback" not in said, said
        assert "ended as Stopped" in said or "AWS refused" in said, said
    assert "waiting for an earlier run to end: " in said


def test_a_name_that_another_has_is_left_to_it_and_the_ways_out_that_are_named_work(
    aws: Driver,
) -> None:
    aws.client("codecommit").create_repository(repositoryName=STACK)
    ended(begin(aws, "upload"))
    # Not left from earlier: the bucket that the deployment begins with
    status = aws.run("python", "-m", "scripts.status", "--stack", STACK)
    assert "left from earlier" not in status and f"`make deploy STACK={STACK}` creates it" in status

    refused = " ".join(begin(aws, "create_stack").communicate(timeout=300)[0].split())
    assert f"no stack {STACK} made it: choose another name" in refused and "destroy" not in refused
    (named,) = re.findall(r"PARAMS='(ProjectName=)<name>'", refused)
    ended(begin(aws, "create_stack", "--parameters", f"{named}{STACK}-2"))

    # An update that fails midway, at a name that is taken, keeps everything; and can be removed
    rules, rule = aws.client("events"), f"{STACK}-3-push"
    rules.put_rule(Name=rule, EventPattern='{"source": ["mine"]}')
    renamed = ("--parameters", f"{named}{STACK}-3")
    stopped = " ".join(begin(aws, "create_stack", *renamed).communicate(timeout=300)[0].split())
    assert "CodeRepository" in stopped and "--allow-replacement` with the same" in stopped
    before = names(aws)
    failed = begin(aws, "create_stack", "--allow-replacement", *renamed)
    said = " ".join(failed.communicate(timeout=300)[0].split())
    assert failed.returncode == 1 and f"The first failure: PushTrigger: {rule} already" in said
    assert "UPDATE_ROLLBACK_" in aws.run("python", "-m", "scripts.status", "--stack", STACK)
    assert before <= names(aws)
    rules.delete_rule(Name=rule)

    protection = aws.client("cloudformation").update_termination_protection
    protection(StackName=STACK, EnableTerminationProtection=True)
    before = left(aws)["buckets"]
    refused = " ".join(begin(aws, "destroy").communicate(timeout=300)[0].split())
    assert "protected from deletion: nothing was removed" in refused
    assert left(aws)["buckets"] == before
    (command,) = re.findall("`(aws [^`]+)`", refused)
    aws.run(*shlex.split(command))
    ended(begin(aws, "destroy"))
    (other,) = left(aws).pop("repositories")
    assert other["repositoryName"] == STACK, "it was somebody else's"
    aws.client("codecommit").delete_repository(repositoryName=STACK)
    assert left(aws) == {}


def test_what_was_made_anew_after_its_stack_goes_too_and_no_other_stacks(aws: Driver) -> None:
    """The stack was deleted by hand while it worked, and there are reports of a build again, as
    where its role was kept; another stack has taken one of the names that it had."""
    deploy(aws, test=LASTS.format(10))
    until(lambda: step(aws, "Test"))
    aws.client("cloudformation").delete_stack(StackName=STACK)
    until(lambda: STACK not in stacks(aws))
    until(lambda: not processes(aws))
    if not left(aws).get("reports"):
        aws.client("codebuild").create_report_group(
            name=f"{STACK}-test-unit", type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"}
        )
    taken = f"/aws/codebuild/{STACK}-image"
    others = "Resources: {Mine: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: %s}}}"
    aws.client("cloudformation").create_stack(StackName="other", TemplateBody=others % taken)
    until(lambda: taken in groups(aws))
    # What is in the way is named with the way out, which works
    refused = begin(aws, "create_stack").communicate(timeout=300)[0]
    assert f"an earlier stack left it. `make destroy STACK={STACK}`" in " ".join(refused.split())
    status = aws.run("python", "-m", "scripts.status", "--stack", STACK)
    assert f"`make destroy STACK={STACK}` removes it, with all that it holds." in status
    said = ended(begin(aws, "destroy"))
    assert f"report-group/{STACK}-test-unit, made anew by a service" in " ".join(said.split())
    until(lambda: not processes(aws))
    assert left(aws) == {"stacks": ["other"], "groups": [taken]}
