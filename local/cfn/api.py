"""CloudFormation: the operations that change a stack (AWS CloudFormation API Reference)."""

from moto.core.responses import ActionResult, EmptyResult

from local.cfn.change_sets import ChangeSets
from local.cfn.changes import forecast
from local.cfn.deployment import claim, deploy, registry
from local.cfn.engine import Engine
from local.cfn.queries import Queries
from local.cfn.request import validated
from local.cfn.stack import Stack, check
from local.cfn.store import invalid
from local.context import current


class CloudFormation(Queries, ChangeSets):
    def create_stack(self) -> ActionResult:
        name = self.get("StackName")
        self.store.creatable(name)
        plan = self.plan(None)
        stack = Stack(name, self.store.new_id(f"stack/{name}"), plan)
        stack.protected = self.get("EnableTerminationProtection", False)
        keep = "DO_NOTHING" if self.get("DisableRollback") else "ROLLBACK"
        stack.on_failure = self.get("OnFailure", keep)
        with validated():
            check(plan, stack, current(), registry())
        deployer = self.deployer(plan, stack)
        with self.store.lock:
            self.store.creatable(name)
            stack.status = "CREATE_IN_PROGRESS"
            self.store.stacks.append(stack)
        deploy(stack, deployer, Engine.create)
        return ActionResult({"StackId": stack.id})

    def update_stack(self) -> ActionResult:
        stack = self.store.updatable(self.get("StackName"))
        plan = self.plan(stack)
        with validated():
            _, changed = forecast(plan, stack, current(), registry())
        if not changed:
            raise invalid("No updates are to be performed.")
        deployer = self.deployer(plan, stack)
        with self.store.lock:
            claim(self.store, stack)
        deploy(stack, deployer, lambda engine: engine.update(plan))
        return ActionResult({"StackId": stack.id})

    def delete_stack(self) -> EmptyResult:
        """As in AWS, deleting a stack that is not there is no error."""
        stack = self.store.existing(self.get("StackName"))
        if stack is None or stack.status == "DELETE_COMPLETE":
            return EmptyResult()
        if stack.protected:
            raise invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        retain = frozenset(self.get("RetainResources", []))
        if retain and stack.status != "DELETE_FAILED":
            raise invalid("RetainResources is only for a stack in DELETE_FAILED state")
        deployer = self.deployer(stack.plan, stack)
        with self.store.lock:
            if stack.busy:
                raise invalid(
                    f"Stack [{stack.name}] cannot be deleted while in status {stack.status}"
                )
            stack.status = "DELETE_IN_PROGRESS"
        deploy(stack, deployer, lambda engine: engine.delete(retain))
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = self.store.stack(self.get("StackName"))
        stack.protected = self.get("EnableTerminationProtection")
        return ActionResult({"StackId": stack.id})
