"""What a launch takes and refuses, by the patterns that CloudFormation holds a value against."""

import json
import math
import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

from local.cfn.functions import Scope
from local.cfn.plan import Plan, check_rules
from local.cfn.template import TemplateError, parse
from local.scheduler.expressions import parse as parse_schedule

Template = dict[str, Any]
NUMBERS = {
    "TrainingInstanceCount": (1, 20),
    "TrainingVolumeGB": (1, 16384),
    "TrainingMaxRuntimeSeconds": (60, 86400),
    "TrainingSpotWaitSeconds": (60, 86400),
    "EndpointInstanceCount": (1, 50),
    "KeepVersions": (1, 50),
    "MonthlyBudget": (0, 1_000_000),
    "NotebookIdleMinutes": (10, 1440),
}


PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "": "aws"}


def scope_of(template: Template, region: str, given: dict[str, str]) -> Scope:
    """A launch there, with these choices."""
    plan = Plan.of(parse(json.dumps(template)), given)
    where = {
        **{"AWS::Region": region, "AWS::Partition": partition(region)},
        **{"AWS::AccountId": "1" * 12, "AWS::URLSuffix": "amazonaws.com"},
    }
    return Scope(plan.template, plan.values(), where)


def partition(region: str) -> str:
    return next(name for start, name in PARTITIONS.items() if region.startswith(start))


def rule_of(template: Template, name: str) -> Callable[[str], bool]:
    """Whether a parameter takes a value."""
    rule = template["Parameters"][name]
    longest, matches = rule.get("MaxLength", math.inf), re.compile(rule["AllowedPattern"]).fullmatch
    return lambda value: len(value) <= longest and matches(value) is not None


def takes(template: Template, name: str, value: str) -> bool:
    return rule_of(template, name)(value)


def test_a_parameter_is_text_so_that_its_pattern_holds(template: Template) -> None:
    """CloudFormation's Number takes 1.5 and ignores a pattern."""
    assert {rule["Type"] for rule in template["Parameters"].values()} == {"String"}


@pytest.mark.parametrize(("name", "bounds"), NUMBERS.items())
def test_a_whole_number_is_one_within_its_bounds(
    template: Template, name: str, bounds: tuple[int, int]
) -> None:
    least, most = bounds
    taken_by_rule = rule_of(template, name)  # asked a million times
    taken = [n for n in range(most + 1000) if taken_by_rule(str(n))]
    assert taken == list(range(least, most + 1))
    assert f"from {least} to {most}" in template["Parameters"][name]["ConstraintDescription"]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "form", ["{}.5", "{}.0", "0{}", "+{}", "-{}", " {}", "{} ", "{}e0", "{}\n"]
)
def test_a_whole_number_has_one_spelling(template: Template, name: str, form: str) -> None:
    default = template["Parameters"][name]["Default"]
    assert takes(template, name, default)
    assert not takes(template, name, form.format(default))


@pytest.mark.parametrize(
    "branch", ["main", "feature/x-1", "v1.2", "a_b", "a" * 39, "a" * 41, "a" * 100]
)
def test_a_branch_that_git_and_codecommit_take_is_taken(template: Template, branch: str) -> None:
    assert takes(template, "BranchName", branch)


@pytest.mark.parametrize(
    "branch",
    [
        *("", "a" * 101, "0123456789abcdef0123456789abcdef01234567", "A" * 40, "HEAD", "@"),
        *("a..b", "a//b", "a/.b", "a/", "a.", "/a", ".a", "-a"),
        *("x.lock", "x.lock/y", "a b", "a@{b", "a~b", "a:b", "a?", "a*", "a[b", "a^b", "a\\b"),
    ],
)
def test_a_branch_that_git_or_codecommit_forbids_is_refused(
    template: Template, branch: str
) -> None:
    """Quotas in AWS CodeCommit, "Branch names"; git-check-ref-format."""
    assert not takes(template, "BranchName", branch)


@pytest.mark.parametrize("name", ["TrainingInstanceType", "EndpointInstanceType"])
@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        *(("ml.m5.xlarge", True), ("ml.g4dn.xlarge", True), ("ml.c7i-flex.large", True)),
        *(("ml.c6gn.large", False), ("ml.r8g.large", False), ("ml.p6e-gb200.36xlarge", False)),
        *(("m5.xlarge", False), ("ml.m5", False), ("ML.M5.XLARGE", False)),
    ],
)
def test_the_image_gets_a_machine_that_can_start_it(
    template: Template, name: str, kind: str, taken: bool
) -> None:
    """Graviton and Grace are arm64 (Accelerated computing, EC2 Instance Types)."""
    assert takes(template, name, kind) is taken


@pytest.mark.parametrize(
    ("image", "taken"),
    [
        *(("python", True), ("python:3.11-slim-bookworm", True), ("a/b_c__d/e.f-g:1", True)),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/base:1", True),
        ("mirror:5000/python@sha256:" + "0" * 64, True),
        *(("https://mirror/python", False), ("python:", False), ("a/Python", False)),
        *(("python:3:11", False), ("a//b", False), ("/python", False), ("python@sha256:0", False)),
        *(("python 3", False), ("a$b", False), ("", False), ("python/", False)),
    ],
)
def test_a_base_image_is_what_docker_can_pull(template: Template, image: str, taken: bool) -> None:
    assert takes(template, "BaseImage", image) is taken


@pytest.mark.parametrize(
    ("region", "email", "refused"),
    [
        ("eu-west-1", "a@example.com", ""),
        ("cn-north-1", "a@example.com", ""),
        ("eu-north-1", "a@example.com", "region has no budgets"),
        ("us-gov-west-1", "a@example.com", "region has no budgets"),
        ("eu-west-1", "", "writes to NotificationEmail"),
    ],
)
def test_a_budget_is_launched_only_where_there_are_some_and_somebody_reads_it(
    template: Template, region: str, email: str, refused: str
) -> None:
    given = {"MonthlyBudget": "50", "NotificationEmail": email, "BootstrapBucket": "seed"}
    scope = scope_of(template, region, given)
    with pytest.raises(TemplateError, match=refused) if refused else nullcontext():
        check_rules(scope)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"CapturePercent": "20"}, ""),
        ({}, "set CapturePercent"),
        ({"CapturePercent": "20", "EndpointKind": "Serverless"}, "captures nothing"),
    ],
)
def test_who_looks_for_drift_captures_requests(
    template: Template, given: dict[str, str], refused: str
) -> None:
    asked = {"DriftSchedule": "cron(0 4 * * ? *)", "BootstrapBucket": "seed", **given}
    with pytest.raises(TemplateError, match=refused) if refused else nullcontext():
        check_rules(scope_of(template, "eu-west-1", asked))


@pytest.mark.parametrize(
    "time",
    [
        *("cron(0 3 ? * SUN *)", "cron(0 4 * * ? *)", "cron(*/15 9-17 ? * MON-FRI *)"),
        *("cron(0,30 8,20 1 1,7 ? 2027)", "cron(0 0 L * ? *)", "cron(0 12 ? * 2#1 *)"),
        *("cron(0 0 15W JAN-JUN ? 2027-2030)", "cron(5/10 8 ? * 6L *)", "cron(0 0 1/2 * ? *)"),
    ],
)
def test_a_time_that_the_scheduler_takes_is_taken(template: Template, time: str) -> None:
    assert parse_schedule(time, ZoneInfo("UTC"), datetime.now(UTC))
    assert takes(template, "RetrainSchedule", time)


@pytest.mark.parametrize(
    "time",
    [
        # Both days, neither day; no such time; five fields; another form
        *("cron(0 3 * * * *)", "cron(0 3 ? * ? *)", "cron(61 3 ? * SUN *)"),
        *("cron(0 24 ? * SUN *)", "cron(0 3 * * ?)", "rate(1 day)", "cron(0 3 ? * sun *)"),
        *("cron(0 3 ? * SUND *)", "cron(0 3 ? * 8 *)", "cron(0 3 32 * ? *)", "cron(0 3 1 13 ? *)"),
    ],
)
def test_a_time_that_the_scheduler_would_refuse_is_refused(template: Template, time: str) -> None:
    for name in ("RetrainSchedule", "DriftSchedule"):
        assert not takes(template, name, time)


@pytest.mark.parametrize("region", sorted(boto3.Session().get_available_regions("cloudformation")))
def test_a_region_without_budgets_never_sees_the_type(template: Template, region: str) -> None:
    """As CloudFormation's published schemas have it, whatever is asked for."""
    try:
        PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, "AWS::Budgets::Budget")
        here = True
    except ResourceNotFoundError:
        here = False
    given = {"MonthlyBudget": "50", "NotificationEmail": "a@b.c", "BootstrapBucket": "seed"}
    scope = scope_of(template, region, given)
    assert scope.calls_for(template["Resources"]["Budget"]) is here
    none = scope_of(template, region, {**given, "MonthlyBudget": "0"})
    assert not none.calls_for(template["Resources"]["Budget"])


@pytest.mark.parametrize(
    ("region", "kind", "taken"),
    [
        ("eu-west-1", "Serverless", True),
        ("cn-north-1", "RealTime", True),
        ("cn-north-1", "Serverless", False),
        ("us-gov-west-1", "Serverless", False),
    ],
)
def test_a_serverless_endpoint_is_launched_only_where_there_is_one(
    template: Template, region: str, kind: str, taken: bool
) -> None:
    """By the template's own rule: a launch in the console knows no script."""
    scope = scope_of(template, region, {"EndpointKind": kind, "BootstrapBucket": "seed"})
    with nullcontext() if taken else pytest.raises(TemplateError, match="EndpointKind to RealTime"):
        check_rules(scope)
