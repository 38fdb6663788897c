"""Every role and every policy of a resource, in each partition: enough, and nothing beyond it.

What is needed stands in needs_of_*.py, each line with who says so; what must be denied in wrong.py.
CONTRIBUTING.md says what to touch when a grant is added.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from local.authorization.evaluate import Statement, as_list
from tests.permissions.deployed import Call, Deployed, concerned, deploy
from tests.permissions.need import Need
from tests.permissions.needs import all_needs
from tests.permissions.wrong import ESCALATIONS, escalations, past_denials, wrong

# What is allowed although one thing about it is wrong: who, what was done, what is wrong, and why
EXCEPTIONS = {
    ("NotebookRole", "s3:ListBucket", "another s3:prefix"): "people look at all of the data",
    ("NotebookRole", "s3:ListBucket", "another's work"): "people look at all of the data",
    ("NotebookRole", "s3:GetObject", "another prefix"): "people look at all of the data",
    ("NotebookRole", "s3:GetObject", "another's work"): "people look at all of the data",
    ("NotebookRole", "s3:PutObject", "another's work"): "people bring data, as the first run does",
    ("TrainingWorkflowRole", "s3:PutObject", "another's work"): "the first run brings data",
    **{
        (f"{job}JobRole", "s3:GetObject", "another's work"): "jobs read all of the data"
        for job in ("Preparation", "Training", "Evaluation")
    },
    ("PipelineRole", "s3:PutObject", "another's work"): "the artifacts are the pipeline's",
    ("PipelineRole", "s3:AbortMultipartUpload", "another's work"): "the same",
    ("BatchRole", "s3:ListBucket", "another s3:prefix"): "a heap lies anywhere in the data",
    ("BatchRole", "s3:GetObject", "another prefix"): "a heap lies anywhere in the data",
    ("BatchRole", "s3:GetObject", "another's work"): "a heap lies anywhere in the data",
    **{
        (role, "sagemaker:DescribeEndpointConfig", f"another {what}"): (
            "scaling leaves a configuration of any name, and what serves is found behind it"
        )
        for role in ("DeploymentWorkflowRole", "BatchWorkflowRole", "DriftWorkflowRole")
        for what in ("project", "name")
    },
    ("HostingRole", "cloudwatch:PutMetricData", "another's work"): "SageMaker's own namespaces",
    ("BatchRole", "cloudwatch:PutMetricData", "another's work"): "SageMaker's own namespaces",
    ("TrainingJobRole", "cloudwatch:PutMetricData", "another's work"): "SageMaker's own namespaces",
    ("EvaluationJobRole", "cloudwatch:PutMetricData", "another's work"): (
        "SageMaker's own namespaces"
    ),
    ("PreparationJobRole", "cloudwatch:PutMetricData", "another's work"): (
        "SageMaker's own namespaces"
    ),
    ("DriftJobRole", "cloudwatch:PutMetricData", "another's work"): "SageMaker's own namespaces",
    **{
        (f"{role}JobRole", f"logs:{action}", "another's work"): "logs of jobs of one kind"
        for role in ("Evaluation", "Preparation", "Drift")
        for action in ("CreateLogStream", "PutLogEvents")
    },
    **{
        (f"{role}WorkflowRole", f"sagemaker:{action}", "another's work"): (
            "the processing jobs of one stack have names that begin alike"
        )
        for role in ("Training", "Drift")
        for action in (
            *("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"),
            *("ListTags", "AddTags"),
        )
    },
    ("TrainingWorkflowRole", "s3:ListBucket", "another's work"): "the marks are its own",
    **{
        (role, "s3:ListBucket", "another's work"): "names of what evaluations have left"
        for role in ("DeploymentWorkflowRole", "DriftWorkflowRole", "DriftJobRole")
    },
    **{
        ("DeploymentWorkflowRole", f"application-autoscaling:{name}", "another name"): (
            "the ID of a target is AWS's own, and says nothing of its endpoint"
        )
        for name in ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy")
    },
    ("sagemaker.amazonaws.com", "sts:AssumeRole", "another aws:SourceArn"): (
        "SageMaker documents the account's resources as the source, not one of them "
        "(Cross-service confused deputy prevention, SageMaker Developer Guide)"
    ),
    ("events.amazonaws.com", "sns:Publish", "for another account"): (
        "EventBridge sends no context to a topic, and a condition would deny all (Use "
        "resource-based policies for EventBridge): anybody's rule may publish, if its owner knows "
        "the topic"
    ),
    ("events.amazonaws.com", "kms:Decrypt", "for another account"): "the same: no context",
    ("events.amazonaws.com", "kms:GenerateDataKey", "for another account"): "the same: no context",
}


@dataclass(frozen=True)
class Policy:
    """The statements of a role, or of a resource's policy, and what is asked of them."""

    name: str
    statements: Sequence[Statement]
    of_resource: bool
    needs: Sequence[Call]
    denied: Sequence[Call]

    def allows(self, at: Deployed, call: Call, statements: Sequence[Statement]) -> bool:
        """The verdict with these statements in place of the policy's."""
        if self.of_resource:
            return at.allows(call, resource=statements)
        return at.allows(call, identity=statements)

    def opens(self, at: Deployed, old: Statement, new: Statement) -> bool:
        """Does a statement in place of another one allow anything that must be denied?

        A role is judged without what resources deny to all: that is a second lock, and the first
        one has to hold too.
        """
        rest = [each for each in self.statements if each is not old]

        def allows(call: Call, statement: Statement) -> bool:
            if self.of_resource:
                return at.allows(call, resource=[*rest, statement])
            theirs = at.policies.get(at.policy_of(call), [])
            allowing = [each for each in theirs if each["Effect"] == "Allow"]
            return at.allows(call, identity=[*rest, statement], resource=allowing)

        asked = concerned(old, self.denied)
        return any(allows(call, new) and not allows(call, old) for call in asked)


@pytest.fixture(scope="module")
def at(texts: dict[str, str], region: str) -> Deployed:
    return deploy(region, texts)


@pytest.fixture(scope="module")
def needs(at: Deployed) -> list[Need]:
    return all_needs(at)


@pytest.fixture(scope="module")
def refused(at: Deployed, needs: list[Need]) -> list[tuple[str, Call]]:
    """What must be denied."""
    return [*wrong(at, needs), *past_denials(at)]


@pytest.fixture(scope="module")
def policies(at: Deployed, needs: list[Need], refused: list[tuple[str, Call]]) -> list[Policy]:
    def asked(calls: Iterable[Call]) -> dict[tuple[str, bool], list[Call]]:
        """By the policy that has a say, and whether it is the resource's."""
        found = defaultdict[tuple[str, bool], list[Call]](list)
        for call in calls:
            found[call.who, False].append(call)
            found[at.policy_of(call), True].append(call)
        return found

    allowed = asked(need.call for need in needs if at.allows(need.call))
    denied = asked(call for _, call in refused if not at.allows(call))

    def policy(name: str, statements: list[Statement], of_resource: bool) -> Policy:
        which = (name, of_resource)
        return Policy(name, statements, of_resource, allowed[which], denied[which])

    return [
        *(policy(role, statements, False) for role, statements in at.roles.items()),
        *(policy(arn, statements, True) for arn, statements in at.policies.items()),
    ]


def test_every_need_is_allowed(at: Deployed, needs: list[Need]) -> None:
    missing = [need for need in needs if not at.allows(need.call)]
    assert not missing, (
        f"denied in {at.region}: {_lines(missing)}\nadd the grant beside what makes the call, "
        "or take out the need"
    )


def test_every_grant_is_needed(at: Deployed, policies: list[Policy]) -> None:
    """Every action on every resource of every statement: without it, some need is denied. So no
    statement is there in vain, and none says what another one says."""
    idle = []
    for policy in policies:
        parts = [part for statement in policy.statements for part in _parts(statement)]
        for number, part in enumerate(parts):
            rest = parts[:number] + parts[number + 1 :]
            if part["Effect"] == "Allow" and all(
                policy.allows(at, call, rest) for call in concerned(part, policy.needs)
            ):
                idle.append(f"{policy.name}: {_said(part)}")
    assert not idle, (
        f"granted in {at.region}, and nobody needs it: {_lines(idle)}\ntake it out, or name "
        "the need with its source in tests/permissions/needs_of_*.py"
    )


def test_every_denial_holds_something_back(at: Deployed, policies: list[Policy]) -> None:
    """Without it, something becomes possible; without its condition, something needed is not."""
    idle = []
    for policy in policies:
        for statement in policy.statements:
            if statement["Effect"] == "Deny":
                rest = [each for each in policy.statements if each is not statement]
                bare = {**statement, "Condition": {}}
                denied = concerned(statement, policy.denied)
                needs = concerned(statement, policy.needs)
                if not any(policy.allows(at, call, rest) for call in denied):
                    idle.append(f"{policy.name}: {statement['Sid']}")
                if all(policy.allows(at, call, [*rest, bare]) for call in needs):
                    idle.append(f"{policy.name}: the condition of {statement['Sid']}")
    assert not idle, f"deny nothing in {at.region}: {_lines(idle)}"


def test_every_condition_holds_something_back(at: Deployed, policies: list[Policy]) -> None:
    """Without it, something becomes possible that must not be; and of several values each is one
    that somebody needs."""
    idle = []
    for policy in policies:
        for statement in policy.statements:
            if statement["Effect"] == "Deny":
                continue
            rest = [each for each in policy.statements if each is not statement]
            needs = concerned(statement, policy.needs)
            for what, looser in _without_a_key(statement):
                if not policy.opens(at, statement, looser):
                    idle.append(f"{policy.name}: {what} of {_said(statement)}")
            for what, stricter in _without_a_value(statement):
                if all(policy.allows(at, call, [*rest, stricter]) for call in needs):
                    idle.append(f"{policy.name}: {what} of {_said(statement)}")
    assert not idle, (
        f"conditions that hold nothing back in {at.region}: {_lines(idle)}\ntake them out, or "
        "show in tests/permissions/wrong.py what they deny"
    )


def test_a_need_with_one_thing_wrong_is_denied(
    at: Deployed, refused: list[tuple[str, Call]]
) -> None:
    allowed = [(what, call) for what, call in refused if at.allows(call)]
    beyond = [
        f"{what}: {call}"
        for what, call in allowed
        if (call.who, call.action, what) not in EXCEPTIONS
    ]
    assert not beyond, (
        f"allowed in {at.region}, and must not be: {_lines(beyond)}\nnarrow the grant, or give the "
        "reason in EXCEPTIONS"
    )
    met = {(call.who, call.action, what) for what, call in allowed}
    assert met == EXCEPTIONS.keys(), f"no exceptions any more: {EXCEPTIONS.keys() - met}"


def test_no_role_can_make_more_of_itself_or_destroy(at: Deployed, needs: list[Need]) -> None:
    assert len(ESCALATIONS.split("\n")) > 60
    allowed = [call for call in escalations(at, needs) if at.allows(call)]
    assert not allowed, f"allowed in {at.region}: {_lines(allowed)}"


def _parts(statement: Statement) -> Iterator[dict[str, Any]]:
    """The statement, one for each action, resource and principal."""
    for action, resource in product(
        as_list(statement["Action"]), as_list(statement.get("Resource", [None]))
    ):
        yield {**statement, "Action": action, **({"Resource": resource} if resource else {})}


def _without_a_key(statement: Statement) -> Iterator[tuple[str, dict[str, Any]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:
            fewer = {name: value for name, value in keys.items() if name != key}
            conditions = {**statement["Condition"], operator: fewer}
            yield f"{operator} {key}", {**statement, "Condition": conditions}


def _without_a_value(statement: Statement) -> Iterator[tuple[str, dict[str, Any]]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            for value in as_list(values) if len(as_list(values)) > 1 else []:
                fewer = [each for each in values if each != value]
                conditions = {**statement["Condition"], operator: {**keys, key: fewer}}
                yield f"{operator} {key} {value}", {**statement, "Condition": conditions}


def _said(statement: Statement) -> str:
    words = [statement.get("Sid", ""), statement["Action"], statement.get("Resource", "")]
    return " ".join(str(word) for word in words if word)


def _lines(found: Sequence[object]) -> str:
    return "".join(f"\n  {each}" for each in found)
