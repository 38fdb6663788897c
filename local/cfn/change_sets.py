"""CloudFormation's change set operations (AWS CloudFormation API Reference)."""

from moto.core.responses import ActionResult, EmptyResult

from local.cfn import views
from local.cfn.changes import forecast
from local.cfn.deployment import claim, deploy, registry
from local.cfn.engine import Engine
from local.cfn.form import TemplateError
from local.cfn.request import Requests, validated
from local.cfn.schema import PropertyError
from local.cfn.stack import Plan, Stack, check
from local.cfn.store import ChangeSet
from local.context import current
from local.service import AwsError

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a"
    " change set."
)


class ChangeSets(Requests):
    def create_change_set(self) -> ActionResult:
        name, stack_name = self.get("ChangeSetName"), self.get("StackName")
        creates = self.get("ChangeSetType", "UPDATE") == "CREATE"
        with self.store.lock:
            stack, plan = self._planned(stack_name, creates)
            change_set = ChangeSet(
                name, self.store.new_id(f"changeSet/{name}"), stack, plan, creates
            )
            change_set.description = self.get("Description")
            # an executed one does not stand in the way: the aws CLI names them by the second, and
            # two deployments within one second happen here
            if any(
                (one.name, one.stack) == (name, stack) and one.execution == "AVAILABLE"
                for one in self.store.change_sets
            ):
                raise AwsError(
                    "AlreadyExistsException",
                    f"ChangeSet {name} cannot be created due to a mismatch with existing"
                    " attribute Template",
                )
            with validated():
                check(plan, stack, current(), registry())
            try:
                change_set.changes, changed = forecast(plan, stack, current(), registry())
                problem = None if changed or creates else NO_CHANGES
            except (TemplateError, PropertyError) as error:
                problem = str(error)
            if problem:
                change_set.status, change_set.execution = "FAILED", "UNAVAILABLE"
                change_set.reason = problem
            if stack not in self.store.stacks:
                stack.note("REVIEW_IN_PROGRESS", "User Initiated")
                self.store.stacks.append(stack)
            self.store.change_sets.append(change_set)
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        return ActionResult(views.change_set_view(self._change_set()))

    def list_change_sets(self) -> ActionResult:
        stack = self.store.stack(self.get("StackName"))
        found = [one for one in self.store.change_sets if one.stack is stack]
        return ActionResult({"Summaries": [views.change_set_summary(one) for one in found]})

    def delete_change_set(self) -> EmptyResult:
        with self.store.lock:
            self.store.change_sets.remove(self._change_set())
        return EmptyResult()

    def execute_change_set(self) -> EmptyResult:
        change_set = self._change_set()
        stack = change_set.stack
        deployer = self.deployer(change_set.plan, stack)
        with self.store.lock:
            if change_set.execution != "AVAILABLE":
                raise AwsError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.id}] cannot be executed in its current execution"
                    f" status of [{change_set.execution}]",
                )
            if change_set.creates:
                stack.plan = change_set.plan
                stack.status = "CREATE_IN_PROGRESS"
                if self.get("DisableRollback"):
                    stack.on_failure = "DO_NOTHING"
            else:
                claim(self.store, stack)
            for other in self.store.change_sets:
                if other.stack is stack:
                    other.execution = "OBSOLETE"
            change_set.execution = "EXECUTE_COMPLETE"
        stack.retain_except_on_create = bool(self.get("RetainExceptOnCreate"))
        plan = change_set.plan
        work = Engine.create if change_set.creates else lambda engine: engine.update(plan)
        deploy(stack, deployer, work)
        return EmptyResult()

    def _change_set(self) -> ChangeSet:
        return self.store.change_set(self.get("ChangeSetName"), self.get("StackName"))

    def _planned(self, name: str, creates: bool) -> tuple[Stack, Plan]:
        if not creates:
            stack = self.store.updatable(name)
            return stack, self.plan(stack)
        existing = self.store.existing(name)
        if existing is None or existing.status != "REVIEW_IN_PROGRESS":
            self.store.creatable(name)
        plan = self.plan(None)
        return existing or Stack(name, self.store.new_id(f"stack/{name}"), plan), plan
