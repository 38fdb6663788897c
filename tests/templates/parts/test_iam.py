"""The form of roles and policies. What they allow is proven in tests/permissions."""

import json
from importlib.resources import files
from typing import Any

import pytest

from tests.templates.reading import grants, of_type, walk

Template = dict[str, Any]

# What may act on "*", because the API has no resource level
UNSCOPED = {
    "cloudwatch:PutMetricData",  # held to a namespace
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "sagemaker:ListHyperParameterTuningJobs",
    "sagemaker:ListModels",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    """The Service Authorization Reference as cfn-lint ships it, in lower case."""
    data = files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json")
    known: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    return known


def test_only_what_has_no_resource_level_acts_on_everything(template: Template) -> None:
    unscoped = {a for grant in grants(template) if "*" in grant.resources for a in grant.actions}
    assert unscoped == UNSCOPED, (
        f"{sorted(unscoped ^ UNSCOPED)}: name the resource of the grant or, if the API has no "
        "resource level, list the action in UNSCOPED; take out what no grant needs any more"
    )


def test_what_has_no_resource_level_is_not_pretended_to_have_one(
    template: Template, reference: dict[str, Any]
) -> None:
    """An ARN beside such an action grants nothing."""
    for grant in grants(template):
        for action in grant.actions:
            service, name = action.split(":")
            levels = reference[service]["Actions"][name.lower()].get("Resources", [])
            assert levels or "*" in grant.resources, f"{grant.role}.{grant.sid}: {action}"


def test_every_action_exists(template: Template, reference: dict[str, Any]) -> None:
    for grant in grants(template):
        for action in grant.actions:
            service, name = action.split(":")
            assert name.lower() in reference[service]["Actions"], f"{grant.role}: {action}"


def test_no_action_is_a_pattern(template: Template) -> None:
    assert not [grant for grant in grants(template) for a in grant.actions if "*" in a]


def test_no_role_has_a_managed_policy_and_each_takes_the_boundary(template: Template) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role
        assert role["PermissionsBoundary"]["Fn::If"][:2] == [
            "Bounded",
            {"Ref": "PermissionsBoundary"},
        ]


def test_every_role_is_assumed_from_this_account_only(template: Template) -> None:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        condition = statement["Condition"]
        account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        # CodePipeline documents neither key: the account is checked if it is sent
        if statement["Principal"]["Service"] == "codepipeline.amazonaws.com":
            assert condition == {"StringEqualsIfExists": account}, name
        else:
            assert condition["StringEquals"] == account, name
            assert "ArnLike" in condition, name


def test_the_source_of_a_role_is_of_the_service_that_assumes_it(template: Template) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        source = statement["Condition"].get("ArnLike")
        if source:
            service = statement["Principal"]["Service"].removesuffix(".amazonaws.com")
            start = "arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:"
            assert source["aws:SourceArn"]["Fn::Sub"].startswith(start)


@pytest.mark.parametrize(
    ("role", "rule"),
    [
        ("TrainingWorkflowRole", "SageMakerTrainingJobsRule"),
        ("TrainingWorkflowRole", "SageMakerProcessingJobsRule"),
        ("TrainingWorkflowRole", "SageMakerTuningJobsRule"),
        ("TrainingWorkflowRole", "StepFunctionsExecutionRule"),
    ],
)
def test_a_workflow_may_follow_what_it_waits_for(template: Template, role: str, rule: str) -> None:
    """Without it creating the state machine fails: "not authorized to create managed-rule"."""
    following = [
        grant
        for grant in grants(template)
        if grant.role == role and rule in str(grant.resources) and "events:" in grant.actions[0]
    ]
    (grant,) = following
    assert set(grant.actions) == {"events:PutTargets", "events:PutRule", "events:DescribeRule"}


def test_only_the_image_build_runs_privileged(template: Template) -> None:
    projects = of_type(template, "AWS::CodeBuild::Project")
    privileged = {name for name, p in projects.items() if p["Environment"]["PrivilegedMode"]}
    assert privileged == {"ImageBuild"}


def test_no_arn_names_a_partition(template: Template) -> None:
    """A literal arn:aws: deploys in China and fails at the first use."""
    texts = [item for item in walk(template["Resources"]) if isinstance(item, str)]
    assert not [text for text in texts if "arn:aws" in text]


def test_every_bucket_refuses_plain_http(template: Template, bootstrap: Template) -> None:
    for document in (template, bootstrap):
        protected = set()
        for policy in of_type(document, "AWS::S3::BucketPolicy").values():
            statements = {item["Sid"]: item for item in policy["PolicyDocument"]["Statement"]}
            deny = statements["DenyWithoutTls"]
            assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            protected.add(policy["Bucket"]["Ref"])
        assert protected == of_type(document, "AWS::S3::Bucket").keys()
