"""What this package changes in moto's Step Functions.

Put in by moto_seams.py, and held by its contract test.
"""

import copy
import json
import logging
import marshal
import re
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
INDEFINITE = re.compile(r"\.\.|\.\*|\[\s*(?:\*|\?|-?\d*\s*:|-?\d+\s*,|'[^']*'\s*,)")


def install() -> None:
    """The interpreter runs, its tasks act with the machine's role."""
    import moto.stepfunctions.models as records
    import moto.stepfunctions.parser.models as interpreter
    import moto.stepfunctions.urls as urls
    from moto.core.config import default_user_config

    from local.stepfunctions import reading
    from local.stepfunctions.api import Machines, StepFunctions, check

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    Machines._url_module = urls  # type: ignore[assignment]
    records.stepfunctions_backends.backend = Machines
    # machines live in one of moto's two registries, executions would look in the other
    interpreter.stepfunctions_parser_backends = records.stepfunctions_backends  # type: ignore[assignment]
    interpreter.StepFunctionsParserBackend._validate_definition = staticmethod(check)  # type: ignore[method-assign]
    for path in urls.url_paths:
        urls.url_paths[path] = StepFunctions.dispatch
    _error_codes()
    _tasks()
    _json_paths()
    _choices()
    _unique()
    _strict_json()
    _start_time()
    _status_changes()
    _terminal_errors()
    _stopped_for_good()
    _copies()
    reading.install()
    # a failed state is told by the execution's history, not by pages of the interpreter's log
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _error_codes() -> None:
    """The interpreter's errors (InvalidDefinition …) reach the client without their code."""
    import moto.stepfunctions.parser.api as api
    from moto.stepfunctions.exceptions import AWSError

    errors: list[Any] = [each for each in vars(api).values() if isinstance(each, type)]
    for error in errors:
        if issubclass(error, AWSError) and "code" in vars(error):
            error.TYPE = error.code


def _tasks() -> None:
    import moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory as tasks

    from local.stepfunctions.work import OptimizedTask, SdkTask

    def task_for(service_name: str) -> Any:
        return SdkTask() if service_name == "aws-sdk" else OptimizedTask()

    tasks.state_task_service_for = task_for


def _json_paths() -> None:
    """Paths as Step Functions reads them: `$.a[0].b` is one value, where moto gives a list of one;
    a filter, slice or scan (`$..b`) that finds nothing gives [], if what it looks through exists,
    and a list of one where moto gives the one (JsonPath, "What is Returned When?"). Each is parsed
    once: moto makes a parser anew, by its tables, for every state that uses one."""
    import moto.stepfunctions.parser.asl.component.common.path.result_path as result_path
    import moto.stepfunctions.parser.asl.utils.json_path as paths
    from jsonpath_ng.jsonpath import DatumInContext, Index

    from local.stepfunctions.expressions import parse

    class Checked:
        def __init__(self, path: str) -> None:
            self.path, self.expression = path, parse(path)
            definite = INDEFINITE.split(path, maxsplit=1)[0]
            self.definite = parse(definite) if definite not in (path, "", "$") else None

        def find(self, data: Any) -> Any:
            if self.definite and not self.definite.find(data):
                raise paths.NoSuchJsonPathError(self.path, data)
            found = self.expression.find(data)
            if not indefinite(self.path):
                return found
            # moto makes a list of what has a number for its path
            return [DatumInContext(each.value, Index(0)) for each in found]

    def indefinite(path: str) -> bool:
        return INDEFINITE.search(path) is not None

    paths.parse = lru_cache(maxsize=2048)(Checked)  # type: ignore[assignment]
    result_path.parse = lru_cache(maxsize=2048)(result_path.parse)
    paths._contains_slice_or_wildcard_array = indefinite
    paths._is_singleton_array_access = lambda path: not indefinite(path)


def _choices() -> None:
    """A Choice whose Variable does not exist fails the execution, unless it asks IsPresent
    (Developer Guide, "Choice workflow state"); moto takes the default. A time may have fractions
    of a second, as `$$.Execution.StartTime` has (RFC 3339, which Amazon States Language names);
    moto compares none that does."""
    from moto.stepfunctions.parser.asl.component.state.choice.comparison import (
        comparison_variable,
        variable,
    )
    from moto.stepfunctions.parser.asl.component.state.choice.comparison.comparison_operator_type import (  # noqa: E501
        ComparisonOperatorType,
    )
    from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (  # noqa: E501
        IsTimestamp,
    )

    def moment(text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text) if RFC_3339.fullmatch(text) else None
        except ValueError:
            return None

    def compare(self: Any, env: Any) -> None:
        self.variable.eval(env)
        found, operator = env.stack[-1], self.comparison_function.operator_type
        if isinstance(found, variable.NoSuchVariable) and (
            operator != ComparisonOperatorType.IsPresent
        ):
            raise ValueError(
                f"Invalid path '{self.variable.string_sampler.literal_value}': The choice state's "
                "condition path references an invalid value."
            )
        self.comparison_function.eval(env)

    comparison_variable.ComparisonVariable._eval_body = compare  # type: ignore[method-assign]
    IsTimestamp.string_to_timestamp = staticmethod(moment)  # type: ignore[method-assign,assignment]


def _unique() -> None:
    """States.ArrayUnique is for every JSON value; moto's fails on lists and objects, and takes true
    for 1."""
    from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.array.array_unique import (  # noqa: E501
        ArrayUnique,
    )

    def evaluate(self: Any, env: Any) -> None:
        self.argument_list.eval(env=env)
        array = env.stack.pop().pop()
        if not isinstance(array, list):
            raise TypeError(f"Expected an array type, but got '{array}'.")
        kept: dict[str, Any] = {}
        for each in array:
            kept.setdefault(json.dumps(each, sort_keys=True), each)
        env.stack.append(list(kept.values()))

    ArrayUnique._eval_body = evaluate  # type: ignore[method-assign]


def _strict_json() -> None:
    """States.StringToJson is for JSON, which has no NaN and no Infinity (RFC 8259); moto reads them
    as Python does, and hands them on. Where it fails, the error is States.IntrinsicFailure, which
    States.ALL catches (Handling errors, Step Functions Developer Guide); moto's is none of a name.
    """
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
        StatesErrorName,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
        StatesErrorNameType,
    )
    from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.json_manipulation import (  # noqa: E501
        string_to_json,
    )
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    original = string_to_json.StringToJson._eval_body
    name = StatesErrorNameType.StatesIntrinsicFailure

    def evaluate(self: Any, env: Any) -> None:
        try:
            original(self, env)
            json.dumps(env.stack[-1], allow_nan=False)
        except ValueError as error:
            cause = f"The function 'States.StringToJson' had the following error: {error}"
            told = TaskFailedEventDetails(error=name.to_name(), cause=cause)
            event = FailureEvent(
                env=env,
                error_name=StatesErrorName(typ=name),
                event_type=HistoryEventType.TaskFailed,
                event_details=EventDetails(taskFailedEventDetails=told),  # type: ignore[typeddict-item]
            )
            raise FailureEventException(event) from error

    string_to_json.StringToJson._eval_body = evaluate  # type: ignore[method-assign]


def _start_time() -> None:
    """`$$.Execution.StartTime` is text; moto leaves a datetime, which no state can hand on."""
    from moto.stepfunctions.parser.backend.execution import Execution

    from local.stepfunctions.shapes import iso

    original = Execution.get_start_execution_details

    def details(self: Any) -> Any:
        found = original(self)
        found.start_time = iso(self.start_date)  # type: ignore[misc]
        return found

    Execution.get_start_execution_details = details  # type: ignore[method-assign]


def _status_changes() -> None:
    """moto tells nobody that an execution has begun or ended, and forgets with which words somebody
    stopped it."""
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
    from moto.stepfunctions.parser.backend.execution import (
        BaseExecutionWorkerCommunication,
        Execution,
    )

    from local.stepfunctions.views import announce

    begin, end = Execution.start, BaseExecutionWorkerCommunication.terminated

    def start(self: Any) -> None:
        begin(self)
        announce(self, begun=True)

    def terminated(self: Any) -> None:
        state = self.execution.exec_worker.env.program_state()
        if isinstance(state, ProgramStopped):
            self.execution.error, self.execution.cause = state.error, state.cause
        end(self)
        announce(self.execution)

    Execution.start = start  # type: ignore[method-assign]
    BaseExecutionWorkerCommunication.terminated = terminated  # type: ignore[method-assign]


def _stopped_for_good() -> None:
    """An execution that was stopped is ABORTED (StopExecution, Step Functions API Reference); in
    moto a call that was under way, and fails after that, makes it FAILED."""
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped

    original = Environment.set_error

    def set_error(self: Any, error: Any) -> None:
        if not isinstance(self.program_state(), ProgramStopped):
            original(self, error)

    Environment.set_error = set_error  # type: ignore[method-assign]


def _copies() -> None:
    """moto copies what a state is given and hands on, with all that lies beside it, several times
    for each state, by a function that goes through each value in Python: for data of some size that
    takes longer than all else. It is JSON, which marshal copies as well."""
    import moto.stepfunctions.parser.asl.component.common.string.string_expression as strings
    import moto.stepfunctions.parser.asl.component.state.exec.execute_state as states
    import moto.stepfunctions.parser.asl.eval.states as data

    for module in (strings, states, data):
        module.copy = SimpleNamespace(deepcopy=copied)  # type: ignore[attr-defined]


def copied(value: Any) -> Any:
    """As copy.deepcopy, of what JSON holds."""
    try:
        return marshal.loads(marshal.dumps(value))  # noqa: S302 - what was dumped just now
    except ValueError:  # not JSON alone
        return copy.deepcopy(value)


def _terminal_errors() -> None:
    """`States.ALL` catches neither a runtime error nor too much data (Handling errors in Step
    Functions workflows, States.ALL); moto lets it."""
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
        ErrorEqualsDecl,
    )

    original = ErrorEqualsDecl._eval_body

    def equals(self: Any, env: Any) -> None:
        error = env.stack[-1].error_name
        original(self, env)
        if error in ("States.Runtime", "States.DataLimitExceeded"):
            env.stack[-1] = error in [each.error_name for each in self.error_names]

    ErrorEqualsDecl._eval_body = equals  # type: ignore[method-assign]
