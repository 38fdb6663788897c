"""A bad parameter is refused before AWS hears of it."""

from typing import Any

import pytest

from scripts.parameters import check, declared, fault, for_change_set, parse
from scripts.session import Problem

TEMPLATE = """
Parameters:
  ProjectName: {Type: String, Default: mlops, AllowedPattern: "[a-z](-?[a-z0-9]){1,23}",
    ConstraintDescription: 2 to 24 lower-case letters or digits}
  MinimumAccuracy: {Type: Number, Default: 0.6, MinValue: 0, MaxValue: 1}
  NotebookEnabled: {Type: String, Default: 'false', AllowedValues: ['false', 'true']}
  EndpointInstanceType: {Type: String, AllowedValues: [ml.m5.large, ml.c5.large], Default: x}
  BootstrapBucket: {Type: String, MinLength: 3}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub '${ProjectName}-x', Tags: !If [A, [], []]}
"""


@pytest.fixture
def known() -> dict[str, dict[str, Any]]:
    return declared(TEMPLATE)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ProjctName=x", r"no parameter ProjctName: did you mean ProjectName\?"),
        ("ProjectName=" + "x" * 25, r"ProjectName=x{25}: 2 to 24 lower-case"),
        ("MinimumAccuracy=high", "MinimumAccuracy=high: must be a number"),
        ("MinimumAccuracy=nan", "MinimumAccuracy=nan: must be a number"),
        ("MinimumAccuracy=1.5", "must be at most 1"),
        ("NotebookEnabled=yes", "NotebookEnabled=yes: allowed are false, true"),
        ("EndpointInstanceType=ml.m5.lrage", r"did you mean ml\.m5\.large\?"),
        ("BootstrapBucket=x", "at least 3 characters"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name_and_the_reason(
    given: str, reason: str, known: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(Problem, match=reason):
        check(parse([given]), known)


def test_good_parameters_pass(known: dict[str, dict[str, Any]]) -> None:
    items = ["ProjectName=a-b", "MinimumAccuracy=0.75", "NotebookEnabled=true"]
    check(parse(items), known)


def test_a_value_may_hold_an_equals_sign() -> None:
    assert parse(["PipIndexUrl=https://x/?a=b"]) == {"PipIndexUrl": "https://x/?a=b"}


@pytest.mark.parametrize("item", ["ProjectName", "=x"])
def test_what_is_no_pair_is_refused(item: str) -> None:
    with pytest.raises(Problem, match="write Key=Value"):
        parse([item])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(Problem, match="A is given twice"):
        parse(["A=1", "A=2"])


def test_a_pattern_must_match_the_whole_value() -> None:
    assert fault("ab1!", {"Type": "String", "AllowedPattern": "[a-z0-9]+"})


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
