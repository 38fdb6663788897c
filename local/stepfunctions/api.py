"""Step Functions as it is here: moto's, but for what a definition may ask, and for executions."""

import copy
import json
import re
import textwrap
import time
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.parser.asl.parse.asl_parser import (
    AmazonStateLanguageParser,
    ASLParserException,
)
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from local.context import current
from local.credentials import NotAuthorized, assume
from local.service import AwsError, Service
from local.stepfunctions import reading
from local.stepfunctions.definitions import Fault, faults
from local.stepfunctions.permissions import check_role

STOP_SECONDS = 5.0
MAX_DATA_BYTES = 262_144  # "Quotas", Step Functions Developer Guide
MAX_REASON = 300  # where moto's parser counts up all that it would have taken
MAX_FAULTS = 10


def check(definition: str) -> None:
    """Refuse what cannot be run, and say all that is wrong with it. Raises AwsError.

    moto's interpreter takes this in place of its own check, which repeats the whole definition. It
    still reads what is found right here.
    """
    found = diagnose(definition)
    if found:
        told = ", ".join(f"'{one}'" for one in found[:MAX_FAULTS])
        more = f" and {len(found) - MAX_FAULTS} more" if len(found) > MAX_FAULTS else ""
        raise AwsError("InvalidDefinition", f"Invalid State Machine Definition: {told}{more}")


@lru_cache(8)
def diagnose(definition: str) -> tuple[Fault, ...]:
    """What is wrong with a definition, here or as the interpreter reads it."""
    try:
        machine = json.loads(definition)
    except json.JSONDecodeError as error:
        return (Fault("INVALID_JSON_DESCRIPTION", str(error), "/"),)
    if found := tuple(faults(machine)):
        return found
    try:
        AmazonStateLanguageParser.parse(definition)
    except ASLParserException as error:
        said = error.errors[0]
    except Exception as error:
        said = re.sub(r"<class '[\w.]*?(\w+)'>", r"\1", str(error).partition(" in context")[0])
    else:
        return ()
    return (Fault("SCHEMA_VALIDATION_FAILED", _short(said), "/"),)


def _short(reason: str) -> str:
    return textwrap.shorten(reason, MAX_REASON, placeholder=" …")


class Machines(StepFunctionsParserBackend):
    def start_execution(
        self, state_machine_arn: str, name: Any = None, execution_input: Any = None, *_: Any
    ) -> Any:
        given = execution_input or "{}"
        if len(given.encode()) > MAX_DATA_BYTES:
            raise AwsError(
                "InvalidExecutionInput",
                f"Input is {len(given.encode())} bytes, at most {MAX_DATA_BYTES} are allowed",
            )
        return super().start_execution(state_machine_arn, name or str(uuid.uuid4()), given)

    def delete_state_machine(self, arn: str) -> None:
        gone = [each.definition for each in self.state_machines if each.arn == arn]
        super().delete_state_machine(arn)
        for definition in {*gone} - {each.definition for each in self.state_machines}:
            reading.forget(definition)

    def find(self, execution_arn: str) -> Any:
        """The interpreter's execution, which the signatures of moto's records do not tell of."""
        return self.describe_execution(execution_arn)

    def stop(self, execution_arn: str, error: str | None, cause: str | None) -> datetime:
        """Stop, and wait briefly for the running state to give up its work."""
        execution = self.find(execution_arn)
        deadline = time.monotonic() + STOP_SECONDS
        while execution.exec_worker.env is None or not _begun(execution):
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        if execution.status == "RUNNING":
            execution.stop(datetime.now(UTC), error, cause)
            while execution.status == "RUNNING" and time.monotonic() < deadline:
                time.sleep(0.02)
        return execution.stop_date or datetime.now(UTC)


def _begun(execution: Any) -> bool:
    """Before its first state an execution is in no state that could be stopped."""
    return execution.status != "RUNNING" or execution.exec_worker.env.is_running()


class StepFunctions(Service, StepFunctionResponse):
    """The API of Step Functions: moto's, with the operations below done as AWS does them."""

    service = "stepfunctions"
    bad_page = "InvalidToken"

    def __init__(self) -> None:
        StepFunctionResponse.__init__(self)

    def create_state_machine(self) -> ActionResult:
        """moto takes any role, and hands back an existing machine whatever the definition says."""
        name, role = self.get("name"), self.get("roleArn")
        try:
            machine_arn = current().arn("states", f"stateMachine:{name}")
            assume(role, "states.amazonaws.com", "CreateStateMachine", machine_arn)
        except NotAuthorized:
            raise AwsError(
                "AccessDeniedException",
                "Neither the global service principal states.amazonaws.com, nor the regional one is"
                " authorized to assume the provided role.",
            ) from None
        asked = (self.get("definition"), role)
        for machine in self.machines.state_machines:
            if machine.name == name and (machine.definition, machine.roleArn) != asked:
                raise AwsError(
                    "StateMachineAlreadyExists", f"State Machine Already Exists: '{machine.arn}'"
                )
        self._check_role(*asked)
        return super().create_state_machine()

    def update_state_machine(self) -> ActionResult:
        known = self.machines.describe_state_machine(self.get("stateMachineArn"))
        self._check_role(
            self.get("definition", known.definition), self.get("roleArn", known.roleArn)
        )
        return super().update_state_machine()

    def _check_role(self, definition: str, role: str) -> None:
        check(definition)
        check_role(role, definition, self.get("loggingConfiguration", {}))

    def validate_state_machine_definition(self) -> ActionResult:
        """At most 100, as AWS (ValidateStateMachineDefinition, maxResults)."""
        found = diagnose(self.get("definition"))
        told = [
            {
                "severity": "ERROR",
                "code": one.code,
                "message": one.message,
                "location": one.where,
            }
            for one in found[: self.get("maxResults") or 100]
        ]
        return ActionResult(
            {
                "result": "FAIL" if found else "OK",
                "diagnostics": told,
                "truncated": len(told) < len(found),
            }
        )

    @property
    def machines(self) -> Machines:
        backend = self.stepfunction_backend
        assert isinstance(backend, Machines)
        return backend

    def stop_execution(self) -> ActionResult:
        stopped = self.machines.stop(self.get("executionArn"), self.get("error"), self.get("cause"))
        return ActionResult({"stopDate": stopped})

    def describe_execution(self) -> ActionResult:
        execution = self.machines.find(self.get("executionArn"))
        return ActionResult(execution.to_describe_output())

    def list_executions(self) -> ActionResult:
        machine = self.machines.describe_state_machine(self.get("stateMachineArn"))
        executions: list[Any] = list(machine.executions)
        wanted = self.get("statusFilter")
        found = [
            execution.to_execution_list_item()
            for execution in sorted(executions, key=lambda e: e.start_date, reverse=True)
            if wanted in (None, execution.status)
        ]
        return self.page("executions", copy.deepcopy(found))

    def get_execution_history(self) -> ActionResult:
        worker = self.machines.find(self.get("executionArn")).exec_worker
        # Before it has begun there is none. What is in it never changes, so it needs no copy
        events = list(worker.env.event_manager._history_event_list) if worker.env else []
        if self.get("reverseOrder"):
            events.reverse()
        return History(self.page("events", events).result)


class History(ActionResult):
    """As JSON right away: moto goes through each value by the service's model, which for those who
    follow a long execution takes longer than all that the execution does itself."""

    def execute_result(self, context: Any) -> tuple[int, dict[str, str], str]:
        page: Any = self.result
        page = page | {"events": [_told(event) for event in page["events"]]}
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(page)


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """Its time in seconds, as JSON protocols have it; what it does not have is left out."""
    when = datetime.fromisoformat(event["timestamp"]).timestamp()
    return {key: value for key, value in event.items() if value is not None} | {"timestamp": when}
