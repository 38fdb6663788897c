"""A stack is changed as asked, by a change set that was shown, never at the price of data."""

import io
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from scripts import create_stack
from scripts.create_stack import (
    check_parameters,
    check_stack,
    declared_parameters,
    fault,
    for_change_set,
    parse_parameters,
)
from scripts.lib.console import Console
from scripts.lib.fitting import check_budget, check_monitoring
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts.answers import MISSING, STACK_ID, START, described, event

TEMPLATE = """
Parameters:
  ProjectName: {Type: String, Default: mlops}
  BootstrapBucket: {Type: String}
  CodeKey: {Type: String}
  SeedDataPrefix: {Type: String}
"""
RULES = r"""
Parameters:
  ProjectName: {Type: String, Default: mlops, AllowedPattern: "[a-z](-?[a-z0-9]){1,23}",
    ConstraintDescription: 2 to 24 lower-case letters or digits}
  MinimumAccuracy: {Type: Number, Default: 0.6, MinValue: 0, MaxValue: 1}
  NotebookEnabled: {Type: String, Default: 'false', AllowedValues: ['false', 'true']}
  EndpointInstanceType: {Type: String, AllowedPattern: 'ml\.(?!..gd?\.).*', Default: x,
    ConstraintDescription: no Graviton}
  TrainingInstanceType: {Type: String, Default: x}
  NotebookInstanceType: {Type: String, Default: x}
  EndpointKind: {Type: String, Default: RealTime, AllowedValues: [RealTime, Serverless]}
  EndpointInstanceCount: {Type: String, Default: '1'}
  EndpointMaxInstanceCount: {Type: String, Default: '0'}
  BootstrapBucket: {Type: String, MinLength: 3}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub '${ProjectName}-x', Tags: !If [A, [], []]}
"""
SIZE = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
CHANGE = "arn:aws:cloudformation:eu-west-1:123456789012:changeSet/change-1/x"


def uploaded(stub: dict[str, Stubber]) -> None:
    stub["cloudformation"].add_response(
        "describe_stacks",
        described("CREATE_COMPLETE", Outputs=[{"OutputKey": "Bucket", "OutputValue": "bucket"}]),
        {"StackName": "mlops-bootstrap"},
    )
    for _ in range(2):
        stub["s3"].add_response("head_object", {})


def absent(stub: dict[str, Stubber]) -> None:
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    stub["codecommit"].add_client_error("get_repository", "RepositoryDoesNotExistException")
    stub["ecr"].add_client_error("describe_repositories", "RepositoryNotFoundException")


def change_set(stub: dict[str, Stubber], kind: str, *changes: dict[str, Any], **more: str) -> None:
    stub["cloudformation"].add_response(
        "get_template_summary", {"Capabilities": ["CAPABILITY_NAMED_IAM"]}
    )
    stub["cloudformation"].add_response(
        "create_change_set",
        {"Id": CHANGE, "StackId": STACK_ID},
        {
            "StackName": "mlops",
            "ChangeSetName": ANY,
            "ChangeSetType": kind,
            "Parameters": ANY,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "TemplateURL": ANY,
            **more,
        },
    )
    answer = {
        "Status": "CREATE_COMPLETE",
        "StackId": STACK_ID,
        "Changes": [{"Type": "Resource", "ResourceChange": one} for one in changes],
    }
    for _ in range(2):
        stub["cloudformation"].add_response("describe_change_set", answer)


def change(action: str, name: str, kind: str, **more: str) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": name, "ResourceType": kind, **more}


def executed(stub: dict[str, Stubber], *events: dict[str, Any]) -> None:
    """The operation runs: no events before, then all of them, newest first."""
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stack_events", {"StackEvents": []})
    cloudformation.add_response("execute_change_set", {}, {"ChangeSetName": CHANGE})
    cloudformation.add_response("describe_stack_events", {"StackEvents": list(reversed(events))})


def endpoint(serves: dict[str, Any]) -> dict[str, Any]:
    return {
        "EndpointName": "mine",
        "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mine",
        "EndpointStatus": "InService",
        "CreationTime": START,
        "LastModifiedTime": START,
        "ProductionVariants": [{"VariantName": "AllTraffic", **serves}],
    }


def in_use(status: str, values: dict[str, str]) -> dict[str, Any]:
    listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
    return described(status, Parameters=listed)


def deploy(clients: Clients, console: Console, given: dict[str, str] | None = None) -> int:
    return create_stack.deploy(clients, "mlops", given or {}, console, template=TEMPLATE)


def test_a_first_deployment_creates_and_prints_the_outputs(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    absent(stub)
    change_set(stub, "CREATE", change("Add", "Key", "AWS::KMS::Key"))
    executed(
        stub,
        event(1, "Key", "CREATE_IN_PROGRESS"),
        event(2, "Key", "CREATE_COMPLETE"),
        event(3, "mlops", "CREATE_COMPLETE", own=True),
    )
    outputs = [{"OutputKey": "EndpointName", "OutputValue": "mlops"}]
    stub["cloudformation"].add_response(
        "describe_stacks", described("CREATE_COMPLETE", Outputs=outputs)
    )
    assert deploy(clients, console) == 0
    assert "EndpointName  mlops" in page.getvalue()
    assert "`make logs STACK=mlops` follows it" in page.getvalue()


def test_cloudformation_works_with_the_role_that_is_given(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    """The stack holds nothing yet: this ends before its outputs are read."""
    role = "arn:aws:iam::123456789012:role/deployer-DeployerRole-1"
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    lost = change("Remove", "DataBucket", "AWS::S3::Bucket", PolicyAction="Delete")
    change_set(stub, "UPDATE", lost, RoleARN=role)
    stub["cloudformation"].add_response("delete_change_set", {}, {"ChangeSetName": CHANGE})
    with pytest.raises(Problem, match="would lose data"):
        create_stack.deploy(clients, "mlops", {}, console, template=TEMPLATE, role=role)


def test_what_is_no_role_is_refused_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        create_stack.main(["--role", "admin"])
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("Error: ROLE=admin is no role: pass the ARN that the deployer stack has")


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:4599"])
def test_the_consoles_pages_are_shown_where_they_lead_somewhere(
    console: Console, page: io.StringIO, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    known = {"KeyArn": "arn", "DataUri": "s3://data/", "PipelineUrl": "https://console"}
    create_stack.show_outputs(known, console)
    assert "DataUri" in page.getvalue() and "KeyArn" not in page.getvalue()
    assert ("PipelineUrl" in page.getvalue()) is not endpoint.startswith("http")


def test_an_update_says_when_it_takes_effect(console: Console, page: io.StringIO) -> None:
    create_stack.show_next({}, "mine", console, new=False)
    assert page.getvalue().endswith("from now on: push, or `make train STACK=mine`.\n")


def test_no_changes_is_success(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    cloudformation = stub["cloudformation"]
    cloudformation.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    cloudformation.add_response("get_template_summary", {})
    cloudformation.add_response("create_change_set", {"Id": CHANGE, "StackId": STACK_ID})
    reason = "The submitted information didn't contain changes. Submit different information."
    cloudformation.add_response(
        "describe_change_set", {"Status": "FAILED", "StatusReason": reason, "StackId": STACK_ID}
    )
    cloudformation.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE})
    assert deploy(clients, console) == 0
    assert "up to date: no changes" in page.getvalue()


def test_the_first_failure_is_told_and_not_its_bystanders(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    absent(stub)
    change_set(stub, "CREATE", change("Add", "Key", "AWS::KMS::Key"))
    executed(
        stub,
        event(1, "Topic", "CREATE_FAILED", "Resource creation cancelled"),
        event(2, "Role", "CREATE_FAILED", "not authorized to perform: iam:CreateRole"),
        event(3, "Key", "CREATE_FAILED", "second"),
        event(4, "mlops", "ROLLBACK_IN_PROGRESS", own=True),
        event(5, "mlops", "ROLLBACK_COMPLETE", own=True),
    )
    assert deploy(clients, console) == 1
    told = page.getvalue().split("The first failure:")[1]
    assert told.strip() == "Role: not authorized to perform: iam:CreateRole"


def test_replacing_a_resource_that_holds_data_is_refused(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    change_set(
        stub, "UPDATE", change("Modify", "DataBucket", "AWS::S3::Bucket", Replacement="True")
    )
    stub["cloudformation"].add_response("delete_change_set", {}, {"ChangeSetName": CHANGE})
    with pytest.raises(Problem, match="DataBucket would lose data"):
        deploy(clients, console)
    assert "DATA: DataBucket (AWS::S3::Bucket) would be replaced" in page.getvalue()


@pytest.mark.parametrize(
    "harmless",
    [
        change("Modify", "Data", "AWS::S3::Bucket", Replacement="Conditional"),
        change("Remove", "Data", "AWS::S3::Bucket", PolicyAction="Retain"),
        change("Modify", "Role", "AWS::IAM::Role", Replacement="True"),
    ],
)
def test_a_change_that_loses_no_data_is_carried_out(
    clients: Clients, stub: dict[str, Stubber], console: Console, harmless: dict[str, Any]
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    change_set(stub, "UPDATE", harmless)
    executed(stub, event(1, "mlops", "UPDATE_COMPLETE", own=True))
    outputs = [{"OutputKey": "EndpointName", "OutputValue": "mlops"}]
    stub["cloudformation"].add_response(
        "describe_stacks", described("UPDATE_COMPLETE", Outputs=outputs)
    )
    assert deploy(clients, console) == 0


def nothing_left(stub: dict[str, Stubber]) -> None:
    """No stack of this name, or of its bootstrap, was ever there."""
    for _ in range(2):
        stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
        stub["cloudformation"].add_response("list_stacks", {"StackSummaries": []})


def test_a_repository_that_is_not_ours_is_left_alone_and_another_name_is_named(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    """`destroy` would not remove it, and it may hold somebody's work."""
    uploaded(stub)
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    stub["codecommit"].add_client_error("get_repository", "RepositoryDoesNotExistException")
    stub["ecr"].add_response(
        "describe_repositories", {"repositories": []}, {"repositoryNames": ["other"]}
    )
    nothing_left(stub)
    with pytest.raises(Problem, match="ECR repository other already exists, and no") as refused:
        deploy(clients, console, {"ProjectName": "other"})
    assert "`make deploy STACK=mlops PARAMS='ProjectName=<name>'`" in str(refused.value)
    assert "destroy" not in str(refused.value)


def test_an_update_that_meets_a_name_is_not_told_to_take_another_or_to_destroy(
    clients: Clients,
) -> None:
    """Either would cost the data that the stack holds."""
    said = create_stack.name_taken(clients, "Rule: mlops-push already exists", "mlops", new=False)
    assert said == "Remove or rename what has that name, then `make deploy STACK=mlops`"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ECR repository mlops already exists", True),
        ("mlops already exists", True),
        ("Trigger: mlops-push already exists", False),
        ("Logs: /aws/codebuild/mlops already exists", False),
    ],
)
def test_a_name_is_not_taken_for_a_part_of_another(text: str, named: bool) -> None:
    assert create_stack.is_named("mlops", text) is named


def test_a_replacement_that_is_meant_is_carried_out(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    uploaded(stub)
    stub["cloudformation"].add_response("describe_stacks", described("CREATE_COMPLETE"))
    change_set(stub, "UPDATE", change("Modify", "Data", "AWS::S3::Bucket", Replacement="True"))
    executed(stub, event(1, "mlops", "UPDATE_COMPLETE", own=True))
    outputs = [{"OutputKey": "EndpointName", "OutputValue": "mlops"}]
    stub["cloudformation"].add_response(
        "describe_stacks", described("UPDATE_COMPLETE", Outputs=outputs)
    )
    assert (
        create_stack.deploy(
            clients, "mlops", {}, console, template=TEMPLATE, allow_replacement=True
        )
        == 0
    )


def test_without_an_upload_the_next_command_is_named(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    with pytest.raises(Problem, match="run `make upload STACK=mlops` first"):
        deploy(clients, console)


@pytest.fixture
def known() -> dict[str, dict[str, Any]]:
    return declared_parameters(RULES)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ProjctName=x", r"ProjctName=x: .* no such parameter: did you mean ProjectName\?"),
        ("ProjectName=" + "x" * 25, r"ProjectName=x{25}: 2 to 24 lower-case"),
        ("MinimumAccuracy=high", "MinimumAccuracy=high: must be a number"),
        ("MinimumAccuracy=nan", "MinimumAccuracy=nan: must be a number"),
        ("MinimumAccuracy=1.5", "must be at most 1"),
        ("NotebookEnabled=yes", "NotebookEnabled=yes: allowed are false, true"),
        ("EndpointInstanceType=ml.m5.lrage", r"for endpoints: did you mean ml\.m5\.large\?"),
        ("EndpointInstanceType=m5.large", r"did you mean ml\.m5\.large\?"),
        ("EndpointInstanceType=ml.m9g.large", r"did you mean ml\.m[0-9]+i?\.large\?"),
        ("EndpointInstanceType=ml.m6g.large", "no Graviton"),
        ("EndpointInstanceType=gpu", "for endpoints .botocore"),
        ("TrainingInstanceType=ml.m5.lrage", r"for training: did you mean ml\.m5\.large\?"),
        # An endpoint could have it
        ("TrainingInstanceType=ml.dl1.24xlarge", "no such machine for training"),
        ("NotebookInstanceType=ml.t3.mediun", r"notebooks: did you mean ml\.t3\.medium\?"),
        ("BootstrapBucket=x", "at least 3 characters"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name_and_the_reason(
    given: str, reason: str, known: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(Problem, match=reason):
        check_parameters(parse_parameters([given]), known)


def test_all_that_is_wrong_is_told_at_once(known: dict[str, dict[str, Any]]) -> None:
    given = parse_parameters(["NotebookEnabled=yes", "KeepVersion=1", "MinimumAccuracy=0.9"])
    with pytest.raises(Problem, match=r"NotebookEnabled=yes.*; parameter KeepVersion=1") as problem:
        check_parameters(given, known)
    assert "MinimumAccuracy=" not in str(problem.value)


def test_a_new_stack_whose_name_no_project_can_have_is_told_so(
    clients: Clients, stub: dict[str, Stubber], known: dict[str, dict[str, Any]]
) -> None:
    for _ in range(3):
        stub["cloudformation"].add_client_error("describe_stacks", *MISSING)
    with pytest.raises(Problem, match=r"STACK=My-Stack is the project's name too.*ProjectName=<na"):
        check_stack(clients, "My-Stack", {}, known)
    check_stack(clients, "my-stack", {}, known)
    check_stack(clients, "My-Stack", {"ProjectName": "mine"}, known)


def test_fewer_instances_at_most_than_at_least_are_refused_before_aws_is_asked(
    known: dict[str, dict[str, Any]],
) -> None:
    given = {"EndpointInstanceCount": "10", "EndpointMaxInstanceCount": "9"}
    with pytest.raises(Problem, match=r"EndpointMaxInstanceCount=9 .* EndpointInstanceCount=10: "):
        check_parameters(given, known)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"MonthlyBudget": "50"}, False),
        ({"MonthlyBudget": "0"}, True),
        ({"MonthlyBudget": "50", "NotificationEmail": "a@example.com"}, True),
        ({"NotificationEmail": "a@example.com"}, True),
    ],
)
def test_a_budget_that_writes_to_nobody_is_refused(given: dict[str, str], fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(Problem, match="NotificationEmail=<address>"):
        check_budget(given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"ScheduleTimezone": "Asia/Shanghai"}, ""),
        ({"ScheduleTimezone": "Europe/Berlim"}, "is Europe/Berlin meant"),
        ({"DriftSchedule": "cron(0 4 * * ? *)"}, "CapturePercent=20"),
        ({"DriftSchedule": "cron(0 4 * * ? *)", "CapturePercent": "20"}, ""),
        (
            {
                **{"DriftSchedule": "cron(0 4 * * ? *)", "CapturePercent": "20"},
                "EndpointKind": "Serverless",
            },
            "captures none",
        ),
    ],
)
def test_a_schedule_that_could_never_do_anything_is_refused(
    given: dict[str, str], why: str
) -> None:
    with pytest.raises(Problem, match=why) if why else nullcontext():
        check_monitoring(given)


@pytest.mark.parametrize(
    ("status", "given", "fits"),
    [
        # The stack has 2 and 4, a new one 1 and 0, which is no scaling
        ("UPDATE_COMPLETE", {"EndpointInstanceCount": "4"}, True),
        ("UPDATE_COMPLETE", {"EndpointInstanceCount": "5"}, False),
        ("UPDATE_COMPLETE", {"EndpointMaxInstanceCount": "1"}, False),
        ("UPDATE_COMPLETE", {"EndpointInstanceCount": "1", "EndpointMaxInstanceCount": "1"}, True),
        ("UPDATE_COMPLETE", {"EndpointMaxInstanceCount": "0"}, True),
        ("ROLLBACK_COMPLETE", {"EndpointInstanceCount": "4"}, True),
        ("ROLLBACK_COMPLETE", {"EndpointMaxInstanceCount": "1"}, True),
    ],
)
def test_a_count_that_is_not_given_is_the_one_in_use_or_else_the_default(
    clients: Clients,
    stub: dict[str, Stubber],
    known: dict[str, dict[str, Any]],
    status: str,
    given: dict[str, str],
    fits: bool,
) -> None:
    used = {"EndpointInstanceCount": "2", "EndpointMaxInstanceCount": "4"}
    stub["cloudformation"].add_response("describe_stacks", in_use(status, used))
    with nullcontext() if fits else pytest.raises(Problem, match="or more than EndpointInstanceC"):
        check_stack(clients, "mlops", given, known)


@pytest.mark.parametrize("region", ["cn-northwest-1", "us-gov-east-1"])
def test_a_serverless_endpoint_is_refused_where_there_is_none(
    region: str, known: dict[str, dict[str, Any]]
) -> None:
    there = Clients(boto3.Session(region_name=region))
    with Stubber(there.cloudformation) as stub:
        for _ in range(2):
            stub.add_client_error("describe_stacks", *MISSING)
        check_stack(there, "mlops", {}, known)
        with pytest.raises(Problem, match=f"{region} has no serverless .*EndpointKind=RealTime"):
            check_stack(there, "mlops", {"EndpointKind": "Serverless"}, known)


@pytest.mark.parametrize(
    ("used", "given", "serves", "refused"),
    [
        ({"EndpointKind": "RealTime"}, "Serverless", {}, True),
        ({}, "Serverless", {}, True),  # of a stack from before there was a choice
        ({"EndpointKind": "Serverless"}, "RealTime", {"CurrentServerlessConfig": SIZE}, True),
        # What was changed in the console is set back
        ({"EndpointKind": "Serverless"}, "RealTime", {}, False),
        ({"EndpointKind": "RealTime"}, "Serverless", None, False),
    ],
)
def test_an_endpoint_that_exists_stays_of_its_kind(
    clients: Clients,
    stub: dict[str, Stubber],
    known: dict[str, dict[str, Any]],
    used: dict[str, str],
    given: str,
    serves: dict[str, Any] | None,
    refused: bool,
) -> None:
    stub["cloudformation"].add_response(
        "describe_stacks", in_use("UPDATE_COMPLETE", {"ProjectName": "mine", **used})
    )
    if serves is None:
        stub["sagemaker"].add_client_error(
            "describe_endpoint", "ValidationException", 'Could not find endpoint "mine".'
        )
    else:
        stub["sagemaker"].add_response(
            "describe_endpoint", endpoint(serves), {"EndpointName": "mine"}
        )
    said = r"endpoint mine exists as \w+, and SageMaker does not .* --endpoint-name mine"
    with pytest.raises(Problem, match=said) if refused else nullcontext():
        check_stack(clients, "mlops", {"EndpointKind": given}, known)


def test_the_endpoint_is_not_asked_for_where_its_kind_is_not_changed(
    clients: Clients, stub: dict[str, Stubber], known: dict[str, dict[str, Any]]
) -> None:
    stub["sagemaker"].activate()  # it has no answer
    stub["cloudformation"].add_response(
        "describe_stacks", in_use("UPDATE_COMPLETE", {"EndpointKind": "Serverless"})
    )
    check_stack(clients, "mlops", {"KeepVersions": "2"}, known)


def test_good_parameters_pass(known: dict[str, dict[str, Any]]) -> None:
    items = ["ProjectName=a-b", "MinimumAccuracy=0.75", "NotebookEnabled=true"]
    check_parameters(parse_parameters(items), known)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse_parameters(["PipIndexUrl=https://x/?a=b"]) == {"PipIndexUrl": "https://x/?a=b"}


@pytest.mark.parametrize("item", ["ProjectName", "=x"])
def test_what_is_no_pair_is_refused(item: str) -> None:
    with pytest.raises(Problem, match="write Key=Value"):
        parse_parameters([item])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(Problem, match="A is given twice"):
        parse_parameters(["A=1", "A=2"])


def test_a_pattern_must_match_the_whole_value() -> None:
    assert fault("A", "ab1!", {"A": {"Type": "String", "AllowedPattern": "[a-z0-9]+"}})


def test_an_update_keeps_the_values_in_use(known: dict[str, dict[str, Any]]) -> None:
    chosen = for_change_set(
        {"MinimumAccuracy": "0.9"}, known, {"ProjectName": "mine", "BootstrapBucket": "bucket"}
    )
    assert chosen == [
        {"ParameterKey": "ProjectName", "UsePreviousValue": True},
        {"ParameterKey": "MinimumAccuracy", "ParameterValue": "0.9"},
        {"ParameterKey": "BootstrapBucket", "UsePreviousValue": True},
    ]


def test_a_parameter_without_default_must_be_given(known: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(Problem, match="BootstrapBucket has no default"):
        for_change_set({}, known, None)
