import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.codepipeline import providers
from local.events import emit
from local.tests.aws import unique, wait
from local.tests.builds import log
from local.tests.codepipeline.scene import Scene

FAILING = "version: 0.2\nphases: {build: {commands: [exit 3]}}\n"


def test_a_page_of_executions_that_was_never_given_is_refused(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval())
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        scene.client.list_pipeline_executions(pipelineName=name, nextToken="soon")


def test_creating_a_pipeline_runs_it_and_each_action_hands_on_what_it_made(scene: Scene) -> None:
    name = scene.create(
        scene.source(),
        scene.build(outputArtifacts=[{"name": "Output"}]),
        scene.workflow(
            {"Type": "Pass", "End": True},
            InputType="FilePath",
            Input="workflow.json",
            ExecutionNamePrefix="run",
        ),
    )
    row = scene.ended(name)
    actions = scene.actions(name)
    assert row["status"] == "Succeeded", actions
    assert row["trigger"]["triggerType"] == "CreatePipeline"
    assert row["sourceRevisions"][0]["revisionId"] == scene.commit
    assert actions["CodeCommit"]["output"]["outputVariables"]["CommitMessage"] == "first words"
    word = f"built-{scene.commit[:4]}"
    assert actions["CodeBuild"]["output"]["outputVariables"] == {"WORD": word}
    arn = actions["StepFunctions"]["output"]["executionResult"]["externalExecutionId"]
    assert arn.endswith(f":run-{actions['StepFunctions']['actionExecutionId']}")
    machines = scene.aws.client("stepfunctions")
    assert json.loads(machines.describe_execution(executionArn=arn)["input"]) == {"word": word}
    build = scene.aws.client("codebuild").batch_get_builds(
        ids=[actions["CodeBuild"]["output"]["executionResult"]["externalExecutionId"]]
    )["builds"][0]
    assert f"initiator=codepipeline/{name}" in log(scene.aws, build)


def test_the_end_of_what_an_action_started_is_not_found_by_looking_again_and_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "POLL", 600)
    waits = scene.workflow({"Type": "Wait", "Seconds": 1, "End": True})
    name = scene.create(scene.source(), scene.build(), waits)
    assert scene.ended(name)["status"] == "Succeeded"


def test_the_source_artifact_is_the_commit_as_a_zip_encrypted_with_the_stores_key(
    scene: Scene,
) -> None:
    key = scene.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    name = scene.create(
        scene.source(),
        scene.build(),
        artifactStore={
            "type": "S3",
            "location": scene.bucket,
            "encryptionKey": {"id": key, "type": "KMS"},
        },
    )
    scene.ended(name)
    (artifact,) = scene.actions(name)["CodeCommit"]["output"]["outputArtifacts"]
    found = scene.aws.client("s3").get_object(
        Bucket=artifact["s3location"]["bucket"], Key=artifact["s3location"]["key"]
    )
    assert found["SSEKMSKeyId"] == key
    assert zipfile.ZipFile(io.BytesIO(found["Body"].read())).namelist() == ["train"]


def test_variables_reach_configurations_and_an_unknown_one_fails_its_action(scene: Scene) -> None:
    variables = json.dumps(
        [
            {"name": "ID", "value": "#{codepipeline.PipelineExecutionId}"},
            {"name": "AT", "value": "#{Source.CommitId}"},
        ]
    )
    name = scene.create(
        scene.source(),
        scene.build(
            "version: 0.2\nphases: {build: {commands: ['export BOTH=$ID/$AT']}}\n"
            "env: {exported-variables: [BOTH]}\n",
            configuration={"EnvironmentVariables": variables},
        ),
        scene.workflow({"Type": "Pass", "End": True}, Input='{"a": "#{Build.MISSING}"}'),
    )
    row = scene.ended(name)
    actions = scene.actions(name)
    assert actions["CodeBuild"]["output"]["outputVariables"]["BOTH"] == (
        f"{row['pipelineExecutionId']}/{scene.commit}"
    )
    assert (
        "#{Build.MISSING}"
        in (actions["StepFunctions"]["output"]["executionResult"]["errorDetails"]["message"])
    )


def test_a_failed_build_stops_the_pipeline_and_names_phase_and_command(scene: Scene) -> None:
    name = scene.create(
        scene.source(), scene.build(FAILING), scene.workflow({"Type": "Pass", "End": True})
    )
    assert scene.ended(name)["status"] == "Failed"
    actions = scene.actions(name)
    details = actions["CodeBuild"]["output"]["executionResult"]["errorDetails"]
    assert details == {
        "code": "JobFailed",
        "message": (
            "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, "
            "Message: Error while executing command: exit 3. Reason: exit status 3"
        ),
    }
    assert "StepFunctions" not in actions


def test_the_verdict_of_the_workflow_is_the_verdict_of_the_action(scene: Scene) -> None:
    name = scene.create(
        scene.source(),
        scene.workflow({"Type": "Fail", "Error": "Rejected", "Cause": "accuracy 0.2 is below 0.6"}),
    )
    assert scene.ended(name)["status"] == "Failed"
    message = scene.actions(name)["StepFunctions"]["output"]["executionResult"]["errorDetails"][
        "message"
    ]
    assert "Rejected" in message
    assert "accuracy 0.2 is below 0.6" in message


def test_queued_executions_each_run_one_after_the_other(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval())
    scene.token(name)
    for _ in range(2):
        scene.client.start_pipeline_execution(name=name)
    for number in range(3):
        assert scene.executions(name)[number]["status"] == "InProgress"
        scene.answer(name, "Approved")
        assert scene.ended(name, number)["status"] == "Succeeded"


def test_a_waiting_execution_is_superseded_by_a_newer_one(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval(), executionMode="SUPERSEDED")
    scene.token(name)
    for number in (1, 2):
        scene.client.start_pipeline_execution(name=name)

        def waits(number: int = number) -> bool:
            inbound = scene.client.get_pipeline_state(name=name)["stageStates"][1].get(
                "inboundExecution", {}
            )
            wanted = scene.executions(name)[number]["pipelineExecutionId"]
            return bool(inbound.get("pipelineExecutionId") == wanted)

        wait(waits)
    assert [row["status"] for row in scene.executions(name)] == [
        "InProgress",
        "Superseded",
        "InProgress",
    ]
    scene.answer(name, "Approved")
    scene.ended(name, 0)
    scene.answer(name, "Approved")
    assert scene.ended(name, 2)["status"] == "Succeeded"


def test_a_rejected_approval_ends_the_execution_before_the_next_stage(scene: Scene) -> None:
    name = scene.create(
        scene.source(), scene.approval(), scene.workflow({"Type": "Pass", "End": True})
    )
    scene.answer(name, "Rejected")
    assert scene.ended(name)["status"] == "Failed"
    assert "StepFunctions" not in scene.actions(name)


def test_stop_and_wait_lets_the_running_action_finish_and_starts_no_other(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval(), scene.approval("Second"))
    scene.token(name)
    row = scene.executions(name)[0]
    scene.client.stop_pipeline_execution(
        pipelineName=name, pipelineExecutionId=row["pipelineExecutionId"], reason="enough"
    )
    assert scene.executions(name)[0]["status"] == "Stopping"
    with pytest.raises(ClientError, match="DuplicatedStopRequestException"):
        scene.client.stop_pipeline_execution(
            pipelineName=name, pipelineExecutionId=row["pipelineExecutionId"]
        )
    scene.answer(name, "Approved")
    ended = scene.ended(name)
    assert (ended["status"], ended["stopTrigger"]["reason"]) == ("Stopped", "enough")
    assert scene.actions(name)["Manual"]["stageName"] == "Approval"


def test_to_abandon_leaves_the_workflow_running_as_aws_does(scene: Scene) -> None:
    name = scene.create(
        scene.source(), scene.workflow({"Type": "Wait", "Seconds": 60, "End": True})
    )

    def started() -> Any:
        found = scene.actions(name).get("StepFunctions", {})
        return found.get("output", {}).get("executionResult", {}).get("externalExecutionId")

    arn = wait(started)
    scene.client.stop_pipeline_execution(
        pipelineName=name,
        abandon=True,
        pipelineExecutionId=scene.executions(name)[0]["pipelineExecutionId"],
    )
    assert scene.ended(name)["status"] == "Stopped"
    assert scene.actions(name)["StepFunctions"]["status"] == "Abandoned"
    machines = scene.aws.client("stepfunctions")
    assert machines.describe_execution(executionArn=arn)["status"] == "RUNNING"
    machines.stop_execution(executionArn=arn)


def test_a_failed_stage_can_be_retried_without_its_finished_actions(scene: Scene) -> None:
    both = scene.build()
    both["actions"] += [{**scene.approval()["actions"][0], "runOrder": 2}]
    name = scene.create(scene.source(), both)
    scene.answer(name, "Rejected", "Build")
    row = scene.ended(name)
    scene.client.retry_stage_execution(
        pipelineName=name,
        stageName="Build",
        retryMode="FAILED_ACTIONS",
        pipelineExecutionId=row["pipelineExecutionId"],
    )
    scene.answer(name, "Approved", "Build")
    assert scene.ended(name)["status"] == "Succeeded"
    rows = scene.client.list_action_executions(pipelineName=name)["actionExecutionDetails"]
    assert sorted(each["actionName"] for each in rows) == [
        "CodeBuild",
        "CodeCommit",
        "Manual",
        "Manual",
    ]


def test_a_rule_that_starts_the_pipeline_is_its_trigger(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.build())
    scene.ended(name)
    events, rule = scene.aws.client("events"), unique("rule")
    arn = events.put_rule(
        Name=rule,
        EventPattern=json.dumps(
            {
                "source": ["aws.codecommit"],
                "resources": [scene.aws.context.arn("codecommit", scene.repository)],
            }
        ),
    )["RuleArn"]
    events.put_targets(
        Rule=rule,
        Targets=[
            {
                "Id": "1",
                "Arn": scene.aws.context.arn("codepipeline", name),
                "RoleArn": scene.aws.role("events"),
            }
        ],
    )
    made = scene.aws.client("codecommit").create_commit(
        repositoryName=scene.repository,
        branchName="main",
        parentCommitId=scene.commit,
        putFiles=[{"filePath": "new", "fileContent": b"1"}],
    )
    wait(lambda: len(scene.executions(name)) == 2)
    row = scene.ended(name, 1)
    assert row["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": arn}
    assert row["sourceRevisions"][0]["revisionId"] == made["commitId"]


REASON = """\
version: 0.2
env: {exported-variables: [SAID]}
phases: {build: {commands: ['export SAID="$REASON"']}}
"""
PASSED = json.dumps([{"name": "REASON", "value": "#{variables.REASON}"}])


def test_a_variable_reaches_the_build_with_its_default_or_as_it_was_given(scene: Scene) -> None:
    name = scene.create(
        scene.source(),
        scene.build(REASON, configuration={"EnvironmentVariables": PASSED}),
        variables=[{"name": "REASON", "defaultValue": "none"}],
    )
    given = [{"name": "REASON", "value": "it's, (well) 100 % urgent"}]
    scene.client.start_pipeline_execution(name=name, variables=given)
    said = []
    for number, who in enumerate(("CreatePipeline", "StartPipelineExecution")):
        row = scene.ended(name, number)
        assert row["trigger"]["triggerType"] == who
        assert row["trigger"]["triggerDetail"].endswith(":user/administrator")
        identifier = {"pipelineExecutionId": row["pipelineExecutionId"]}
        found = scene.client.get_pipeline_execution(pipelineName=name, **identifier)
        told = found["pipelineExecution"]
        assert told["trigger"] == row["trigger"]
        (variable,) = told["variables"]
        rows = scene.client.list_action_executions(pipelineName=name, filter=identifier)
        (build, _) = rows["actionExecutionDetails"]
        assert build["output"]["outputVariables"]["SAID"] == variable["resolvedValue"]
        said.append(variable)
    assert said == [
        {"name": "REASON", "resolvedValue": text} for text in ("none", given[0]["value"])
    ]


def test_a_value_that_breaks_the_list_it_stands_in_fails_its_action(scene: Scene) -> None:
    name = scene.create(
        scene.source(),
        scene.build(REASON, configuration={"EnvironmentVariables": PASSED}),
        variables=[{"name": "REASON", "defaultValue": 'says "no"'}],
    )
    assert scene.ended(name)["status"] == "Failed"
    error = scene.actions(name)["CodeBuild"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "ConfigurationError"
    assert error["message"].startswith("EnvironmentVariables: ")


def test_a_rule_says_with_which_variables_and_from_which_commit(scene: Scene) -> None:
    name = scene.create(
        scene.source(),
        scene.approval(),
        variables=[{"name": "REASON", "defaultValue": "none"}],
    )
    events, rule = scene.aws.client("events"), unique("rule")
    arn = events.put_rule(Name=rule, EventPattern=json.dumps({"detail-type": [rule]}))["RuleArn"]
    template = (
        f'{{"name": "{name}", "variables": [{{"name": "REASON", "value": "<why> changed"}}], '
        '"sourceRevisions": [{"actionName": "CodeCommit", "revisionType": "COMMIT_ID", '
        '"revisionValue": <commit>}]}'
    )
    target = {
        "Id": "1",
        "Arn": scene.aws.context.arn("codepipeline", name),
        "RoleArn": scene.aws.role("events"),
        "InputTransformer": {
            "InputPathsMap": {"why": "$.detail.why", "commit": "$.detail.commit"},
            "InputTemplate": template,
        },
    }
    events.put_targets(Rule=rule, Targets=[target])
    scene.aws.client("codecommit").create_commit(
        repositoryName=scene.repository,
        branchName="main",
        parentCommitId=scene.commit,
        putFiles=[{"filePath": "new", "fileContent": b"1"}],
    )
    emit("test", rule, [], {"why": "the data", "commit": scene.commit})
    wait(lambda: len(scene.executions(name)) == 2)
    started = scene.executions(name)[1]["pipelineExecutionId"]

    def told() -> Any:
        asked = {"pipelineName": name, "pipelineExecutionId": started}
        return scene.client.get_pipeline_execution(**asked)["pipelineExecution"]

    assert told()["trigger"] == {"triggerType": "CloudWatchEvent", "triggerDetail": arn}
    assert told()["variables"] == [{"name": "REASON", "resolvedValue": "the data changed"}]
    (revision,) = wait(lambda: told()["artifactRevisions"])
    assert revision["revisionId"] == scene.commit


def test_a_pipeline_may_not_use_a_role_that_does_not_trust_it(scene: Scene) -> None:
    role = scene.aws.role("codebuild")
    with pytest.raises(ClientError, match="not authorized to perform AssumeRole"):
        scene.create(scene.source(), scene.approval(), roleArn=role)


def test_an_updated_pipeline_has_the_next_version_and_a_deleted_one_is_gone(scene: Scene) -> None:
    declared = scene.declare(scene.source(), scene.approval())
    scene.client.create_pipeline(pipeline=declared, tags=[{"key": "a", "value": "b"}])
    assert scene.client.update_pipeline(pipeline=declared)["pipeline"]["version"] == 2
    arn = scene.client.get_pipeline(name=declared["name"])["metadata"]["pipelineArn"]
    assert scene.client.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"key": "a", "value": "b"}
    ]
    scene.client.delete_pipeline(name=declared["name"])
    with pytest.raises(ClientError, match="PipelineNotFoundException"):
        scene.client.get_pipeline(name=declared["name"])
