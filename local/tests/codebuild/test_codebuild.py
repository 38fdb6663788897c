import json
import os
import time
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws, measured, wait
from local.tests.builds import built, ended, log, phase, project, start

SPEC = "version: 0.2\nphases: {build: {commands: ['true']}}\n"  # that does nothing


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_variables_functions_and_folder_are_carried_from_phase_to_phase(aws: Aws) -> None:
    build = built(
        aws,
        """\
        version: 0.2
        env:
          variables: {GREETING: hello}
          exported-variables: [RESULT, HIDDEN]
        phases:
          install: {commands: ['shout() { echo "$1!"; }', mkdir deep, cd deep]}
          pre_build: {commands: ['WORD="two words"', HIDDEN=1]}
          build: {commands: ['export RESULT="$GREETING $(shout "$WORD") ${PWD##*/}"']}
        """,
    )
    assert build["buildStatus"] == "SUCCEEDED", log(aws, build)
    values = {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
    assert values == {"RESULT": "hello two words! deep", "HIDDEN": ""}


def test_the_phases_are_reported_by_the_names_and_in_the_order_of_aws(aws: Aws) -> None:
    build = built(aws, SPEC)
    assert [each["phaseType"] for each in build["phases"]] == [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "PRE_BUILD",
        "BUILD",
        "POST_BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
        "COMPLETED",
    ]
    assert build["currentPhase"] == "COMPLETED"


def test_a_failed_command_is_named_and_post_build_and_finally_still_run(aws: Aws) -> None:
    build = built(
        aws,
        """\
        version: 0.2
        phases:
          build: {commands: [echo before, exit 7, echo after], finally: [echo cleaned]}
          post_build: {commands: ['echo succeeding=$CODEBUILD_BUILD_SUCCEEDING']}
        """,
    )
    assert build["buildStatus"] == "FAILED"
    (context,) = phase(build, "BUILD")["contexts"]
    assert context == {
        "statusCode": "COMMAND_EXECUTION_ERROR",
        "message": "Error while executing command: exit 7. Reason: exit status 7",
    }
    lines = log(aws, build)
    assert {"before", "cleaned", "succeeding=0"} <= set(lines)
    assert "after" not in lines


@pytest.mark.parametrize(
    ("command", "counted"),
    [
        ("'true'", {"Builds", "SucceededBuilds", "Duration"}),
        ("'false'", {"Builds", "FailedBuilds", "Duration"}),
    ],
)
def test_a_project_counts_how_its_builds_ended(aws: Aws, command: str, counted: set[str]) -> None:
    build = built(aws, f"version: 0.2\nphases: {{build: {{commands: [{command}]}}}}\n")
    of = {"Name": "ProjectName", "Value": build["projectName"]}
    wait(lambda: counted == measured(aws, "AWS/CodeBuild", of))


def test_a_failed_pre_build_skips_build_and_post_build(aws: Aws) -> None:
    build = built(
        aws,
        """\
        version: 0.2
        phases:
          pre_build: {commands: ['false']}
          build: {commands: [echo built]}
          post_build: {commands: [echo posted]}
        """,
    )
    assert phase(build, "PRE_BUILD")["phaseStatus"] == "FAILED"
    assert phase(build, "BUILD") == phase(build, "POST_BUILD") == {"phaseStatus": "skipped"}
    assert not {"built", "posted"} & set(log(aws, build))


def test_a_command_that_yaml_reads_as_a_mapping_is_refused_as_in_codebuild(aws: Aws) -> None:
    build = built(aws, "version: 0.2\nphases: {build: {commands: [{echo a: b}]}}\n")
    (context,) = phase(build, "DOWNLOAD_SOURCE")["contexts"]
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert "Expected Commands[0] to be of string type: found subkeys instead" in context["message"]


def test_a_build_acts_with_its_role_and_sees_nothing_of_the_persons_shell(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_PERSONS_SECRET", "token")
    build = built(
        aws,
        """\
        version: 0.2
        phases:
          build:
            commands:
              - aws sts get-caller-identity --query Arn --output text
              - echo "secret=[$A_PERSONS_SECRET] home=$HOME"
              - echo "region=$AWS_REGION number=$CODEBUILD_BUILD_NUMBER"
              - echo "initiator=$CODEBUILD_INITIATOR succeeding=$CODEBUILD_BUILD_SUCCEEDING"
        """,
    )
    lines = log(aws, build)
    role = build["serviceRole"].rsplit("/", 1)[-1]
    assert any(f":assumed-role/{role}/AWSCodeBuild-" in line for line in lines)
    assert any(
        line.startswith("secret=[] home=") and os.environ["HOME"] != line.split("home=")[1]
        for line in lines
    )
    assert "region=eu-west-1 number=1" in lines
    assert "initiator=administrator succeeding=1" in lines


def test_the_start_overrides_the_project_which_overrides_the_buildspec(aws: Aws) -> None:
    aws.client("ssm").put_parameter(
        Name="/word", Value="stored", Type="SecureString", Overwrite=True
    )
    name = project(
        aws,
        """\
        version: 0.2
        env: {variables: {A: spec, B: spec, C: spec}, parameter-store: {E: /word}}
        phases: {build: {commands: ['echo "$A $B $C $D $E"']}}
        """,
        environment={
            "environmentVariables": [
                {"name": "B", "value": "project"},
                {"name": "C", "value": "project"},
                {"name": "D", "value": "/word", "type": "PARAMETER_STORE"},
            ]
        },
    )
    build = ended(
        aws, start(aws, name, environmentVariablesOverride=[{"name": "C", "value": "start"}])
    )
    assert "spec project start stored stored" in log(aws, build)


def test_a_role_that_codebuild_may_not_assume_fails_the_build_with_its_name(aws: Aws) -> None:
    role = aws.role("sagemaker")
    build = built(aws, SPEC, serviceRole=role)
    (context,) = phase(build, "PROVISIONING")["contexts"]
    assert context["statusCode"] == "ACCESS_DENIED"
    assert role in context["message"]


def test_a_stopped_build_gets_to_clean_up_and_leaves_no_process(aws: Aws, tmp_path: Path) -> None:
    identifier = start(
        aws,
        project(
            aws,
            f"""\
        version: 0.2
        phases:
          build:
            commands:
              - trap 'echo cleaning; exit 1' TERM
              - echo $$ > {tmp_path}/pid; sleep 600 & wait
          post_build: {{commands: [echo never]}}
        """,
        ),
    )
    wait(lambda: (tmp_path / "pid").exists())
    aws.client("codebuild").stop_build(id=identifier)
    build = ended(aws, identifier)
    assert build["buildStatus"] == "STOPPED"
    assert phase(build, "BUILD")["phaseStatus"] == "STOPPED"
    assert "cleaning" in log(aws, build)
    assert "never" not in log(aws, build)
    group = int((tmp_path / "pid").read_text())
    wait(lambda: not group_exists(group))


def test_a_stopped_build_waits_for_the_trap_of_a_subshell(aws: Aws, tmp_path: Path) -> None:
    identifier = start(
        aws,
        project(
            aws,
            f"""\
        version: 0.2
        phases:
          build:
            commands:
              - (trap 'sleep 1; echo cleaned; exit 1' TERM; touch {tmp_path}/on; sleep 600 & wait)
              - echo never
        """,
        ),
    )
    wait(lambda: (tmp_path / "on").exists())
    aws.client("codebuild").stop_build(id=identifier)
    lines = log(aws, ended(aws, identifier))
    assert "cleaned" in lines
    assert "never" not in lines


def test_a_build_past_its_time_is_ended_and_says_so(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = start(
        aws,
        project(
            aws,
            """\
        version: 0.2
        phases: {build: {commands: [sleep 600]}}
        """,
        ),
    )
    from local.codebuild.records import BuildRecords

    build = BuildRecords.here().builds[identifier]
    wait(lambda: build.record["currentPhase"] == "BUILD")
    build.deadline = time.monotonic()  # the shortest limit that the API takes is five minutes
    found = ended(aws, identifier)
    assert found["buildStatus"] == "TIMED_OUT"
    assert phase(found, "BUILD")["contexts"][0]["statusCode"] == "BUILD_TIMED_OUT"


def test_log_lines_arrive_while_the_build_runs(aws: Aws) -> None:
    name = project(
        aws,
        """\
        version: 0.2
        phases: {build: {commands: [echo early, sleep 600]}}
        """,
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": "/own/group"}},
    )
    identifier = start(aws, name)
    logs = aws.client("logs")

    def early() -> bool:
        try:
            found = logs.filter_log_events(logGroupName="/own/group")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        return any(event["message"] == "early" for event in found)

    wait(early)
    aws.client("codebuild").stop_build(id=identifier)
    ended(aws, identifier)


def test_no_more_builds_run_at_once_than_the_project_allows(aws: Aws, tmp_path: Path) -> None:
    name = project(
        aws,
        f"""\
        version: 0.2
        phases:
          build: {{commands: [mkdir {tmp_path}/busy, sleep 0.5, rmdir {tmp_path}/busy]}}
        """,
        concurrentBuildLimit=1,
    )
    identifiers = [start(aws, name) for _ in range(2)]
    assert [ended(aws, each)["buildStatus"] for each in identifiers] == ["SUCCEEDED"] * 2


def test_a_requirement_that_is_here_is_not_installed_again(aws: Aws) -> None:
    build = built(
        aws,
        """\
        version: 0.2
        phases:
          build:
            commands: [python3 -m pip install --no-index pyyaml boto3]
        """,
    )
    lines = log(aws, build)
    assert build["buildStatus"] == "SUCCEEDED", lines
    assert any("Requirement already satisfied: pyyaml" in line for line in lines)


def test_a_changed_requirement_stays_inside_the_build(aws: Aws, tmp_path: Path) -> None:
    import yaml

    with zipfile.ZipFile(tmp_path / "pyyaml-99.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("yaml/__init__.py", "__version__ = 'ninety-nine'")
        wheel.writestr(
            "pyyaml-99.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pyyaml\nVersion: 99.0\n"
        )
        wheel.writestr(
            "pyyaml-99.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("pyyaml-99.0.dist-info/RECORD", "")
    build = built(
        aws,
        f"""\
        version: 0.2
        phases:
          build:
            commands:
              - pip install --no-index --find-links {tmp_path} pyyaml==99.0
              - python -c 'import yaml, boto3; print("in the build", yaml.__version__)'
        """,
    )
    assert "in the build ninety-nine" in log(aws, build)
    installed = Path(str(yaml.__file__)).parent
    assert "ninety-nine" not in (installed / "__init__.py").read_text()


def test_a_build_without_privileged_mode_has_no_docker_daemon(aws: Aws) -> None:
    build = built(aws, "version: 0.2\nphases: {build: {commands: [docker version]}}\n")
    assert build["buildStatus"] == "FAILED"
    assert any("Cannot connect to the Docker daemon" in line for line in log(aws, build))


def test_a_junit_report_is_read_even_when_the_tests_fail(aws: Aws) -> None:
    name = project(
        aws,
        """\
        version: 0.2
        phases:
          build:
            commands:
              - |
                cat > junit.xml <<END
                <testsuites><testsuite name="s">
                <testcase classname="m" name="good" time="0.5"/>
                <testcase classname="m" name="bad"><failure message="1 != 2"/></testcase>
                </testsuite></testsuites>
                END
              - exit 1
        reports: {unit: {files: [junit.xml]}}
        """,
    )
    build = ended(aws, start(aws, name))
    client = aws.client("codebuild")
    (group,) = [arn for arn in client.list_report_groups()["reportGroups"] if name in arn]
    (arn,) = client.list_reports_for_report_group(reportGroupArn=group)["reports"]
    assert build["reportArns"] == [arn]
    (report,) = client.batch_get_reports(reportArns=[arn])["reports"]
    assert report["status"] == "FAILED"
    assert report["testSummary"]["statusCounts"]["SUCCEEDED"] == 1
    cases = {case["name"]: case for case in client.describe_test_cases(reportArn=arn)["testCases"]}
    assert (cases["bad"]["status"], cases["bad"]["message"]) == ("FAILED", "1 != 2")
    assert cases["good"]["durationInNanoSeconds"] == 500_000_000


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"source": {"type": "GITHUB", "location": "x"}}, "GITHUB"),
        (
            {
                "environment": {
                    "environmentVariables": [{"name": "A", "value": "x", "type": "SECRETS_MANAGER"}]
                }
            },
            "SECRETS_MANAGER",
        ),
        ({"vpcConfig": {"vpcId": "vpc-1"}}, "vpcConfig"),
        ({"timeoutInMinutes": 2161}, "timeoutInMinutes"),
    ],
)
def test_what_a_local_build_cannot_do_is_refused_by_name(
    aws: Aws, change: dict[str, object], word: str
) -> None:
    with pytest.raises(ClientError, match=word):
        project(aws, SPEC, **change)


def test_a_project_can_be_updated_and_keeps_what_is_not_named(aws: Aws) -> None:
    name = project(aws, SPEC, description="old")
    client = aws.client("codebuild")
    changed = client.update_project(name=name, timeoutInMinutes=10)["project"]
    assert (changed["description"], changed["timeoutInMinutes"]) == ("old", 10)
    client.delete_project(name=name)
    assert client.batch_get_projects(names=[name])["projectsNotFound"] == [name]


def test_each_phase_tells_how_it_ended(aws: Aws) -> None:
    """Build notifications input format reference (CodeBuild User Guide)."""
    name = project(
        aws,
        """
        version: 0.2
        phases:
          pre_build: {commands: [exit 3]}
          build: {commands: [echo never]}
        """,
    )
    mailbox, events = aws.mailbox(), aws.client("events")
    pattern = {
        "source": ["aws.codebuild"],
        "detail-type": ["CodeBuild Build Phase Change"],
        "detail": {"project-name": [name]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "Only", "Arn": mailbox.topic}])
    build = ended(aws, start(aws, name))
    finished = [each for each in build["phases"] if each["phaseType"] != "COMPLETED"]
    told = [json.loads(each)["detail"] for each in mailbox.read(len(finished))]
    assert {each["completed-phase"]: each["completed-phase-status"] for each in told} == {
        each["phaseType"]: each["phaseStatus"] for each in finished
    }
    (failed,) = [each for each in told if each["completed-phase"] == "PRE_BUILD"]
    assert failed["completed-phase-status"] == "FAILED"
    assert "exit status 3" in failed["completed-phase-context"]
    assert failed["build-id"] == build["arn"]
