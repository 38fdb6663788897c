"""What `join` makes of a story, and how it says what does not join."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from awacs import s3, sns
from awacs.aws import Action
from troposphere.iam import Role

from templates.kit.iam import allow, policy
from templates.workflows.joining import join, needed
from templates.workflows.language import (
    Below,
    Step,
    Way,
    catch,
    check,
    choose,
    each,
    end,
    equals,
    put,
    task,
    when,
)

YES = equals("$.yes", True)


def say(name: str, then: Way = None) -> Step:
    return put(name, "$.said", {"it": name}, then=then)


def call(name: str, actions: Sequence[Action] = (sns.Publish,), **more: Any) -> Step:
    more = {"caught": [catch("Lost")], **more}
    grants = [allow("Publish", actions, ["*"])]
    return task(name, "sns:publish", {}, grants=grants, at="$.answer", **more)


def states(story: list[Step]) -> dict[str, Any]:
    joined: dict[str, Any] = json.loads(join("test", story).definition)["States"]
    return joined


# ---- the order of a list is what happens


def test_a_step_that_names_no_way_on_goes_to_the_step_below() -> None:
    joined = states([say("First"), say("Second"), end("End")])
    assert [state.get("Next") for state in joined.values()] == ["Second", "End", None]


def test_an_inserted_step_is_on_the_way() -> None:
    before = [check("Check", YES, otherwise=[say("Refuse", "End")]), say("Last"), end("End")]
    joined = states([before[0], say("Inserted"), *before[1:]])
    assert joined["Check"]["Choices"][0]["Next"] == "Inserted"
    assert joined["Inserted"]["Next"] == "Last"


def test_a_side_way_stands_behind_its_step_and_comes_back_below_it() -> None:
    aside = [say("Aside"), say("Further")]
    joined = states([choose("Choose", when(YES), otherwise=aside), say("Below"), end("End")])
    assert list(joined) == ["Choose", "Aside", "Further", "Below", "End"]
    assert joined["Choose"]["Choices"][0]["Next"] == "Below"
    assert joined["Choose"]["Default"] == "Aside"
    assert (joined["Aside"]["Next"], joined["Further"]["Next"]) == ("Further", "Below")


def test_a_side_way_of_a_side_way_comes_back_to_the_story() -> None:
    inner = choose("Inner", when(YES), otherwise=[say("Deepest")])
    joined = states([choose("Outer", when(YES), otherwise=[inner]), say("Below"), end("End")])
    assert list(joined) == ["Outer", "Inner", "Deepest", "Below", "End"]
    assert joined["Inner"]["Choices"][0]["Next"] == joined["Deepest"]["Next"] == "Below"


def test_a_side_way_may_come_back_further_down() -> None:
    aside = [say("Aside", then=Below("Second"))]
    story = [call("First", caught=[catch(aside)]), say("Second"), say("Third"), end("End")]
    assert states(story)["Aside"]["Next"] == "Third"
    inserted = [*story[:2], say("Inserted"), *story[2:]]
    assert states(inserted)["Aside"]["Next"] == "Inserted"


def test_an_error_has_a_side_way_too() -> None:
    joined = states([call("Call", caught=[catch([say("Mend")])]), say("Below"), end("End")])
    assert joined["Call"]["Catch"][-1]["Next"] == "Mend"
    assert joined["Mend"]["Next"] == "Below"


def test_the_inside_of_an_each_is_a_story_of_its_own() -> None:
    many = each("Each", "$.all", {}, [say("One"), end("Done")], at="$.done", caught=[])
    joined = states([many, end("End")])
    inside = joined["Each"]["ItemProcessor"]
    assert inside["StartAt"] == "One"
    assert inside["States"]["One"]["Next"] == "Done"
    assert list(joined) == ["Each", "End"]


# ---- what is refused


def test_a_step_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="Start leads to Nowhere, which does not exist"):
        join("test", [say("Start", "Nowhere")])


@pytest.mark.parametrize(
    "lost",
    [
        choose("Start", when(YES, "Lost"), otherwise="End"),
        choose("Start", when(YES, "End"), otherwise="Lost"),
        call("Start"),
        each("Start", "$.all", {}, [end("One")], at="$.x", caught=[catch("Lost")], then="End"),
    ],
)
def test_every_way_to_leave_a_step_is_checked(lost: Step) -> None:
    with pytest.raises(ValueError, match="Start leads to Lost, which does not exist"):
        join("test", [lost, end("End")])


def test_a_step_inside_an_each_does_not_lead_out_of_it() -> None:
    with pytest.raises(ValueError, match="One leads to End, which does not exist"):
        join(
            "test",
            [each("Each", "$.all", {}, [say("One", "End")], at="$.x", caught=[]), end("End")],
        )


def test_what_ends_an_item_ends_the_run_in_words_unless_it_is_caught() -> None:
    many = each("Each", "$.all", {}, [end("Done")], at="$.x")
    with pytest.raises(ValueError, match="Each leads to HasCause, which does not exist"):
        join("test", [many, end("End")])


def test_an_integration_whose_errors_nobody_has_named_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="which errors of lambda may pass by themselves"):
        task("Call", "lambda:invoke", {}, grants=[], at=None)
    named = task("Call", "lambda:invoke", {}, grants=[], at=None, retried=["Lambda.X"])
    assert named.state["Retry"][0]["ErrorEquals"] == ["Lambda.X"]


def test_a_story_that_does_not_end_is_refused() -> None:
    with pytest.raises(ValueError, match="Last goes on to the step below Last, and there is none"):
        join("test", [say("First"), say("Last")])


def test_a_step_that_is_never_reached_is_refused_with_the_step_that_goes_past_it() -> None:
    with pytest.raises(ValueError, match="no step leads to Island: Start above it goes another"):
        join("test", [say("Start", "End"), say("Island"), end("End")])


def test_a_story_that_goes_round_for_ever_is_refused() -> None:
    with pytest.raises(ValueError, match="no way leads from First to an end"):
        join("test", [say("First"), say("Second", "First")])


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two steps are called Start"):
        join("test", [say("Start"), say("Start"), end("End")])


def test_a_token_that_only_another_step_brings_is_borrowed() -> None:
    bringing = put("Bring", "$.a", {"a": "${Bucket}"}, tokens={"Bucket": "b"})
    using = put("Use", "$.b", {"b": "${Bucket}"})
    with pytest.raises(ValueError, match=r"Use uses \$\{Bucket\} and brings no value for it"):
        join("test", [bringing, using, end("End")])


def test_a_token_that_a_step_inside_an_each_borrows_is_refused_too() -> None:
    inside = [put("Use", "$.b", {"b": "${Bucket}"}), end("Done")]
    bringing = put("Bring", "$.a", {"a": "${Bucket}"}, tokens={"Bucket": "b"})
    with pytest.raises(ValueError, match=r"Use uses \$\{Bucket\} and brings no value for it"):
        join("test", [bringing, each("Each", "$.all", {}, inside, at="$.x", caught=[]), end("End")])


def test_an_each_brings_the_tokens_of_its_own_fields_itself() -> None:
    inside = [put("Use", "$.b", {"b": "${B}"}, tokens={"B": "b"}), end("Done")]
    item = {"item": "${B}"}
    borrowing = each("Each", "$.all", item, inside, at="$.x", caught=[])
    with pytest.raises(ValueError, match=r"Each uses \$\{B\} and brings no value for it"):
        join("test", [borrowing, end("End")])
    bringing = each("Each", "$.all", item, inside, at="$.x", caught=[], tokens={"B": "b"})
    join("test", [bringing, end("End")])


def test_a_token_without_use_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Start brings \$\{Bucket\} and does not use it"):
        join("test", [put("Start", "$.a", {}, tokens={"Bucket": "b"}), end("End")])


def test_two_steps_cannot_give_a_token_two_values() -> None:
    first = put("First", "$.a", {"a": "${A}"}, tokens={"A": "1"})
    second = put("Second", "$.b", {"b": "${A}"}, tokens={"A": "2"})
    with pytest.raises(ValueError, match=r"Second gives \$\{A\} another value"):
        join("test", [first, second, end("End")])


def test_a_call_whose_grant_only_another_step_brings_is_borrowed() -> None:
    told = [
        call("Call", caught=[catch("End")]),
        call("Again", [s3.GetObject], caught=[catch("End")]),
    ]
    with pytest.raises(ValueError, match="Again needs sns:Publish for its call"):
        join("test", [*told, end("End")])


def test_what_a_step_brings_reaches_the_workflow_from_wherever_it_stands() -> None:
    role = Role("HandedOn")
    inside = [call("Inside", caught=[catch("Done")], roles=[role]), end("Done")]
    aside = [put("Aside", "$.a", {"a": "${A}"}, tokens={"A": "1"})]
    story = [
        each("Each", "$.all", {}, inside, at="$.x", caught=[]),
        choose("Choose", when(YES), otherwise=aside),
        end("End"),
    ]
    workflow = join("test", story)
    assert [grant.Sid for grant in workflow.grants] == ["Publish"]
    assert workflow.roles == [role]
    assert workflow.substitutions.keys() == {"Publish", "A"}


# ---- calls


def test_a_call_is_one_token_so_that_every_partition_works() -> None:
    step = task("Call", "states:startExecution.sync:2", {}, grants=[], at=None)
    assert step.state["Resource"] == "${StartExecutionSync}"
    value = step.tokens["StartExecutionSync"].to_dict()["Fn::Sub"]
    assert value == "arn:${AWS::Partition}:states:::states:startExecution.sync:2"


@pytest.mark.parametrize(
    ("calls", "permissions"),
    [
        ("sns:publish", {"sns:Publish"}),
        ("aws-sdk:sagemaker:describeEndpoint", {"sagemaker:DescribeEndpoint"}),
        ("aws-sdk:s3:listObjectsV2", {"s3:ListBucket"}),
        (
            "sagemaker:createTrainingJob.sync",
            {
                "sagemaker:CreateTrainingJob",
                "events:PutTargets",
                "events:PutRule",
                "events:DescribeRule",
            },
        ),
    ],
)
def test_the_permission_that_a_call_needs_is_known(calls: str, permissions: set[str]) -> None:
    assert needed(calls) == permissions


def test_one_sid_with_two_meanings_is_refused() -> None:
    one, other = allow("Read", [s3.GetObject], ["a"]), allow("Read", [s3.GetObject], ["b"])
    with pytest.raises(ValueError, match="Read"):
        policy("Work", [one, other])
    assert len(policy("Work", [one, one]).PolicyDocument.Statement) == 1
