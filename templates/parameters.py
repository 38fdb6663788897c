"""The choices as parameters of the template, and the conditions that follow from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import (
    And,
    Equals,
    Not,
    Or,
    Parameter,
    Partition,
    Region,
    Select,
    Split,
    Sub,
    Template,
)

from templates.choices import CHOICES, Choice

# The condition under which each role of the stack has the boundary that PermissionsBoundary names
BOUNDED = "Bounded"
# GovCloud's list of what SageMaker has there names no Serverless Inference (Amazon SageMaker AI in
# AWS GovCloud (US)), and no page says that China has it
_WITHOUT_SERVERLESS = ("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1")
# Where CloudFormation has AWS::Budgets::Budget (its published resource provider schemas)
_WITH_BUDGETS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-west-1", "eu-west-2"),
    *("eu-west-3", "me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)


@dataclass(frozen=True)
class Parameters:
    """The parameters as objects to refer to, and the names of the conditions."""

    project_name: Parameter
    branch_name: Parameter
    bootstrap_bucket: Parameter
    code_key: Parameter
    seed_data_prefix: Parameter
    training_instance_type: Parameter
    training_instance_count: Parameter
    training_volume_gb: Parameter
    training_max_runtime_seconds: Parameter
    training_use_spot: Parameter
    training_spot_wait_seconds: Parameter
    minimum_accuracy: Parameter
    accuracy_tolerance: Parameter
    evaluation_instance_type: Parameter
    tuning_jobs: Parameter
    tuning_parallel_jobs: Parameter
    endpoint_kind: Parameter
    serverless_memory_mb: Parameter
    serverless_concurrency: Parameter
    endpoint_instance_type: Parameter
    endpoint_instance_count: Parameter
    endpoint_max_instance_count: Parameter
    scaling_target_invocations: Parameter
    rollout: Parameter
    rollout_percent: Parameter
    rollout_bake_seconds: Parameter
    model_latency_microseconds: Parameter
    golden_seconds: Parameter
    capture_percent: Parameter
    batch_instance_type: Parameter
    keep_versions: Parameter
    approval: Parameter
    approval_days: Parameter
    retrain_schedule: Parameter
    drift_schedule: Parameter
    drift_threshold: Parameter
    drift_minimum_records: Parameter
    retrain_on_drift: Parameter
    drift_cooldown_days: Parameter
    schedule_timezone: Parameter
    base_image: Parameter
    pip_index_url: Parameter
    notebook_enabled: Parameter
    notebook_instance_type: Parameter
    notebook_idle_minutes: Parameter
    notification_email: Parameter
    log_retention_days: Parameter
    tracing: Parameter
    permissions_boundary: Parameter
    monthly_budget: Parameter
    in_china: str
    base_image_here: str
    notebook_wanted: str
    email_wanted: str
    serverless: str
    capture_wanted: str
    schedule_wanted: str
    drift_wanted: str
    tracing_wanted: str
    spend_known: str
    budget_wanted: str


def add_parameters(template: Template) -> Parameters:
    """Declare every choice; the field of `TrainingVolumeGB` is `training_volume_gb`."""
    fields = {_snake(choice.name): _add(template, choice) for choice in CHOICES}
    in_china = Or(Equals(Region, "cn-north-1"), Equals(Region, "cn-northwest-1"))
    registry = Sub("${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}")
    here = Equals(Select(0, Split("/", fields["base_image"].ref())), registry)
    notebook = Equals(fields["notebook_enabled"].ref(), "true")
    bounded = Not(Equals(fields["permissions_boundary"].ref(), ""))
    template.add_condition(BOUNDED, bounded)
    email = Not(Equals(fields["notification_email"].ref(), ""))
    serverless = Equals(fields["endpoint_kind"].ref(), "Serverless")
    template.add_rule("ServerlessIsHere", _serverless_is_here(serverless))
    budget = Not(Equals(fields["monthly_budget"].ref(), "0"))
    template.add_rule("BudgetIsHere", _budget_is_here(budget, email))
    drift = Not(Equals(fields["drift_schedule"].ref(), ""))
    captured = Not(Equals(fields["capture_percent"].ref(), "0"))
    template.add_rule("DriftHasRequests", _drift_has_requests(drift, captured, serverless))
    schedule = Not(Equals(fields["retrain_schedule"].ref(), ""))
    tracing = Equals(fields["tracing"].ref(), "true")
    return Parameters(
        **fields,
        # Over AWS::Region: cfn-lint, and at times CloudFormation, do not follow AWS::Partition
        in_china=template.add_condition("InChina", in_china),
        # In the account's own registry: whoever pulls it there needs a grant
        base_image_here=template.add_condition("BaseImageIsHere", here),
        notebook_wanted=template.add_condition("NotebookWanted", notebook),
        email_wanted=template.add_condition("EmailWanted", email),
        serverless=template.add_condition("Serverless", serverless),
        capture_wanted=template.add_condition("CaptureWanted", captured),
        schedule_wanted=template.add_condition("ScheduleWanted", schedule),
        drift_wanted=template.add_condition("DriftWanted", drift),
        tracing_wanted=template.add_condition("TracingWanted", tracing),
        # Elsewhere the bill is no metric, or one of another region and currency
        spend_known=template.add_condition("SpendKnown", Equals(Partition, "aws")),
        # In regions that lack the type nothing may be left to a refusal: the condition leaves it
        # out (Handling Region parity with infrastructure as code, AWS Cloud Operations Blog)
        budget_wanted=template.add_condition("BudgetWanted", And(budget, _in(_WITH_BUDGETS))),
    )


def add_parameter(template: Template, name: str) -> Parameter:
    """Declare one choice, for a template that has few."""
    (choice,) = (one for one in CHOICES if one.name == name)
    return _add(template, choice)


def _add(template: Template, choice: Choice) -> Parameter:
    parameter = template.add_parameter(
        Parameter(
            choice.name,
            Type="String",
            Description=choice.help,
            **({} if choice.default is None else {"Default": choice.default}),
            **choice.rules,
        )
    )
    if choice.must:
        parameter.ConstraintDescription = f"{choice.name} must {choice.must}."
    template.set_parameter_label(parameter, choice.label)
    template.add_parameter_to_group(parameter, choice.group)
    return parameter


def _serverless_is_here(wanted: Equals) -> dict[str, Any]:
    """A launch in the console is refused too, before anything is made."""
    lacks = Or(*(Equals(Region, one) for one in _WITHOUT_SERVERLESS))
    said = "China and GovCloud have no serverless endpoints: set EndpointKind to RealTime."
    return {
        "RuleCondition": wanted,
        "Assertions": [{"Assert": Not(lacks), "AssertDescription": said}],
    }


def _budget_is_here(wanted: Not, told: Not) -> dict[str, Any]:
    lacks = "This region has no budgets: set MonthlyBudget to 0."
    nobody = "A budget writes to NotificationEmail: give one, or set MonthlyBudget to 0."
    return {
        "RuleCondition": wanted,
        "Assertions": [
            {"Assert": _in(_WITH_BUDGETS), "AssertDescription": lacks},
            {"Assert": told, "AssertDescription": nobody},
        ],
    }


def _drift_has_requests(wanted: Not, captured: Not, serverless: Equals) -> dict[str, Any]:
    none = "Drift is found in captured requests: set CapturePercent, or no DriftSchedule."
    never = "A serverless endpoint captures nothing: set no DriftSchedule."
    return {
        "RuleCondition": wanted,
        "Assertions": [
            {"Assert": captured, "AssertDescription": none},
            {"Assert": Not(serverless), "AssertDescription": never},
        ],
    }


def _in(regions: Sequence[str]) -> Or:
    """An Or takes ten at most (Condition functions, CloudFormation Template Reference)."""
    tens = [regions[at : at + 10] for at in range(0, len(regions), 10)]
    return Or(*(Or(*(Equals(Region, one) for one in ten)) for ten in tens))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
