"""Each name private to moto that local/moto_seams.py and its neighbours lean on: where it is, what
it takes, and what moto itself would do. A new moto that moves one fails here first."""

import inspect
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
from moto.core.common_models import BaseModel

from local import moto_seams
from local.tests.aws import Aws, unique


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


UNPATCHED = """
import inspect, json
import moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory as factory
import moto.stepfunctions.parser.asl.utils.json_path as paths
import moto.stepfunctions.parser.utils as executions
from moto.core.common_models import BaseModel
from moto.core.config import default_user_config
from moto.ecr.models import Image
from moto.s3.models import FakeKey
from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Machines

def refused(path, data):
    try:
        return paths.extract_json(path, data)
    except paths.NoSuchJsonPathError:
        return "refused"

def etag(**named):
    key = FakeKey("k", b"v", "1", "eu-west-1", encryption="aws:kms", **named)
    return key.etag if key.encryption == "aws:kms" else "not encrypted"

details = Execution.get_start_execution_details
print(json.dumps({
    "digest": Image("1", "t", '{"layers": [{"digest": "d"}]}', "r").get_image_digest(),
    "setting": default_user_config["stepfunctions"],
    "factory": list(inspect.signature(factory.state_task_service_for).parameters),
    "factory is used": "state_task_service_for(" in inspect.getsource(factory.state_task_for),
    "check": list(inspect.signature(Machines._validate_definition).parameters),
    "check is used": [
        "_validate_definition(definition=definition)" in inspect.getsource(each)
        for each in (Machines.create_state_machine, Machines.update_state_machine)
    ],
    "index": paths.extract_json("$.a[0].b", {"a": [{"b": 2}]}),
    "filter": refused("$.a[?(@.n == 1)].v", {"a": []}),
    "names": paths.extract_json.__code__.co_names,
    "start": "start_time=self.start_date" in inspect.getsource(details),
    "code": [InvalidDefinition.code, InvalidDefinition.TYPE],
    "etags": [etag(), etag(etag="e")],
    "kept": [
        issubclass(Image, BaseModel) and len(Image.instances_tracked),
        executions.TMP_THREADS,
    ],
}))
"""


@pytest.fixture(scope="module")
def unpatched() -> dict[str, Any]:
    """Facts of moto as it is, from a process that this package has not touched."""
    done = subprocess.run(
        [sys.executable, "-c", UNPATCHED], capture_output=True, text=True, check=True, timeout=60
    )
    return dict(json.loads(done.stdout))


def test_the_pinned_version_is_the_installed_one() -> None:
    assert version("moto") == moto_seams.MOTO


def test_another_moto_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto_seams, "MOTO", "0.0.0")
    with pytest.raises(moto_seams.WrongMoto, match=r"needs moto 0\.0\.0, found .*requirements"):
        moto_seams.install()


def test_records_and_threads_are_kept_in_two_places(unpatched: dict[str, Any]) -> None:
    """For ever; local/tests/test_memory.py tells that here they are not."""
    assert unpatched["kept"] == [1, []]


def test_a_record_may_be_a_dictionary_too() -> None:
    moto_seams.install()

    class Both(BaseModel, dict[str, int]):
        pass

    assert Both(a=1) == {"a": 1}


def test_backends_are_made_from_the_attribute() -> None:
    from moto.core.base_backend import BackendDict, BaseBackend

    class First(BaseBackend):
        pass

    class Second(BaseBackend):
        pass

    backends: Any = BackendDict(First, "s3", use_boto3_regions=False, additional_regions=["here"])
    backends.backend = Second
    assert type(backends["111122223333"]["here"]) is Second


def test_a_subclass_can_set_its_url_module() -> None:
    from moto.core.base_backend import BaseBackend

    assert isinstance(inspect.getattr_static(BaseBackend, "_url_module"), property)


@pytest.mark.parametrize("service", ["sagemaker", "sagemakerruntime", "stepfunctions"])
def test_paths_are_a_table_that_can_be_changed(service: str) -> None:
    urls = __import__(f"moto.{service}.urls", fromlist=["urls"])
    assert isinstance(urls.url_paths, dict)
    assert all(callable(each) for each in urls.url_paths.values())


def test_the_authorizer_is_one_method() -> None:
    from moto.core.authorization import ActionAuthenticatorMixin

    method = ActionAuthenticatorMixin._authenticate_and_authorize_action
    assert parameters(method) == ["self", "iam_request_cls", "resource"]


def test_bucket_policies_are_read_in_one_method() -> None:
    from moto.s3.models import FakeBucket

    assert parameters(FakeBucket.get_permission) == ["self", "action", "resource"]


def test_what_is_told_of_an_object_is_one_property() -> None:
    from moto.s3.models import FakeKey

    assert isinstance(inspect.getattr_static(FakeKey, "response_dict"), property)


def test_an_object_is_made_with_its_etag_and_what_encrypts_it(unpatched: dict[str, Any]) -> None:
    """And of one under a key of KMS moto takes the MD5, or what it is given."""
    md5 = "9e3669d19b675bd57058fd4664205d2a"
    assert unpatched["etags"] == [f'"{md5}"', '"e"']


def test_the_rules_are_told_of_objects_by_these_names() -> None:
    from moto.s3 import models, notifications

    sent = inspect.getsource(notifications.send_event)
    assert "_send_event_bridge_message(account_id, bucket, event_name, key)" in sent
    assert "events_send_notification(" in inspect.getsource(models.S3Backend.create_bucket)
    ended = inspect.getsource(models.S3Backend.complete_multipart_upload)
    assert "disable_notification" not in ended.partition("set_metadata")[0]  # it is told twice


def test_an_event_is_matched_by_these_names() -> None:
    from moto.events.models import EventPattern

    pattern = EventPattern.load('{"source": ["a"]}')
    assert pattern.get_pattern() == {"source": ["a"]}
    assert parameters(pattern.matches_event) == ["event"]
    let_through = EventPattern._does_item_match_named_filter
    assert let_through("a", {"ends-with": "b"})  # a matcher that it does not know


def test_a_queue_has_its_attributes_set_in_one_method() -> None:
    from moto.sqs.models import Queue

    assert parameters(Queue._set_attributes) == ["self", "attributes", "now"]
    assert isinstance(inspect.getattr_static(Queue, "policy"), property)


def test_a_key_is_made_without_a_pair_to_sign_with(aws: Aws) -> None:
    from moto.kms import models

    assert "self.private_key = generate_private_key(self.key_spec)" in inspect.getsource(models.Key)
    key = aws.client("kms").create_key()["KeyMetadata"]
    backend = models.kms_backends[aws.context.account][aws.context.region]
    assert backend.keys[key["KeyId"]].private_key is None


def test_models_are_read_by_a_loader_that_is_asked_for_by_its_name(aws: Aws) -> None:
    import botocore.session
    from moto.core import utils

    assert utils._load_service_model.__code__.co_names[0] == "create_loader"
    assert utils.create_loader() is utils.create_loader()
    first, other = (botocore.session.Session().get_component("data_loader") for _ in range(2))
    assert first is other


def test_the_service_of_a_host_depends_on_nothing_else() -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    assert parameters(DomainDispatcherApplication.get_backend_for_host) == ["self", "host"]


def test_an_unmet_deny_does_not_close_a_bucket(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket(key="v")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": "999999999999"}},
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"v"


def test_moto_digests_something_else_than_the_manifest(unpatched: dict[str, Any]) -> None:
    assert unpatched["digest"].startswith("sha256:18ac3e73")  # of the layer's name, "d"


def test_an_images_digest_is_that_of_its_manifest(aws: Aws) -> None:
    import hashlib

    ecr, repository = aws.client("ecr"), unique("repository")
    ecr.create_repository(repositoryName=repository, imageTagMutability="IMMUTABLE")
    manifests = [
        json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json", "n": number})
        for number in range(2)
    ]
    put = ecr.put_image(repositoryName=repository, imageManifest=manifests[0], imageTag="one")
    digest = "sha256:" + hashlib.sha256(manifests[0].encode()).hexdigest()
    assert put["image"]["imageId"]["imageDigest"] == digest
    described = ecr.describe_images(repositoryName=repository, imageIds=[{"imageDigest": digest}])
    assert described["imageDetails"][0]["imageTags"] == ["one"]
    with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException):
        ecr.put_image(repositoryName=repository, imageManifest=manifests[1], imageTag="one")


def test_records_of_sagemaker_lie_in_tables_by_name() -> None:
    from moto.sagemaker.models import SageMakerModelBackend

    backend = SageMakerModelBackend("eu-west-1", "111122223333")
    registry = ("model_package_groups", "model_packages")
    jobs = ("training_jobs", "processing_jobs", "hyper_parameter_tuning_jobs")
    for table in ("_models", "endpoint_configs", "endpoints", *jobs, *registry):
        assert getattr(backend, table) == {}


def test_tags_of_sagemaker_are_read_from_the_record() -> None:
    from moto.sagemaker.models import SageMakerModelBackend

    from local.sagemaker.records import Record

    backend: Any = SageMakerModelBackend("eu-west-1", "111122223333")
    tag = {"Key": "k", "Value": "v"}
    backend.endpoints["e"] = Record({}, [tag])
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e"
    assert backend.list_tags(arn=arn, MaxResults=None, NextToken=None)[0] == [tag]


def test_executions_look_for_machines_in_the_registry_that_is_replaced() -> None:
    import moto.stepfunctions.models as records
    import moto.stepfunctions.parser.models as interpreter
    from moto.stepfunctions import responses

    assert "stepfunctions_parser_backends" in inspect.getsource(responses.get_backend)
    assert isinstance(interpreter.StepFunctionsParserBackend.__mro__[1], type)
    assert records.stepfunctions_backends is not None


def test_the_interpreter_is_switched_on_by_this_setting(unpatched: dict[str, Any]) -> None:
    assert unpatched["setting"] == {"execute_state_machine": False}


def test_tasks_are_made_by_one_factory(unpatched: dict[str, Any]) -> None:
    assert (unpatched["factory"], unpatched["factory is used"]) == (["service_name"], True)


def test_definitions_are_checked_by_one_function(unpatched: dict[str, Any]) -> None:
    assert (unpatched["check"], unpatched["check is used"]) == (["definition"], [True, True])


def test_a_task_is_called_with_these_arguments() -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
        StateTaskServiceCallback as Task,
    )

    arguments = [
        "self",
        "env",
        "resource_runtime_part",
        "normalised_parameters",
        "state_credentials",
    ]
    assert parameters(Task._eval_service_task) == arguments
    assert parameters(Task._build_sync_resolver) == arguments
    assert parameters(Task._build_sync2_resolver) == arguments
    assert parameters(Task._eval_sync)[:3] == ["self", "env", "sync_resolver"]
    assert parameters(Task._normalise_parameters)[:2] == ["self", "parameters"]
    for name in ("_get_sfn_resource", "_get_sfn_resource_type"):
        assert parameters(getattr(Task, name))[0] == "self"
    assert parameters(Task._validate_service_integration_is_supported) == ["self"]


def test_paths_are_parsed_by_names_of_their_module(unpatched: dict[str, Any]) -> None:
    assert (unpatched["index"], unpatched["filter"]) == ([2], "refused")
    for name in ("parse", "_is_singleton_array_access", "_contains_slice_or_wildcard_array"):
        assert name in unpatched["names"]


def test_a_choice_compares_in_one_method() -> None:
    from moto.stepfunctions.parser.asl.component.state.choice.comparison import (
        comparison_variable,
        variable,
    )

    compare = comparison_variable.ComparisonVariable
    assert parameters(compare.__init__) == ["self", "variable", "func"]
    assert parameters(compare._eval_body) == ["self", "env"]
    assert parameters(variable.NoSuchVariable.__init__) == ["self", "path"]


def test_the_start_time_of_an_execution_is_a_datetime_in_moto(unpatched: dict[str, Any]) -> None:
    assert unpatched["start"]


def test_an_execution_can_be_described_listed_and_stopped_by_these_names() -> None:
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped
    from moto.stepfunctions.parser.backend.execution import Execution

    for name in ("to_describe_output", "to_execution_list_item", "to_history_output"):
        assert parameters(getattr(Execution, name)) == ["self"]
    assert parameters(Execution.stop) == ["self", "stop_date", "error", "cause"]
    assert parameters(Environment.program_state) == parameters(Environment.is_running) == ["self"]
    assert ProgramStopped is not ProgramError


def test_the_interpreters_errors_have_a_code_that_is_not_sent(
    unpatched: dict[str, Any],
) -> None:
    assert unpatched["code"] == ["InvalidDefinition", None]


def test_an_execution_begins_and_ends_in_two_methods() -> None:
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
    from moto.stepfunctions.parser.backend.execution import (
        BaseExecutionWorkerCommunication,
        Execution,
    )
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    assert parameters(Execution.start) == ["self"]
    assert parameters(BaseExecutionWorkerCommunication.terminated) == ["self"]
    assert "_execution_communication.terminated()" in inspect.getsource(ExecutionWorker)
    assert parameters(ProgramStopped) == ["stop_date", "error", "cause"]


def test_the_words_of_a_definition_are_those_of_motos_own_lexer() -> None:
    """By text and kind; what is no word of JSON, or one that the lexer takes for several, is left
    to it."""
    from antlr4 import CommonTokenStream, InputStream
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer

    from local.stepfunctions import reading

    def by_moto(text: str) -> list[tuple[str, int]]:
        stream = CommonTokenStream(ASLLexer(InputStream(text)))
        stream.fill()
        return [(one.text, one.type) for one in stream.tokens[:-1]]

    def by_us(text: str) -> list[tuple[str, int]]:
        return [(word, reading.kind(word)) for word in reading.words(text) or []]

    values = ["é\"\\\n", "$.a[0]", "$$.Execution", "$var", "States.Format('{}', $.a)", "{% $x %}",
              "", "$", "States.ALL", "States.ALLO", "a.$", ".$", "a$", "a\\.$", "RoleArn.$", "{%",
              1, -2.5, 0, True, None, [], {}]  # fmt: skip
    values += [name.strip("\"'") for name in ASLLexer.literalNames]
    for indent in (None, 2):
        whole = json.dumps({"Comment": values, "StartAt": {"Type": "Task"}}, indent=indent)
        for text in (whole, f"\n{whole}\t\n "):
            assert by_us(text) == by_moto(text)
    for text in ("[1, none]", "NaN", '"a', "'a'"):
        assert reading.words(text) is None, text
    for word in ("007", "1.2.3", "-2.5e-07", '"\\q"'):
        assert not reading.kind(word), word


def test_what_states_hand_on_is_copied_by_a_function_of_a_name() -> None:
    import moto.stepfunctions.parser.asl.component.common.string.string_expression as strings
    import moto.stepfunctions.parser.asl.component.state.exec.execute_state as states
    import moto.stepfunctions.parser.asl.eval.states as data

    from local.moto_workflows import copied

    for module in (strings, states, data):
        assert "copy.deepcopy(" in inspect.getsource(module)
        assert set(re.findall(r"\bcopy\.(\w+)", inspect.getsource(module))) == {"deepcopy"}
        assert vars(module)["copy"].deepcopy is copied
    for given in ({"a": [1, 2.5, None, True, {"é": "\ud800"}]}, [{"no JSON": datetime.now(UTC)}]):
        made: Any = copied(given)
        assert made == given
        assert made is not given


def test_a_call_that_fails_after_its_execution_was_stopped_leaves_it_stopped(aws: Aws) -> None:
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.program_state import ProgramError, ProgramStopped

    context: Any = {"Execution": {"Input": {}}}
    environment = Environment(None, None, context, None, None, None)  # type: ignore[arg-type]
    environment.next_state_name = "Only"
    environment.set_stop(None, "enough", None)  # type: ignore[arg-type]
    environment.set_error({"error": "Late", "cause": "it was under way"})
    assert isinstance(environment.program_state(), ProgramStopped)
    running = Environment(None, None, context, None, None, None)  # type: ignore[arg-type]
    running.set_error({"error": "First", "cause": "nobody stopped it"})
    assert isinstance(running.program_state(), ProgramError)


def test_a_caught_error_is_compared_in_one_method() -> None:
    from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
        ErrorEqualsDecl,
    )

    assert parameters(ErrorEqualsDecl._eval_body) == ["self", "env"]
    assert parameters(ErrorEqualsDecl) == ["error_names"]
