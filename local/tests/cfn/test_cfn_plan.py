import json
from typing import Any

import pytest

from local.cfn.functions import Scope
from local.cfn.plan import Plan, check_rules
from local.cfn.template import Template, TemplateError, parse


def template(**sections: Any) -> Template:
    return parse(json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, **sections}))


def resolved(parameter: dict[str, Any], given: str | None) -> Any:
    declared = template(Parameters={"Size": parameter})
    plan = Plan.of(declared, {} if given is None else {"Size": given})
    return plan.values()["Size"]


@pytest.mark.parametrize(
    ("parameter", "given", "result"),
    [
        ({"Type": "String", "Default": "d"}, None, "d"),
        ({"Type": "String", "Default": False}, None, "false"),
        ({"Type": "String", "Default": "d"}, "", ""),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "2.5", "2.5"),
        ({"Type": "CommaDelimitedList"}, "a, b ,c", ["a", "b", "c"]),
        ({"Type": "CommaDelimitedList", "Default": ""}, None, []),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "vpc-1"),
        ({"Type": "String", "AllowedValues": [True, 1]}, "true", "true"),
    ],
)
def test_a_parameter_gives_what_ref_gives(parameter: Any, given: Any, result: Any) -> None:
    assert resolved(parameter, given) == result


@pytest.mark.parametrize(
    ("parameter", "given", "problem"),
    [
        ({"Type": "String"}, None, r"Parameters: \[Size\] must have values"),
        ({"Type": "String", "AllowedValues": ["a"]}, "b", "'Size' must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "a1", r"'Size' must match pattern \[a-z"),
        ({"Type": "String", "AllowedPattern": "(("}, "a", "'Size' has an AllowedPattern that"),
        ({"Type": "String", "MinLength": "2"}, "a", "'Size' must contain at least 2 characters"),
        ({"Type": "String", "MaxLength": 2}, "abc", "'Size' must contain at most 2 characters"),
        ({"Type": "Number"}, "many", "'Size' must be a number"),
        ({"Type": "Number"}, "nan", "'Size' must be a number"),
        ({"Type": "Number", "MinValue": 2}, "1", "'Size' must be a number not less than 2"),
        ({"Type": "Number", "MaxValue": 2}, "3", "'Size' must be a number not greater than 2"),
        ({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]"}, "a,1", "'Size' must match"),
        ({"Type": "Strin"}, "a", r"Unrecognized parameter type: Strin \(Size\)"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "a", "'Size': the type .* not supported"),
        (
            {"Type": "Number", "MaxValue": 2, "ConstraintDescription": "one or two"},
            "3",
            "Parameter Size failed to satisfy constraint: one or two",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_the_parameters_name(
    parameter: Any, given: Any, problem: str
) -> None:
    with pytest.raises(TemplateError, match=problem):
        resolved(parameter, given)


def test_a_parameter_that_the_template_does_not_have_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Parameters: \[Sise\] do not exist in the template"):
        Plan.of(template(), {"Sise": "1"})


RULES = {
    "Gpu": {
        "RuleCondition": {"Fn::Equals": [{"Ref": "Kind"}, "gpu"]},
        "Assertions": [
            {
                "Assert": {"Fn::Contains": [["p3", "g5"], {"Ref": "Size"}]},
                "AssertDescription": "a GPU needs p3 or g5",
            },
            {"Assert": {"Fn::Not": [{"Fn::EachMemberEquals": [{"Ref": "Zones"}, "a"]}]}},
            {"Assert": {"Fn::EachMemberIn": [{"Ref": "Zones"}, ["a", "b"]]}},
        ],
    }
}


def rules_hold(**parameters: Any) -> None:
    check_rules(Scope(template(Rules=RULES), {"Zones": ["a", "b"], **parameters}, {}))


def test_a_rule_that_holds_lets_pass() -> None:
    rules_hold(Kind="gpu", Size="g5")


def test_a_rule_whose_condition_is_not_met_asks_nothing() -> None:
    rules_hold(Kind="cpu", Size="m5")


def test_a_broken_rule_is_refused_in_its_own_words() -> None:
    with pytest.raises(TemplateError, match="rule Gpu failed: a GPU needs p3 or g5"):
        rules_hold(Kind="gpu", Size="m5")


@pytest.mark.parametrize("zones", [["a", "a"], ["a", "c"]])
def test_a_rule_judges_every_member_of_a_list(zones: list[str]) -> None:
    with pytest.raises(TemplateError, match="rule Gpu failed"):
        rules_hold(Kind="gpu", Size="g5", Zones=zones)
