"""Drift: what there is to compare, and with what."""

from awacs import sagemaker
from troposphere import Ref

from templates.kit.grants import list_objects
from templates.kit.iam import allow, arn
from templates.kit.names import CAPTURED, LOOKED_AT, RETRAINING, version_arns, version_prefix
from templates.parts.alarms import VARIANT
from templates.parts.storage import Storage
from templates.workflows.deployment.endpoint import SEEN, describe_endpoint, endpoint_is
from templates.workflows.deployment.serving import describe_config
from templates.workflows.deployment.version import ASKED_AT_TAG
from templates.workflows.drift.marks import LAST_FILE, READ, if_there, read_mark, write_mark
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    Below,
    Step,
    all_of,
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

# So many files in one look: their names are at most 256 KiB (Quotas, Step Functions Developer
# Guide)
MOST_FILES = 500
# What the looks before it in this run have found, as the beginning of a sentence; the number of
# this one, and what its files are called by
TOLD, LOOK = "$.told", "$.look"
LOOK_ID = f"{LOOK}.id"
VERSION, FILES = "$.version", "$.files"
# What last.json has, or is to have; the last file of this look
LAST, UNTIL = "$.last", "$.until"
IS_MORE = equals(f"{FILES}.isMore", True)

_PLACE = f"{CAPTURED}${{ProjectName}}/{VARIANT}/"
_SERVED, _TAGS, _BEGIN, _FOUND, _NEWEST = "$.served", "$.tags", "$.begin", "$.before", "$.newest"


def say(name: str, words: str, *paths: str) -> list[Step]:
    """An end that is well, in a sentence, behind what earlier looks of this run have found."""
    values = ", ".join((f"{TOLD}.words", *paths))
    return [
        put(f"Say{name}", None, {"found.$": f"States.Format('{{}}{words}', {values})"}),
        end(name),
    ]


def find_served() -> list[Step]:
    nothing = say("NothingServes", "nothing was looked at: the endpoint serves no version")
    serves = all_of(
        present(f"{SEEN}.EndpointConfigName"),
        endpoint_is("InService", "Updating", "SystemUpdating", "RollingBack"),
    )
    gone = all_of(present("$.error.Cause"), matches("$.error.Cause", "*Could not find*"))
    absent = choose("IsEndpointThere", when(gone, nothing), otherwise=EXPLAIN)
    foreign = say("Foreign", "nothing was looked at: what serves is no version of this stack")
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
        put("TakeVersion", VERSION, f"{_SERVED}.name"),
        task(
            "ReadServedTags",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": f"States.Format('${{Models}}/{{}}', {VERSION})"},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            tokens={"Models": arn("sagemaker", "model")},
            at=_TAGS,
            select={"askedAt.$": f"$.Tags[?(@.Key == '{ASKED_AT_TAG}')].Value"},
        ),
    ]


def find_last(storage: Storage) -> list[Step]:
    """Where the last look ended, if it was at the same version and since that began to serve."""
    since, document = f"{_BEGIN}.since", f"{_FOUND}.document"
    parts = f"States.StringSplit({since}, '-T:')"
    hour = ", ".join(f"States.ArrayGetItem({parts}, {number})" for number in range(4))
    begin = put(
        "BeginAnew",
        LAST,
        {
            "key.$": f"{_BEGIN}.key",
            "version.$": VERSION,
            "since.$": since,
            **{"verdict": "none", "words": "", "uri": ""},
            "at.$": since,
        },
        then=Below("GoOn"),
    )
    same = all_of(
        present(f"{document}.version"),
        compares(f"{document}.version", "StringEqualsPath", VERSION),
        compares(f"{document}.key", "StringGreaterThanPath", f"{_BEGIN}.key"),
    )
    return [
        *_find_begin(),
        put(
            "NameBegin",
            _BEGIN,
            {"since.$": since, "key.$": f"States.Format('{_PLACE}{{}}/{{}}/{{}}/{{}}', {hour})"},
            tokens={"ProjectName": Ref("ProjectName")},
        ),
        *if_there("Last", LAST_FILE, storage, [begin]),
        read_mark("ReadLast", {"Key": LAST_FILE}, storage, _FOUND, [catch(begin.name, at=READ)]),
        choose("IsSame", when(same), otherwise=begin.name),
        put("GoOn", LAST, document),
    ]


def _find_begin() -> list[Step]:
    """When a version began to serve: its configuration was made right before, and one that was
    taken back says when (deployment/kept.py). What was captured does not say which one answered."""
    back_at, made_at = f"{_TAGS}.askedAt[0]", f"{_SERVED}.createdAt"
    later = all_of(present(back_at), compares(back_at, "TimestampGreaterThanPath", made_at))
    return [
        choose(
            "CameBack",
            when(later, [put("TakeComingBack", _BEGIN, {"since.$": back_at})]),
            otherwise=[put("TakeMaking", _BEGIN, {"since.$": made_at})],
        )
    ]


def find_captured(storage: Storage) -> list[Step]:
    nothing = say("NothingCaptured", "nothing was looked at: nothing was captured since")
    last = f"States.ArrayGetItem({FILES}.keys, States.MathAdd({FILES}.count, -1))"
    return [
        task(
            "ListCaptured",
            "aws-sdk:s3:listObjectsV2",
            {
                "Bucket": "${ArtifactBucket}",
                "Prefix": _PLACE,
                "StartAfter.$": f"{LAST}.key",
                "MaxKeys": MOST_FILES,
            },
            grants=list_objects("ListCaptured", storage.artifacts, CAPTURED),
            tokens={"ArtifactBucket": storage.artifacts.ref(), "ProjectName": Ref("ProjectName")},
            at=FILES,
            select={"keys.$": "$..Key", "count.$": "$.KeyCount", "isMore.$": "$.IsTruncated"},
        ),
        check(
            "IsAnythingCaptured",
            compares(f"{FILES}.count", "NumericGreaterThan", 0),
            otherwise=nothing,
        ),
        put("TakeLastFile", UNTIL, {"key.$": last}),
    ]


def find_baseline(storage: Storage) -> list[Step]:
    """A version that was deployed by hand has none."""
    nothing = say("NoBaseline", "nothing was looked at: this version was not evaluated here")
    key = f"States.Format('evaluations/{{}}/baseline.json', {VERSION})"
    return if_there("Baseline", key, storage, nothing, "evaluations/")


def find_image(storage: Storage) -> list[Step]:
    none = problem(
        "NothingBuilt",
        "There is no image to look with yet: push a commit, or run the pipeline",
    )
    newest = f"{RETRAINING}newest.json"
    document = f"{_NEWEST}.document"
    return [
        *if_there("Newest", newest, storage, [none], RETRAINING),
        read_mark("ReadNewest", {"Key": newest}, storage, _NEWEST, [catch(EXPLAIN)]),
        put("TakeImage", "$.image", f"{document}.trainingImage"),
        put("TakeCommit", "$.commit", f"{document}.commit"),
    ]


def write_manifest(storage: Storage) -> list[Step]:
    """The files of this look, as a job takes them (S3DataSource, ManifestFile, SageMaker API
    Reference): a prefix, and what follows it in each name."""
    return [
        put(
            "GatherFiles",
            "$.manifest",
            {
                "lists": [
                    {"items": [{"prefix": "s3://${ArtifactBucket}/"}]},
                    {"items.$": f"{FILES}.keys"},
                ]
            },
            tokens={"ArtifactBucket": storage.artifacts.ref()},
        ),
        put("ListFiles", "$.manifest", "$.manifest.lists[*].items[*]"),
        write_mark(
            "WriteManifest",
            {
                "Key.$": f"States.Format('{LOOKED_AT}{{}}.json', {LOOK_ID})",
                "Body.$": "$.manifest",
            },
            storage,
        ),
    ]
