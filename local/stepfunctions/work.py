"""Task states that do their work: calls to this endpoint with the state machine's role.

Behaviour: Step Functions Developer Guide, "Discover service integration patterns", "Learning to
use AWS service SDK integrations", "Create and manage SageMaker jobs", "Start a new execution".
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped

from local.credentials import Credentials, NotAuthorized, assume
from local.events import epoch_ms, listening
from local.stepfunctions import shapes
from local.stepfunctions.integrations import (
    BOTO_NAMES,
    OPTIMIZED,
    Integration,
    SyncJob,
    details,
    exception,
    java_name,
    modelled,
)

POLL_SECONDS = 0.2
PATTERNS = ("waitForTaskToken", "sync", "sync:2")


@dataclass(frozen=True)
class Follow:
    """A started job: asked until it has ended, at each of its events and now and then."""

    job: SyncJob
    arn: str
    call: Callable[[str], dict[str, Any]]
    failed: Callable[[str], Exception]
    parse: bool

    def __call__(self) -> dict[str, Any] | None:
        """What Describe says of a job that has succeeded, None of one that still runs."""
        described = self.call(self.job.describe)
        status = described[self.job.status[0].upper() + self.job.status[1:]]
        if status in self.job.running:
            return None
        if self.parse:
            for name in ("Input", "Output"):
                if name in described:
                    described[name] = json.loads(described[name])
        if status != self.job.succeeded:
            raise self.failed(json.dumps(described))
        return described

    def cancel(self) -> None:
        """Best effort, as AWS says of its own."""
        try:
            self.call(self.job.stop)
        except ClientError as error:
            print(f"local: {self.job.stop} after the execution was stopped: {error}", flush=True)


@lru_cache(256)
def _assumed(role: str, machine: str, execution: str, hour: int) -> Credentials:
    """One session for the states of an execution: each of its own would make new clients, and open
    new connections, for every call. Raises NotAuthorized."""
    return assume(role, "states.amazonaws.com", "StepFunctions", machine)


class TaskState(StateTaskServiceCallback):
    """One call with the role of the state machine; how errors and times read is the subclass's."""

    def __init__(self) -> None:
        super().__init__({ResourceCondition(each) for each in PATTERNS})

    def _validate_service_integration_is_supported(self) -> None:
        """`api.check` has refused what is not, when the machine was created."""

    def timestamp(self, moment: Any) -> Any:
        raise NotImplementedError

    def error(self, client: Any, error: ClientError) -> tuple[str, str]:
        """The name and the cause that a Retry or Catch sees."""
        raise NotImplementedError

    def _client(self, env: Environment, role: str) -> Any:
        told = env.states.context_object.context_object_data
        hour = int(time.monotonic() // 3600)  # a session lasts for some, an execution may for weeks
        credentials = _assumed(role, told["StateMachine"]["Id"], told["Execution"]["Id"], hour)
        name = self.resource.api_name
        return credentials.client(BOTO_NAMES.get(name, name))

    def _call(self, client: Any, operation: str, parameters: Any) -> Any:
        model = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        )
        answer = getattr(client, operation)(**shapes.request(parameters, model.input_shape))
        return shapes.response(answer, model.output_shape, self.timestamp)

    def _fail(self, env: Environment, name: str, cause: str) -> FailureEvent:
        return FailureEvent(
            env=env,
            error_name=ErrorName(name),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(  # type: ignore[typeddict-item]
                taskFailedEventDetails=TaskFailedEventDetails(
                    error=name,
                    cause=cause,
                    resource=self._get_sfn_resource(),
                    resourceType=self._get_sfn_resource_type(),
                )
            ),
        )

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        try:
            client = self._client(env, state_credentials.role_arn)
        except NotAuthorized as error:
            raise FailureEventException(self._fail(env, "States.TaskFailed", str(error))) from error
        try:
            action = xform_name(self.resource.api_action)
            answer = self._call(client, action, normalised_parameters)
        except ClientError as error:
            raise FailureEventException(self._fail(env, *self.error(client, error))) from error
        env.stack.append(answer)


class SdkTask(TaskState):
    """`aws-sdk:<service>:<action>`, any action of a service that this endpoint serves."""

    def timestamp(self, moment: Any) -> Any:
        return shapes.iso(moment)

    def _get_sfn_resource_type(self) -> str:
        return f"{self.resource.service_name}:{self.resource.api_name}"

    def error(self, client: Any, error: ClientError) -> tuple[str, str]:
        service = java_name(client.meta.service_model.service_id)
        code, message, status, request = details(error)
        if error.operation_name == "HeadObject" and code == "404":
            name = "NoSuchKey"  # a HEAD has no body to carry the code; the SDK for Java knows
        else:
            name = modelled(client).get(code, service)
        return (
            f"{service}.{exception(name)}",
            f"{message} (Service: {service}, Status Code: {status}, Request ID: {request})",
        )


class OptimizedTask(TaskState):
    """`<service>:<action>` with Step Functions' own conventions, `.sync` and `.sync:2`."""

    @property
    def integration(self) -> Integration:
        return OPTIMIZED[self.resource.service_name]

    def timestamp(self, moment: Any) -> Any:
        return epoch_ms(moment)

    def _normalise_parameters(self, parameters: dict[str, Any], *_: Any) -> None:
        for name in ("Input", "Message"):  # documents may be given as JSON; the APIs take text
            if name in parameters and not isinstance(parameters[name], str):
                parameters[name] = json.dumps(parameters[name])

    def _eval_service_task(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        """A job of SageMaker that is waited for is tagged, which its role has to be allowed
        (github.com/aws/aws-cdk, issue 26012; these tags are in public events of such jobs)."""
        if self.resource.service_name == "sagemaker" and (
            self.resource.condition == ResourceCondition.Sync
        ):
            execution = env.states.context_object.context_object_data["Execution"]["Id"]
            normalised_parameters["Tags"] = [
                *normalised_parameters.get("Tags", []),
                {"Key": "AWS_STEP_FUNCTIONS_EXECUTION_ARN", "Value": execution},
                {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"},
            ]
        super()._eval_service_task(
            env, resource_runtime_part, normalised_parameters, state_credentials
        )

    def error(self, client: Any, error: ClientError) -> tuple[str, str]:
        code, message, status, request = details(error)
        named = modelled(client).get(code)
        name = exception(named) if named else self.integration.general_error
        return (
            f"{self.integration.prefix}.{name}",
            f"{message} (Service: {self.integration.service}; Status Code: {status}; "
            f"Error Code: {code}; Request ID: {request}; Proxy: null)",
        )

    def _build_sync_resolver(
        self,
        env: Environment,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> Follow:
        job = self.integration.actions[self.resource.api_action]
        assert job is not None  # integrations.refusal
        pascal = job.key[0].upper() + job.key[1:]
        named = {**normalised_parameters, **env.stack.pop()}
        client = self._client(env, state_credentials.role_arn)
        return Follow(
            job,
            named[f"{pascal.removesuffix('Arn').removesuffix('Name')}Arn"],
            lambda operation: self._call(client, operation, {pascal: named[pascal]}),
            lambda cause: FailureEventException(self._fail(env, "States.TaskFailed", cause)),
            parse=self.resource.condition == ResourceCondition.Sync2,
        )

    _build_sync2_resolver = _build_sync_resolver

    def _eval_sync(self, env: Environment, sync_resolver: Any, *_: Any, **__: Any) -> Any:
        with listening(sync_resolver.arn) as heard:
            while env.is_running():
                heard.clear()
                result = sync_resolver()
                if result is not None:
                    return result
                heard.wait(POLL_SECONDS)
        # A timeout of the state is not among the cases in which the job is cancelled
        # (Developer Guide, "Discover service integration patterns", Run a Job)
        if isinstance(env.program_state(), ProgramStopped | ProgramError):
            sync_resolver.cancel()
        return {}
