import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cfn.template import TemplateError
from local.cfn.work import reason
from local.tests.cfn.cloud import Cloud, deploy, plan, thing

ARN = {"Fn::GetAtt": ["First", "Arn"]}


def test_a_stack_is_created_in_order_with_its_outputs() -> None:
    made = deploy(
        plan(
            {"Second": thing(Name="b", Color=ARN), "First": thing(Name="a", Size="3")},
            Outputs={"Color": {"Value": {"Fn::Sub": "${First}-${First.Arn}"}}},
        )
    )
    assert made.statuses() == [
        "demo CREATE_IN_PROGRESS",
        "First CREATE_IN_PROGRESS",
        "First CREATE_COMPLETE",
        "Second CREATE_IN_PROGRESS",
        "Second CREATE_COMPLETE",
        "demo CREATE_COMPLETE",
    ]
    assert made.cloud.things == {
        "a": {"Name": "a", "Size": 3},
        "b": {"Name": "b", "Color": "arn:a"},
    }
    assert made.stack.outputs["Color"]["OutputValue"] == "a-arn:a"


def test_a_resource_without_a_name_is_named_after_stack_and_logical_id() -> None:
    made = deploy(plan({"Thing": thing()}))
    assert re.fullmatch(r"demo-Thing-[A-Z0-9]{12}", made.resource("Thing").id)


def test_a_failed_creation_leaves_nothing_behind() -> None:
    made = deploy(plan({"First": thing(Name="a"), "Second": thing(Name="b", Color="broken")}))
    assert made.cloud.things == {}
    assert made.stack.status == "ROLLBACK_COMPLETE"
    assert "the paint is off" in made.reason("CREATE_FAILED")
    assert made.reason("ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to create: [Second]. Rollback requested by user."
    )
    assert made.statuses()[-5:] == [
        "Second DELETE_IN_PROGRESS",
        "Second DELETE_COMPLETE",
        "First DELETE_IN_PROGRESS",
        "First DELETE_COMPLETE",
        "demo ROLLBACK_COMPLETE",
    ]


def test_a_failed_creation_keeps_what_is_retained() -> None:
    first = thing(Name="a", _DeletionPolicy="Retain")
    second = thing(Name="c", _DeletionPolicy="RetainExceptOnCreate")
    made = deploy(
        plan({"A": first, "B": second, "C": thing(Color="broken", _DependsOn=["A", "B"])})
    )
    assert list(made.cloud.things) == ["a"]
    assert "A DELETE_SKIPPED" in made.statuses()


def test_a_failed_creation_is_left_as_it_is_if_asked() -> None:
    wanted = plan({"First": thing(Name="a"), "Second": thing(Color="broken", _DependsOn="First")})
    made = deploy(wanted, on_failure="DO_NOTHING")
    assert made.stack.status == "CREATE_FAILED"
    assert made.resource("Second").status == "CREATE_FAILED"
    assert "a" in made.cloud.things


def test_a_name_that_is_taken_is_told_and_the_other_thing_stays() -> None:
    cloud = Cloud({"a": {"Color": "foreign"}})
    made = deploy(plan({"First": thing(Name="a")}), cloud)
    assert made.stack.status == "ROLLBACK_COMPLETE"
    assert made.reason("CREATE_FAILED") == "a already exists"
    assert cloud.things == {"a": {"Color": "foreign"}}


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Sise": "1"}, r"validation failed for resource First with message: .*key \[Sise\]"),
        ({"Size": "big"}, "#/Size: expected type: Integer, found: String"),
        ({"Unheard": "of"}, "Property Unheard of Test::Thing is not supported by the local"),
    ],
)
def test_a_property_that_cannot_be_applied_fails_the_resource(
    properties: dict[str, str], reason: str
) -> None:
    made = deploy(plan({"First": thing(**properties)}))
    assert made.stack.status == "ROLLBACK_COMPLETE"
    assert re.search(reason, made.reason("CREATE_FAILED"))
    assert made.cloud.calls == []


def test_a_reason_is_one_line_however_much_a_service_says() -> None:
    told = {"Code": "InvalidDefinition", "Message": "no such state\n" + 700 * "  {a: b}\n"}
    answer: Any = {"Error": told, "ResponseMetadata": {"HTTPStatusCode": 400}}
    said = reason(ClientError(answer, "CreateStateMachine"))
    assert said.startswith('Resource handler returned message: "no such state {a: b} {a: b}')
    assert said.endswith(
        '… (InvalidDefinition; Status Code: 400)" (HandlerErrorCode: InvalidRequest)'
    )
    assert len(said.split('"')[1]) == 1024  # RecordHandlerProgress, "StatusMessage"
    assert "\n" not in said


def test_an_update_touches_only_what_changed() -> None:
    made = deploy(plan({"First": thing(Name="a"), "Second": thing(Name="b", Size=1)}))
    made.cloud.calls.clear()
    made.update({"First": thing(Name="a"), "Second": thing(Name="b", Size=2)})
    assert made.cloud.calls == ["update Second"]
    assert made.stack.status == "UPDATE_COMPLETE"
    assert made.cloud.things["b"]["Size"] == 2


def test_an_update_removes_and_adds() -> None:
    made = deploy(plan({"First": thing(Name="a")}))
    made.update({"Second": thing(Name="b")})
    assert list(made.cloud.things) == ["b"]
    assert list(made.stack.resources) == ["Second"]
    assert made.statuses()[-4:] == [
        "demo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "First DELETE_IN_PROGRESS",
        "First DELETE_COMPLETE",
        "demo UPDATE_COMPLETE",
    ]


def test_a_replacement_is_made_before_the_old_one_goes() -> None:
    made = deploy(plan({"First": thing(Name="a"), "User": thing(Name="u", Color=ARN)}))
    made.cloud.calls.clear()
    made.update({"First": thing(Name="b"), "User": thing(Name="u", Color=ARN)})
    assert made.cloud.calls == ["create First", "update User", "delete First"]
    assert made.cloud.things == {"b": {"Name": "b"}, "u": {"Name": "u", "Color": "arn:b"}}


def test_a_replaced_resource_stays_if_its_policy_says_so() -> None:
    made = deploy(plan({"First": thing(Name="a", _UpdateReplacePolicy="Retain")}))
    made.update({"First": thing(Name="b", _UpdateReplacePolicy="Retain")})
    assert list(made.cloud.things) == ["a", "b"]
    assert "First DELETE_SKIPPED" in made.statuses()


def test_a_named_resource_cannot_be_replaced_under_its_name() -> None:
    made = deploy(plan({"First": thing(Name="a", Fixed="x")}))
    made.update({"First": thing(Name="a", Fixed="y")})
    assert made.stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "custom-named resource requires replacing. Rename a and" in made.reason("UPDATE_FAILED")
    assert made.cloud.things["a"]["Fixed"] == "x"


def test_a_failed_update_restores_everything() -> None:
    before = {
        "Changed": thing(Name="c", Size=1),
        "Replaced": thing(Name="r"),
        "Removed": thing(Name="gone"),
        "Halfway": thing(Name="h", Color="red", _DependsOn=["Changed", "Replaced"]),
    }
    output = {"Name": {"Value": {"Ref": "Replaced"}}}
    made = deploy(plan(before, Outputs=output))
    things = dict(made.cloud.things)
    after = {
        "Added": thing(Name="new"),
        "Changed": thing(Name="c", Size=2),
        "Replaced": thing(Name="r2"),
        "Halfway": thing(Name="h", Color="broken", _DependsOn=["Changed", "Replaced", "Added"]),
    }
    made.update(after, Outputs=output)
    assert made.stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert made.cloud.things == things
    assert {r.logical: r.id for r in made.stack.resources.values()} == {
        "Changed": "c",
        "Replaced": "r",
        "Removed": "gone",
        "Halfway": "h",
    }
    assert made.stack.outputs["Name"]["OutputValue"] == "r"
    assert made.stack.plan.template.resources == before
    made.update(before, Outputs=output)
    assert made.stack.status == "UPDATE_COMPLETE"


def test_an_update_that_cannot_be_checked_changes_nothing() -> None:
    made = deploy(plan({"First": thing(Name="a")}))
    made.update({"First": {"Type": "Test::Unbuilt"}})
    assert made.stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert list(made.cloud.things) == ["a"]


def test_deletion_goes_backwards_and_keeps_what_is_retained() -> None:
    first = thing(Name="a", _DeletionPolicy="Retain")
    made = deploy(plan({"User": thing(Name="u", Color=ARN), "First": first}))
    made.deployment().delete()
    assert made.statuses()[-5:] == [
        "demo DELETE_IN_PROGRESS",
        "User DELETE_IN_PROGRESS",
        "User DELETE_COMPLETE",
        "First DELETE_SKIPPED",
        "demo DELETE_COMPLETE",
    ]
    assert list(made.cloud.things) == ["a"]


def test_a_resource_that_will_not_go_can_be_retained_in_a_second_deletion() -> None:
    made = deploy(plan({"First": thing(Name="a", Color="stuck"), "Second": thing(Name="b")}))
    made.deployment().delete()
    assert made.stack.status == "DELETE_FAILED"
    assert made.stack.reason == "The following resource(s) failed to delete: [First]."
    assert list(made.stack.resources) == ["First"]
    made.deployment().delete(frozenset({"First"}))
    assert made.stack.status == "DELETE_COMPLETE"
    assert list(made.cloud.things) == ["a"]


def test_the_tags_of_a_stack_reach_its_resources() -> None:
    wanted = plan({"First": thing(Name="a", Tags=[{"Key": "own", "Value": "1"}])})
    made = deploy(type(wanted)(wanted.template, {}, tags={"team": "x", "own": "no"}))
    assert made.cloud.things["a"]["Tags"] == [
        {"Key": "own", "Value": "1"},
        {"Key": "team", "Value": "x"},
    ]


def test_only_a_live_resource_needs_a_type_that_can_be_made() -> None:
    off = {"On": {"Fn::Equals": ["a", "b"]}}
    unbuilt = {"Type": "Test::Unbuilt", "Condition": "On"}
    made = deploy(plan({"First": thing(Name="a"), "Other": unbuilt}, Conditions=off))
    assert made.stack.status == "CREATE_COMPLETE"
    made = deploy(plan({"Other": {"Type": "Test::Unbuilt"}}))
    assert "Resource type Test::Unbuilt is not supported" in made.reason("ROLLBACK_IN_PROGRESS")


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ({"A": {"Type": "Test::Nope"}}, r"Unrecognized resource types: \[Test::Nope\]"),
        (
            {"First": thing(), "B": thing(Color={"Fn::GetAtt": ["First", "Weight"]})},
            "resource First does not support attribute type Weight in Fn::GetAtt",
        ),
    ],
)
def test_what_cloudformation_checks_first_stops_before_any_resource(
    resources: dict[str, object], problem: str
) -> None:
    made = deploy(plan(resources))
    assert re.search(problem, made.reason("ROLLBACK_IN_PROGRESS"))
    assert made.cloud.calls == []


def test_a_missing_parameter_is_told_before_there_is_a_plan() -> None:
    with pytest.raises(TemplateError, match=r"Parameters: \[Size\] must have values"):
        plan({"First": thing()}, Parameters={"Size": {"Type": "Number"}})
