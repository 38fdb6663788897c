import pytest
from awacs import s3

from templates.asl import Step, catch, join, retry, states, task
from templates.iam import allow, policy

END = Step("End", {"Type": "Succeed"})


def step(name: str, then: str) -> Step:
    return Step(name, {"Type": "Pass", "Next": then})


def test_a_joint_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="Nowhere, which does not exist"):
        states([step("Start", "Nowhere")])


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Lost"}]},
        {"Type": "Choice", "Choices": [], "Default": "Lost"},
        {"Type": "Task", "Catch": [catch("Lost")], "Next": "End"},
    ],
)
def test_every_way_to_leave_a_state_is_checked(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Lost"):
        states([Step("Start", state), END])


def test_a_state_that_nothing_leads_to_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no state leads to \['Island'\]"):
        states([step("Start", "End"), END, step("Island", "End")])


def test_two_states_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        states([step("Start", "Start"), step("Start", "Start")])


def test_a_token_needs_a_value_and_a_value_a_use() -> None:
    with pytest.raises(ValueError, match="Bucket"):
        join("test", [Step("Start", {"Type": "Succeed", "Comment": "${Bucket}"})])
    with pytest.raises(ValueError, match="Bucket"):
        join("test", [Step("Start", {"Type": "Succeed"}, tokens={"Bucket": "b"})])


def test_two_steps_cannot_give_a_token_two_values() -> None:
    first = Step("Start", {"Type": "Pass", "Comment": "${A}", "Next": "End"}, tokens={"A": "1"})
    last = Step("End", {"Type": "Succeed", "Comment": "${A}"}, tokens={"A": "2"})
    with pytest.raises(ValueError, match="another value"):
        join("test", [first, last])


def test_a_task_is_one_token_so_that_every_partition_works() -> None:
    call = task(
        "Call",
        "states:startExecution.sync:2",
        {},
        then="End",
        caught_by=[catch("End")],
        retried=[retry("X")],
    )
    assert call.state["Resource"] == "${StartExecution}"
    value = call.tokens["StartExecution"].to_dict()["Fn::Sub"]
    assert value == "arn:${AWS::Partition}:states:::states:startExecution.sync:2"


def test_one_sid_with_two_meanings_is_refused() -> None:
    one, other = allow("Read", [s3.GetObject], ["a"]), allow("Read", [s3.GetObject], ["b"])
    with pytest.raises(ValueError, match="Read"):
        policy("Work", [one, other])
    assert len(policy("Work", [one, one]).PolicyDocument.Statement) == 1
