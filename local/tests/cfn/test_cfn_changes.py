from typing import Any

import pytest

from local.cfn.changes import forecast
from local.tests.cfn.cloud import Deployed, deploy, plan, thing

PARAMETERS = {"Size": {"Type": "Number", "Default": 1}}
SIZED = thing(Name="a", Size={"Ref": "Size"})


def changes(made: Deployed, resources: dict[str, Any], **rest: Any) -> tuple[dict[str, Any], bool]:
    wanted = plan(resources, **rest)
    found, changed = forecast(wanted, made.stack, made.cloud.types())
    return {change["LogicalResourceId"]: change for change in found}, changed


def test_the_same_template_changes_nothing() -> None:
    made = deploy(plan({"First": SIZED}, Parameters=PARAMETERS))
    assert changes(made, {"First": SIZED}, Parameters=PARAMETERS) == ({}, False)


def test_a_parameter_that_comes_to_the_same_changes_nothing() -> None:
    made = deploy(plan({"First": thing(Name="a", Size=1)}))
    assert changes(made, {"First": SIZED}, Parameters=PARAMETERS) == ({}, False)


def test_an_output_alone_is_a_change_without_resources() -> None:
    made = deploy(plan({"First": thing(Name="a")}))
    outputs = {"Name": {"Value": {"Ref": "First"}}}
    assert changes(made, {"First": thing(Name="a")}, Outputs=outputs) == ({}, True)


def test_additions_and_removals_are_told() -> None:
    made = deploy(plan({"Old": thing(Name="a")}))
    found, _ = changes(made, {"New": thing(Name="b")})
    assert {name: change["Action"] for name, change in found.items()} == {
        "New": "Add",
        "Old": "Remove",
    }


def test_a_change_tells_its_property_and_its_source() -> None:
    made = deploy(plan({"First": SIZED}, Parameters=PARAMETERS))
    found, _ = changes(made, {"First": SIZED}, given={"Size": "2"}, Parameters=PARAMETERS)
    change = found["First"]
    assert (change["Action"], change["Replacement"]) == ("Modify", "False")
    assert change["Scope"] == ["Properties"]
    (detail,) = change["Details"]
    assert detail["Target"]["Name"] == "Size"
    assert detail["ChangeSource"] == "ParameterReference"


def test_a_replacement_is_told_and_what_depends_on_it_may_follow() -> None:
    reference = {"Ref": "First"}
    made = deploy(
        plan(
            {
                "First": thing(Name="a"),
                "Bound": thing(Name="b", Fixed=reference),
                "Loose": thing(Name="c", Color=reference),
            }
        )
    )
    found, _ = changes(
        made,
        {
            "First": thing(Name="a2"),
            "Bound": thing(Name="b", Fixed=reference),
            "Loose": thing(Name="c", Color=reference),
        },
    )
    assert {name: change["Replacement"] for name, change in found.items()} == {
        "First": "True",
        "Bound": "Conditional",
        "Loose": "False",
    }
    assert found["Loose"]["Details"][0]["Evaluation"] == "Dynamic"


@pytest.mark.parametrize(
    ("policy", "action"),
    [("Delete", "Delete"), ("Retain", "Retain"), ("RetainExceptOnCreate", "Retain")],
)
def test_a_removal_tells_what_becomes_of_the_resource(policy: str, action: str) -> None:
    made = deploy(plan({"Old": thing(Name="a", _DeletionPolicy=policy)}))
    found, _ = changes(made, {"New": thing(Name="b")})
    assert found["Old"]["PolicyAction"] == action


def test_a_replacement_tells_what_becomes_of_the_old_resource() -> None:
    kept = {"_UpdateReplacePolicy": "Retain"}
    made = deploy(plan({"Kept": thing(Name="a", **kept), "Gone": thing(Name="b")}))
    found, _ = changes(made, {"Kept": thing(Name="a2", **kept), "Gone": thing(Name="b2")})
    assert {name: change["PolicyAction"] for name, change in found.items()} == {
        "Kept": "ReplaceAndRetain",
        "Gone": "ReplaceAndDelete",
    }


def test_a_deletion_policy_is_a_change() -> None:
    made = deploy(plan({"First": thing(Name="a")}))
    found, changed = changes(made, {"First": thing(Name="a", _DeletionPolicy="Retain")})
    assert changed
    assert found["First"]["Scope"] == ["DeletionPolicy"]
