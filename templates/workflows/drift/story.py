"""The drift workflow: are requests still like what the model was made for?

A look takes what was captured since the last one, and lets a job compare it with the baseline that
the evaluation of the version that serves has left (container/README.md, "Drift"). What the job
finds becomes a metric, whose alarm stands until a look finds nothing; a person is told when that
changes; and where the stack says so, drift asks for a training at the one door (training/door.py).
The job decides whether that is due: its cool-down begins with the model, and with the last training
that drift asked for, so that a model that drifts at once does not train in a loop.

Input: {"trigger": {"kind", "by", "id"}}, of a schedule or a person. It looks for the program in the
image that the newest push has built.
"""

from awacs import kms, s3, sagemaker
from troposphere import Ref, Sub, Template
from troposphere.iam import Role
from troposphere.kms import Key
from troposphere.sns import Topic
from troposphere.stepfunctions import StateMachine

from templates.kit.grants import list_objects, put_metrics, read_objects, use_key, write_objects
from templates.kit.iam import allow, arn, objects
from templates.kit.names import (
    CAPTURED,
    DRIFT,
    LOOKED_AT,
    RETRAINING,
    version_arns,
    version_objects,
    version_prefix,
)
from templates.parameters import Parameters
from templates.parts.alarms import DRIFTED, NAMESPACE, SCORE, VARIANT
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.deployment.endpoint import SEEN, describe_endpoint, endpoint_is
from templates.workflows.deployment.serving import describe_config
from templates.workflows.deployment.version import ASKED_AT_TAG
from templates.workflows.failure import check_input, failure, notify, problem
from templates.workflows.hand_over import BEGUN_BEFORE
from templates.workflows.job import PROCESSING, VERSION_NAME, job, job_role
from templates.workflows.language import (
    EXPLAIN,
    Below,
    State,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    check,
    choose,
    compares,
    end,
    equals,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.machine import add_state_machine
from templates.workflows.settings import (
    DriftSettings,
    drift_settings,
    setting_tokens,
    setting_values,
)
from templates.workflows.training.triggers import start_training

# So many files in one look: their names are at most 256 KiB (Quotas, Step Functions Developer
# Guide). Whatever is more is for the next look
MOST_FILES = 500
SECONDS = 3600

_PLACE = f"{CAPTURED}${{ProjectName}}/{VARIANT}/"
_LAST = f"{DRIFT}last.json"
_SERVED, _TAGS, _FOUND, _FILES = "$.served", "$.tags", "$.before", "$.files"
_LAST_AT, _WRITTEN, _READ, _PLAN = "$.last", "$.written", "$.read", "$.plan"
_DRIFT, _VERSION, _NEWEST = "$.drift", "$.version", "$.newest"
_INPUT = "/opt/ml/processing/input"
# drift.json has at most 64 KiB
_FIRST_BYTES = "bytes=0-131071"


def add_drift(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
    training: StateMachine,
) -> StateMachine:
    settings, topic, key = drift_settings(parameters), notifications.topic, storage.key
    story = [
        check_input(("trigger",), ", as the schedule and `make drift` give"),
        _configure(settings),
        *_find_served(),
        *_find_last(storage),
        *_find_captured(storage),
        *_find_baseline(storage),
        *_find_image(storage),
        *_write_manifest(storage),
        _plan(settings, storage),
        *job(
            "Compare",
            PROCESSING,
            _request(),
            noun="Drift",
            result="$.job",
            instance_type=settings.instance_type.path,
            machines={"InstanceCount": 1, "VolumeSizeInGB": 10},
            role=_role(storage, registry),
            key=storage.key,
            seconds=f"{_PLAN}.timeoutSeconds",
            tokens={"Key": storage.key.get_att("Arn")},
        ),
        *_read_drift(storage),
        choose(
            "WasEnough",
            when(equals(f"{_DRIFT}.verdict", "too-few"), [*_say("TooFew", f"{_DRIFT}.words")]),
            when(equals(f"{_DRIFT}.verdict", "no-baseline"), [*_say("Unread", f"{_DRIFT}.words")]),
            otherwise=None,
        ),
        *_put_metrics(),
        *_retrain(settings, training),
        _remember(storage),
        _tell(topic, key),
        *_say("Looked", f"{_DRIFT}.words"),
        *failure("${ProjectName}: drift could not be looked at", topic, key),
    ]
    return add_state_machine(
        template,
        "DriftWorkflow",
        "drift",
        "Compares what was captured with what the model was made for",
        story,
        parameters,
        key,
    )


def _configure(settings: DriftSettings) -> Step:
    return put(
        "Configure",
        None,
        {
            "trigger.$": "$.trigger",
            "commit.$": "$$.Execution.Name",
            "run.$": "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)",
            "settings": setting_values(settings),
        },
        tokens=setting_tokens(settings),
        comment="Parameters of the stack arrive as text; numbers are parsed here",
    )


def _say(name: str, words: str) -> list[Step]:
    """An end that is well, in a sentence."""
    told = {"found.$": words} if words.startswith("$") else {"found": words}
    return [put(f"Say{name}", None, told), end(name)]


# ---- what there is to compare, and with what


def _find_served() -> list[Step]:
    nothing = _say("NothingServes", "nothing was looked at: the endpoint serves no version")
    serves = all_of(
        present(f"{SEEN}.EndpointConfigName"),
        endpoint_is("InService", "Updating", "SystemUpdating", "RollingBack"),
    )
    gone = all_of(present("$.error.Cause"), matches("$.error.Cause", "*Could not find*"))
    absent = choose("IsEndpointThere", when(gone, nothing), otherwise=EXPLAIN)
    foreign = _say("Foreign", "nothing was looked at: what serves is no version of this stack")
    return [
        describe_endpoint("FindEndpoint", caught=[catch([absent])]),
        check("IsAnythingServed", serves, otherwise=nothing[0].name),
        describe_config("FindServingConfig", f"{SEEN}.EndpointConfigName", _SERVED),
        check(
            "IsVersion",
            matches(f"{_SERVED}.name", "${VersionPrefix}-*"),
            otherwise=foreign,
            tokens={"VersionPrefix": version_prefix()},
        ),
        # As every job of a version begins
        put(
            "NameRun",
            "$.run",
            {"job.$": "States.Format('${VersionPrefix}-drift-{}', $.run)"},
            tokens={"VersionPrefix": version_prefix()},
        ),
        put("TakeName", VERSION_NAME, "$.run.job"),
        put("TakeVersion", _VERSION, f"{_SERVED}.name"),
        task(
            "ReadServedTags",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": f"States.Format('${{Models}}/{{}}', {_VERSION})"},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            tokens={"Models": arn("sagemaker", "model")},
            at=_TAGS,
            select={"askedAt.$": f"$.Tags[?(@.Key == '{ASKED_AT_TAG}')].Value"},
        ),
    ]


def _find_last(storage: Storage) -> list[Step]:
    """Where the last look ended, if it was at the same version; else the hour in which this one was
    deployed: what was captured does not say which version answered."""
    since = f"{_TAGS}.askedAt[0]"
    parts = f"States.StringSplit({since}, '-T:')"
    hour = ", ".join(f"States.ArrayGetItem({parts}, {number})" for number in range(4))
    begin = put(
        "BeginAnew",
        _LAST_AT,
        {
            "key.$": f"States.Format('{_PLACE}{{}}/{{}}/{{}}/{{}}', {hour})",
            "since.$": since,
        },
        tokens={"ProjectName": Ref("ProjectName")},
        then=Below("GoOn"),
    )
    document = f"{_FOUND}.document"
    same = all_of(
        present(f"{document}.version"),
        compares(f"{document}.version", "StringEqualsPath", _VERSION),
    )
    return [
        *_if_there("Last", _LAST, storage, [begin]),
        _read("ReadLast", {"Key": _LAST}, storage, _FOUND, [catch(begin.name, at=_READ)]),
        choose("IsSame", when(same), otherwise=begin.name),
        put(
            "GoOn",
            _LAST_AT,
            {"key.$": f"{document}.key", "since.$": f"{document}.since"},
        ),
    ]


def _find_captured(storage: Storage) -> list[Step]:
    nothing = _say("NothingCaptured", "nothing was looked at: nothing was captured since")
    return [
        task(
            "ListCaptured",
            "aws-sdk:s3:listObjectsV2",
            {
                "Bucket": "${ArtifactBucket}",
                "Prefix": _PLACE,
                "StartAfter.$": f"{_LAST_AT}.key",
                "MaxKeys": MOST_FILES,
            },
            grants=list_objects("ListCaptured", storage.artifacts, CAPTURED),
            tokens={"ArtifactBucket": storage.artifacts.ref(), "ProjectName": Ref("ProjectName")},
            at=_FILES,
            select={"keys.$": "$..Key", "count.$": "$.KeyCount"},
        ),
        check(
            "IsAnythingCaptured",
            compares(f"{_FILES}.count", "NumericGreaterThan", 0),
            otherwise=nothing,
        ),
    ]


def _find_baseline(storage: Storage) -> list[Step]:
    """A version that was deployed by hand has none."""
    nothing = _say("NoBaseline", "nothing was looked at: this version was not evaluated here")
    key = f"States.Format('evaluations/{{}}/baseline.json', {_VERSION})"
    return _if_there("Baseline", key, storage, nothing, "evaluations/")


def _find_image(storage: Storage) -> list[Step]:
    none = problem(
        "NothingBuilt",
        "There is no image to look with yet: push a commit, or run the pipeline",
    )
    newest = f"{RETRAINING}newest.json"
    document = f"{_NEWEST}.document"
    return [
        *_if_there("Newest", newest, storage, [none], RETRAINING),
        _read("ReadNewest", {"Key": newest}, storage, _NEWEST, [catch(EXPLAIN)]),
        put("TakeImage", "$.image", f"{document}.trainingImage"),
        put("TakeCommit", "$.commit", f"{document}.commit"),
    ]


def _write_manifest(storage: Storage) -> list[Step]:
    """The files of this look, as a job takes them (S3DataSource, ManifestFile, SageMaker API
    Reference): a prefix, and what follows it in each name."""
    return [
        put(
            "GatherFiles",
            "$.manifest",
            {
                "lists": [
                    {"items": [{"prefix": "s3://${ArtifactBucket}/"}]},
                    {"items.$": f"{_FILES}.keys"},
                ]
            },
            tokens={"ArtifactBucket": storage.artifacts.ref()},
        ),
        put("ListFiles", "$.manifest", "$.manifest.lists[*].items[*]"),
        _write(
            "WriteManifest",
            {
                "Key.$": f"States.Format('{LOOKED_AT}{{}}.json', $$.Execution.Name)",
                "Body.$": "$.manifest",
            },
            storage,
        ),
    ]


# ---- the job


def _plan(settings: DriftSettings, storage: Storage) -> Step:
    """Numbers as text: arguments of a program."""
    arguments = ", ".join(
        f"'--{name}', States.Format('{{}}', {path})"
        for name, path in (
            ("threshold", settings.threshold.path),
            ("minimum", settings.minimum_records.path),
            ("cooldown-days", settings.cooldown_days.path),
            ("since", f"{_LAST_AT}.since"),
        )
    )
    place = f"'s3://${{ArtifactBucket}}/{DRIFT}{{}}/{{}}/', {_VERSION}, $$.Execution.Name"
    return put(
        "Plan",
        _PLAN,
        {
            "arguments.$": f"States.Array({arguments})",
            "uri.$": f"States.Format({place})",
            "key.$": f"States.Format('{DRIFT}{{}}/{{}}/drift.json', {_VERSION}, $$.Execution.Name)",
            "captured.$": f"States.Format('s3://${{ArtifactBucket}}/{LOOKED_AT}{{}}.json', "
            "$$.Execution.Name)",
            "baseline.$": "States.Format('s3://${ArtifactBucket}/evaluations/{}/baseline.json', "
            f"{_VERSION})",
            "timeoutSeconds": 2 * SECONDS,
        },
        tokens={"ArtifactBucket": storage.artifacts.ref()},
    )


def _request() -> State:
    return {
        "AppSpecification": {
            "ImageUri.$": "$.image",
            "ContainerEntrypoint": ["drift"],
            "ContainerArguments.$": f"{_PLAN}.arguments",
        },
        "ProcessingInputs": [
            _input("captured", "ManifestFile"),
            _input("baseline", "S3Prefix"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "drift",
                    "S3Output": {
                        "S3Uri.$": f"{_PLAN}.uri",
                        "LocalPath": "/opt/ml/processing/output/drift",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": "${Key}",
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": SECONDS},
    }


def _input(name: str, kind: str) -> State:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri.$": f"{_PLAN}.{name}",
            "LocalPath": f"{_INPUT}/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
        },
    }


def _role(storage: Storage, registry: Registry) -> Role:
    grants = [
        *list_objects("ListCaptured", storage.artifacts, CAPTURED),
        *list_objects("ListManifests", storage.artifacts, LOOKED_AT),
        *list_objects("ListBaselines", storage.artifacts, "evaluations/"),
        *read_objects("ReadCaptured", objects(storage.artifacts, CAPTURED)),
        *read_objects("ReadManifests", objects(storage.artifacts, LOOKED_AT)),
        *read_objects(
            "ReadBaselines", version_objects(storage.artifacts, "evaluations/", "/baseline.json")
        ),
        *write_objects("WriteDrift", version_objects(storage.artifacts, DRIFT)),
        # Asked of whoever names a key for the output (ProcessingOutputConfig, SageMaker API)
        allow("EncryptDrift", [kms.Encrypt], [storage.key.get_att("Arn")]),
    ]
    description = "What a drift job may do"
    return job_role("DriftJobRole", description, PROCESSING, registry, storage.key, grants)


# ---- what it found


def _read_drift(storage: Storage) -> list[Step]:
    names = ("verdict", "words", "score", "retrain", "why")
    found = {f"{name}.$": f"{_READ}.document.{name}" for name in names}
    return [
        _read("ReadDrift", {"Key.$": f"{_PLAN}.key"}, storage, _READ, [catch(EXPLAIN)]),
        put("TakeDrift", _DRIFT, {**found, "uri.$": f"{_PLAN}.uri"}),
    ]


def _put_metrics() -> list[Step]:
    datum = {"MetricName": SCORE, "Value.$": f"{_DRIFT}.score", "Unit": "None"}
    return [
        put("IsSteady", "$.drifted", {"number": 0}),
        choose(
            "HasDrifted",
            when(
                equals(f"{_DRIFT}.verdict", "drifted"),
                [put("Drifted", "$.drifted", {"number": 1})],
            ),
            otherwise=None,
        ),
        task(
            "PutDrift",
            "aws-sdk:cloudwatch:putMetricData",
            {
                "Namespace": NAMESPACE,
                "MetricData": [
                    datum,
                    {"MetricName": DRIFTED, "Value.$": "$.drifted.number", "Unit": "Count"},
                ],
            },
            grants=put_metrics(Sub(NAMESPACE)),
            tokens={"ProjectName": Ref("ProjectName")},
            at=_WRITTEN,
        ),
    ]


def _retrain(settings: DriftSettings, training: StateMachine) -> list[Step]:
    wanted = all_of(
        equals(f"{_DRIFT}.retrain", True),
        equals(settings.retrain.path, "yes"),
    )
    ask = task(
        "AskForTraining",
        "states:startExecution",
        {
            "StateMachineArn": "${TrainingWorkflow}",
            # A call whose answer was lost starts no second one (StartExecution)
            "Name.$": "States.Format('drift-{}', $$.Execution.Name)",
            "Input": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                "trigger": {
                    "kind": "drift",
                    "by.$": f"{_DRIFT}.uri",
                    "id.$": "$$.Execution.Name",
                },
            },
        },
        grants=[start_training(training)],
        tokens={"TrainingWorkflow": training.ref()},
        at="$.training",
        caught=[catch(None, error=BEGUN_BEFORE, at="$.training"), catch(EXPLAIN)],
    )
    now = put("BeginCooldown", f"{_LAST_AT}.since", "$$.State.EnteredTime")
    return [choose("IsTrainingWanted", when(wanted, [ask, now]), otherwise=None)]


def _remember(storage: Storage) -> Step:
    last = f"States.ArrayGetItem({_FILES}.keys, States.MathAdd({_FILES}.count, -1))"
    return _write(
        "RememberLook",
        {
            "Key": _LAST,
            "Body": {
                "key.$": last,
                "version.$": _VERSION,
                "since.$": f"{_LAST_AT}.since",
                "verdict.$": f"{_DRIFT}.verdict",
                "words.$": f"{_DRIFT}.words",
                "uri.$": f"{_DRIFT}.uri",
                "at.$": "$$.State.EnteredTime",
            },
        },
        storage,
    )


def _tell(topic: Topic, key: Key) -> Step:
    """When it begins, and not again at each look: the alarm stands until it is over."""
    before = f"{_FOUND}.document.verdict"
    told = notify(
        "TellDrift",
        "${ProjectName}: requests are not like what the model was made for",
        f"States.Format('{{}}: {{}}. Trained anew: {{}}', {_VERSION}, "
        f"{_DRIFT}.words, {_DRIFT}.why)",
        topic,
        key,
        then=Below("IsNews"),
        run="make drift",
    )
    news = all_of(
        equals(f"{_DRIFT}.verdict", "drifted"),
        any_of({"Not": present(before)}, {"Not": equals(before, "drifted")}),
    )
    return choose("IsNews", when(news, [told]), otherwise=None)


# ---- S3


def _if_there(
    what: str, key: str, storage: Storage, absent: list[Step], folder: str = DRIFT
) -> list[Step]:
    """A listing tells what is absent from what is forbidden (GetObject, S3 API Reference)."""
    prefix = {"Prefix.$": key} if key.startswith("States.") else {"Prefix": key}
    return [
        task(
            f"Find{what}",
            "aws-sdk:s3:listObjectsV2",
            {"Bucket": "${ArtifactBucket}", **prefix, "MaxKeys": 1},
            grants=list_objects(f"List{folder.strip('/').capitalize()}", storage.artifacts, folder),
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_READ,
            select={"count.$": "$.KeyCount"},
        ),
        check(
            f"Is{what}There",
            compares(f"{_READ}.count", "NumericGreaterThan", 0),
            otherwise=absent,
        ),
    ]


def _read(name: str, key: State, storage: Storage, at: str, caught: list[State]) -> Step:
    left = version_objects(storage.artifacts, DRIFT, "/drift.json")
    files = [_file(storage, each) for each in (_LAST, f"{RETRAINING}newest.json")]
    return task(
        name,
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", **key, "Range": _FIRST_BYTES},
        grants=[
            allow("ReadDrift", [s3.GetObject], [left, *files]),
            *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=at,
        select={"document.$": "States.StringToJson($.Body)"},
        caught=caught,
    )


def _write(name: str, what: State, storage: Storage, then: Way = None) -> Step:
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", **what},
        grants=[
            allow(
                "WriteDrift",
                [s3.PutObject],
                [_file(storage, _LAST), objects(storage.artifacts, LOOKED_AT)],
            ),
            *use_key("EncryptObjects", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=_WRITTEN,
        then=then,
    )


def _file(storage: Storage, key: str) -> Sub:
    return Sub(f"${{{storage.artifacts.title}.Arn}}/{key}")
