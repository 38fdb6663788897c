"""CloudFormation's operations (AWS CloudFormation API Reference)."""

from functools import partial
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.cfn import types, views
from local.cfn.changes import checked_resources, forecast, pseudo_parameters
from local.cfn.dependencies import live
from local.cfn.plan import Plan
from local.cfn.records import ChangeSetRecord, Stack, invalid
from local.cfn.request import Requests, validated
from local.cfn.schema import PropertyError
from local.cfn.template import TemplateError
from local.cfn.work import StackDeployment, deploy
from local.context import current
from local.credentials import Credentials
from local.refusals import unsupported
from local.service import AwsError

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a"
    " change set."
)


class CloudFormation(Requests):
    def create_stack(self) -> ActionResult:
        name = self.get("StackName")
        self._records.check_new(name)
        plan = self._plan(None)
        stack = Stack(name, self._records.new_id(f"stack/{name}"), plan)
        stack.protected = self.get("EnableTerminationProtection", False)
        if self.get("DisableRollback") is not None and self.get("OnFailure"):
            raise invalid("You can specify either DisableRollback or OnFailure, but not both")
        stack.on_failure = self.get("OnFailure", self._if_it_fails())
        with validated():
            checked_resources(plan, stack, types.here())
        deployer = self._deployer(plan.role, stack)
        with self._records.lock:
            self._records.check_new(name)
            stack.status = "CREATE_IN_PROGRESS"
            self._records.stacks.append(stack)
        self._deploy(stack, deployer)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        stack = self._records.to_update(self.get("StackName"))
        plan = self._plan(stack)
        with validated():
            _, changed = forecast(plan, stack, types.here())
        if not changed:
            raise invalid("No updates are to be performed.")
        deployer = self._deployer(plan.role, stack)
        with self._records.lock:
            self._records.claim(stack)
            self._records.outdate(stack)
        self._deploy(stack, deployer, plan)
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> EmptyResult:
        """As in AWS, deleting a stack that is not there, or is being deleted, is no error."""
        stack = self._records.existing(self.get("StackName"))
        if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return EmptyResult()
        if stack.protected:
            raise invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        retain = frozenset(self.get("RetainResources", []))
        if retain and stack.status != "DELETE_FAILED":
            raise invalid("RetainResources is only for a stack in DELETE_FAILED state")
        deployer = self._deployer(self.get("RoleARN") or stack.plan.role, stack)
        with self._records.lock:
            if stack.busy:
                raise invalid(
                    f"Stack [{stack.name}] cannot be deleted while in status {stack.status}"
                )
            stack.status = "DELETE_IN_PROGRESS"

        def delete(deployment: StackDeployment) -> None:
            deployment.delete(retain)
            self._forget(stack)

        deploy(stack, deployer, delete)
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = self._records.stack(self.get("StackName"))
        stack.protected = self.get("EnableTerminationProtection")
        return ActionResult({"StackId": stack.id})

    def describe_stacks(self) -> ActionResult:
        name = self.get("StackName")
        with self._records.lock:
            alive = [one for one in self._records.stacks if one.status != "DELETE_COMPLETE"]
        found = [self._records.stack(name)] if name else alive
        return self.page("Stacks", [views.stack_view(one) for one in found])

    def list_stacks(self) -> ActionResult:
        wanted = self.get("StackStatusFilter")
        with self._records.lock:
            found = [one for one in self._records.stacks if not wanted or one.status in wanted]
        return self.page("StackSummaries", [views.summary(one) for one in found])

    def describe_stack_events(self) -> ActionResult:
        events = self._records.stack(self.get("StackName")).events
        return self.page("StackEvents", events[::-1])

    def describe_stack_resource(self) -> ActionResult:
        name = self.get("LogicalResourceId")
        found = [one for one in self._resources() if one["LogicalResourceId"] == name]
        if not found:
            raise invalid(f"Resource {name} does not exist for stack {self.get('StackName')}")
        return ActionResult({"StackResourceDetail": found[0]})

    def describe_stack_resources(self) -> ActionResult:
        """Those of a stack, or of the living stack that holds a physical ID."""
        physical = self.get("PhysicalResourceId")
        if not physical:
            name, found = self.get("LogicalResourceId"), self._resources()
            wanted = [one for one in found if name in (None, one["LogicalResourceId"])]
            return ActionResult({"StackResources": wanted[: self.page_size]})
        if self.get("StackName"):
            raise invalid("StackName and PhysicalResourceId cannot be given together")
        with self._records.lock:
            alive = [one for one in self._records.stacks if one.status != "DELETE_COMPLETE"]
        for stack in alive:
            resources = list(stack.resources.values())
            if physical in [one.id for one in resources]:
                found = [views.resource_view(stack, one) for one in resources]
                return ActionResult({"StackResources": found})
        raise invalid(f"Stack for {physical} does not exist")

    def list_stack_resources(self) -> ActionResult:
        return self.page("StackResourceSummaries", self._resources())

    def get_template(self) -> ActionResult:
        if self.get("ChangeSetName"):
            plan = self._change_set().plan
        else:
            plan = self._records.stack(self.get("StackName")).plan
        stages = ["Original", "Processed"]
        return ActionResult({"TemplateBody": plan.template.body, "StagesAvailable": stages})

    def get_template_summary(self) -> ActionResult:
        if name := self.get("StackName"):
            return ActionResult(views.template_view(self._records.stack(name).plan.template))
        with validated():
            return ActionResult(views.template_view(self._template(None)))

    def validate_template(self) -> ActionResult:
        with validated():
            template = self._template(None)
            # which branch will be taken depends on parameters: every name has to be right
            names = [*template.parameters, *pseudo_parameters(current(), "", "")]
            live(template, names, dict.fromkeys(template.conditions, True))
            types.here().check(template.types(), [])
        view = views.template_view(template)
        keys = ("Description", "Parameters", "Capabilities", "CapabilitiesReason")
        return ActionResult({key: view[key] for key in keys})

    def create_change_set(self) -> ActionResult:
        name, stack_name = self.get("ChangeSetName"), self.get("StackName")
        creates = self.get("ChangeSetType", "UPDATE") == "CREATE"
        if not creates and (choice := self.get("OnStackFailure", "ROLLBACK")) != "ROLLBACK":
            raise invalid(unsupported(f"OnStackFailure {choice} of an update", "ROLLBACK"))
        with self._records.lock:
            stack, plan = self._planned(stack_name, creates)
            identity = self._records.new_id(f"changeSet/{name}")
            change_set = ChangeSetRecord(name, identity, stack, plan, creates)
            change_set.on_failure = self.get("OnStackFailure")
            change_set.description = self.get("Description")
            # an executed one does not stand in the way: the aws CLI names them by the second, and
            # two deployments within one second happen here
            if any(
                (one.name, one.stack) == (name, stack) and one.execution == "AVAILABLE"
                for one in self._records.change_sets
            ):
                raise AwsError(
                    "AlreadyExistsException",
                    f"ChangeSet {name} cannot be created due to a mismatch with existing"
                    " attribute Template",
                )
            with validated():
                checked_resources(plan, stack, types.here())
            try:
                change_set.changes, changed = forecast(plan, stack, types.here())
                change_set.reason = None if changed or creates else NO_CHANGES
            except (TemplateError, PropertyError) as error:
                change_set.reason = str(error)
            if change_set.reason:
                change_set.status, change_set.execution = "FAILED", "UNAVAILABLE"
            if stack not in self._records.stacks:
                stack.note("REVIEW_IN_PROGRESS", "User Initiated")
                self._records.stacks.append(stack)
            self._records.change_sets.append(change_set)
        return ActionResult({"Id": change_set.id, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        return ActionResult(views.change_set_view(self._change_set()))

    def list_change_sets(self) -> ActionResult:
        stack = self._records.stack(self.get("StackName"))
        found = self._records.change_sets_of(stack)
        return self.page("Summaries", [views.change_set_summary(one) for one in found])

    def delete_change_set(self) -> EmptyResult:
        with self._records.lock:
            change_set = self._change_set()
            if change_set.execution == "EXECUTE_IN_PROGRESS":
                raise self._not_now(change_set, "deleted")
            self._records.change_sets.remove(change_set)
        return EmptyResult()

    def execute_change_set(self) -> EmptyResult:
        change_set = self._change_set()
        stack, plan, keep = change_set.stack, change_set.plan, self.get("DisableRollback")
        if keep and not change_set.creates:
            raise invalid(unsupported("DisableRollback of an update"))
        if keep is not None and change_set.on_failure:
            raise invalid("DisableRollback cannot be given: the change set has OnStackFailure")
        deployer = self._deployer(plan.role, stack)
        with self._records.lock:
            if change_set.execution != "AVAILABLE":
                raise self._not_now(change_set, "executed")
            if change_set.creates:
                stack.plan, stack.status = plan, "CREATE_IN_PROGRESS"
                stack.on_failure = change_set.on_failure or self._if_it_fails()
            else:
                self._records.claim(stack)
            self._records.forget(stack, but=change_set)
            change_set.execution = "EXECUTE_IN_PROGRESS"
        self._deploy(stack, deployer, None if change_set.creates else plan, change_set)
        return EmptyResult()

    def _not_now(self, change_set: ChangeSetRecord, what: str) -> AwsError:
        return AwsError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be {what} in its current execution status of"
            f" [{change_set.execution}]",
        )

    def _if_it_fails(self) -> str:
        return "DO_NOTHING" if self.get("DisableRollback") else "ROLLBACK"

    def _forget(self, stack: Stack) -> None:
        if stack.status == "DELETE_COMPLETE":
            with self._records.lock:
                self._records.forget(stack)

    def _deploy(
        self,
        stack: Stack,
        deployer: Credentials,
        update: Plan | None = None,
        change_set: ChangeSetRecord | None = None,
    ) -> None:
        """Create the stack, or bring it to the plan of an update."""
        stack.retain_except_on_create = bool(self.get("RetainExceptOnCreate"))
        work = partial(StackDeployment.update, plan=update) if update else StackDeployment.create

        def run(deployment: StackDeployment) -> None:
            try:
                work(deployment)
            finally:
                if change_set:
                    done = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
                    change_set.execution = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
                self._forget(stack)

        deploy(stack, deployer, run)

    def _resources(self) -> list[dict[str, Any]]:
        stack = self._records.stack(self.get("StackName"))
        return [views.resource_view(stack, one) for one in list(stack.resources.values())]

    def _change_set(self) -> ChangeSetRecord:
        return self._records.change_set(self.get("ChangeSetName"), self.get("StackName"))

    def _planned(self, name: str, creates: bool) -> tuple[Stack, Plan]:
        if not creates:
            stack = self._records.to_update(name)
            return stack, self._plan(stack)
        existing = self._records.existing(name)
        if existing is None or existing.status != "REVIEW_IN_PROGRESS":
            self._records.check_new(name)
        plan = self._plan(None)
        return existing or Stack(name, self._records.new_id(f"stack/{name}"), plan), plan
