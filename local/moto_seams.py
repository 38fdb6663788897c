"""The one place where this package changes moto.

A contract test (local/tests/test_moto_seams.py) holds the names that these seams, and the services
that keep their records in moto, lean on: a moto that moves one fails there.
"""

import copy
import hashlib
import json
import logging
import re
import threading
from datetime import datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from local import moto_answers

MOTO = "5.2.5"
INDEFINITE = re.compile(r"\.\.|\.\*|\[\s*(?:\*|\?|-?\d*\s*:|-?\d+\s*,|'[^']*'\s*,)")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_installed = False


class WrongMoto(RuntimeError):
    """Another moto than the one this package is made for."""


def install() -> None:
    """Put this package's behaviour into moto; before moto's server application is made."""
    global _installed
    if version("moto") != MOTO:
        raise WrongMoto(
            f"the local endpoint needs moto {MOTO}, found {version('moto')}: "
            "install requirements.lock again"
        )
    if not _installed:
        _authorization()
        _log_delivery()
        moto_answers.install()
        _conditional_writes()
        _registry()
        _workflows()
        _sagemaker()
        _installed = True


def _authorization() -> None:
    """moto's authorizer denies every statement that names an ARN, and its reading of a bucket
    policy takes an unmet Deny for a Deny: local/authorization judges in its place."""
    from moto.core.authorization import ActionAuthenticatorMixin
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def allow(self: Any, iam_request_cls: type, resource: str = "*") -> None:
        return None

    def neutral(self: Any, action: str, resource: str) -> Any:
        return PermissionResult.NEUTRAL

    ActionAuthenticatorMixin._authenticate_and_authorize_action = allow  # type: ignore[method-assign]
    FakeBucket.get_permission = neutral  # type: ignore[method-assign]


def _log_delivery() -> None:
    """May S3 deliver a bucket's access logs? moto wants the statement's Resource to be one exact
    string, and fails on a statement for everybody (Enabling Amazon S3 server access logging)."""
    from moto.s3.models import FakeBucket
    from moto.s3.utils import LOGGING_SERVICE_PRINCIPAL

    from local.authorization.ask import Ask
    from local.authorization.hold import may
    from local.context import current

    def allowed(self: Any, target_bucket: Any, target_prefix: str | None) -> bool:
        source = {"aws:SourceAccount": current().account, "aws:SourceArn": self.arn}
        log = f"{target_bucket.arn}/{target_prefix or ''}2026-01-01-00-00-00-0123456789ABCDEF"
        return may(LOGGING_SERVICE_PRINCIPAL, Ask("s3:PutObject", log, source))

    FakeBucket._log_permissions_enabled_policy = allowed  # type: ignore[method-assign,assignment]


def _conditional_writes() -> None:
    """Of two writes over the same object with IfMatch, or IfNoneMatch, one is refused (How to
    prevent object overwrites with conditional writes, Amazon S3 User Guide): looking and writing
    are one act, which in moto other requests come between."""
    from moto.s3.responses import S3Response

    writing = threading.Lock()

    def one_by_one(original: Any) -> Any:
        def write(*arguments: Any) -> Any:
            with writing:
                return original(*arguments)

        return write

    # `_key_response_post` ends a multipart upload
    for name in ("put_object", "delete_object", "_key_response_post"):
        setattr(S3Response, name, one_by_one(getattr(S3Response, name)))


def _registry() -> None:
    """An image's digest is that of its manifest's bytes (OCI image specification, "Digests"), where
    moto digests the layers' names or a random number; an immutable tag is refused by its own name
    (ECR API reference, PutImage). An image with several tags is answered under the one that was
    asked for (ECR API reference, BatchGetImage, Examples), where moto tells the newest."""
    from moto.ecr.models import ECRBackend, Image, Repository

    from local.context import current
    from local.service import AwsError

    original = ECRBackend.put_image

    def create_digest(self: Any) -> None:
        manifest = self.image_manifest.encode()
        self._image_digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    def put_image(self: Any, name: str, manifest: str, tag: str, *more: Any) -> Any:
        repository = self._get_repository(name)
        for image in repository.images if repository.is_tag_immutable() else []:
            if tag in image.image_tags and image.image_manifest != manifest:
                raise AwsError(
                    "ImageTagAlreadyExistsException",
                    f"The image tag '{tag}' already exists in the '{name}' repository "
                    "and cannot be overwritten because the tag is immutable.",
                )
        return original(self, name, manifest, tag, *more)

    get_images = ECRBackend.batch_get_image

    def batch_get_image(self: Any, name: str, registry: Any = None, asked: Any = None) -> Any:
        whole: dict[str, list[Any]] = {"images": [], "failures": []}
        for one in asked:
            answer = get_images(self, name, registry, [one])
            whole["failures"] += answer["failures"]
            for image in map(copy.copy, answer["images"]):
                image.image_tag = one.get("imageTag", image.image_tag)
                whole["images"].append(image)
        return whole

    created = Repository.__init__

    def create(self: Any, *arguments: Any, **named: Any) -> None:
        created(self, *arguments, **named)
        self.uri = self.uri.replace("amazonaws.com", current().url_suffix)  # moto forgets China

    Repository.__init__ = create  # type: ignore[method-assign]
    Image._create_digest = create_digest  # type: ignore[method-assign]
    ECRBackend.put_image = put_image  # type: ignore[method-assign,assignment]
    ECRBackend.batch_get_image = batch_get_image  # type: ignore[method-assign,assignment]


def _workflows() -> None:
    """Step Functions: the interpreter runs, its tasks act with the machine's role."""
    import moto.stepfunctions.models as records
    import moto.stepfunctions.parser.models as interpreter
    import moto.stepfunctions.urls as urls
    from moto.core.config import default_user_config

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
    a filter or slice that finds nothing gives [], if what it looks through exists."""
    import moto.stepfunctions.parser.asl.utils.json_path as paths

    original = paths.parse

    class Checked:
        def __init__(self, path: str) -> None:
            self.path, self.expression = path, original(path)
            definite = INDEFINITE.split(path, maxsplit=1)[0]
            self.definite = original(definite) if definite not in (path, "", "$") else None

        def find(self, data: Any) -> Any:
            if self.definite and not self.definite.find(data):
                raise paths.NoSuchJsonPathError(self.path, data)
            return self.expression.find(data)

    def indefinite(path: str) -> bool:
        return INDEFINITE.search(path) is not None

    paths.parse = lru_cache(maxsize=512)(Checked)  # type: ignore[assignment]
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


def _sagemaker() -> None:
    """SageMaker is this package's; moto keeps its tables and does its tags, the rest is refused."""
    import moto.sagemaker.urls
    import moto.sagemakerruntime.urls

    from local.sagemaker.api import SageMaker
    from local.sagemaker.runtime import SageMakerRuntime

    for path in moto.sagemaker.urls.url_paths:
        moto.sagemaker.urls.url_paths[path] = SageMaker.dispatch
    for path in moto.sagemakerruntime.urls.url_paths:
        moto.sagemakerruntime.urls.url_paths[path] = SageMakerRuntime.dispatch
