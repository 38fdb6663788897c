"""Training: is there data, and which? The first run of a project brings its own."""

from awacs import kms, s3
from awacs.aws import Statement
from troposphere import Sub

from templates.kit.grants import list_objects, read_objects, use_key
from templates.kit.iam import allow, objects
from templates.kit.names import CHECKPOINTS, PREPARED, version_objects
from templates.parameters import Parameters
from templates.parts.storage import Storage
from templates.workflows.failure import problem, say_cause
from templates.workflows.language import (
    EXPLAIN,
    State,
    Step,
    catch,
    choose,
    compares,
    each,
    end,
    equals,
    fail,
    present,
    put,
    task,
    when,
)
from templates.workflows.training.triggers import MANIFEST

# What Configure lays there for the first run to copy
SEED_FILES = "$.settings.seedFiles"
SEEDS = ("train.tfrecords", "validation.tfrecords", "eval.tfrecords")
DATA, _SEEDED = "$.data", "$.seeded"
# Which data it is, as a hash, and where a job reads it
DATA_SHA256, DATA_URI = f"{DATA}.sha256", f"{DATA}.uri"
# What data is known by: what a listing says of its files or, where that has not all of them, the
# name of this run, so that no other resumes it and misses a change
_ETAGS, _OWN_NAME = f"{DATA}.Contents[*].ETag", "States.Array($.name)"
# What its manifest says that it is: one SHA-256, or none
_MANIFEST = "$.manifest"
MANIFEST_SHA256 = f"{_MANIFEST}.sha256"
# Where a job keeps its checkpoints
CHECKPOINT_CONFIG = "$.checkpoints"


def find_data(parameters: Parameters, storage: Storage) -> list[Step]:
    """From the input to a bucket that holds data, and the identity of that data."""
    data_bucket = {"DataBucket": storage.data.ref()}
    listing = task(
        "FindData",
        "aws-sdk:s3:listObjectsV2",
        # StartAfter: the console's "create folder" leaves an empty object named data/
        {"Bucket": "${DataBucket}", "Prefix": "data/", "StartAfter": "data/", "MaxKeys": 100},
        grants=list_objects("ListData", storage.data, "data/"),
        tokens=data_bucket,
        at=DATA,
    )
    raw: State = {"uri": "s3://${DataBucket}/data/"}
    vanished = problem(
        "DataVanished",
        "There is no data in s3://${DataBucket}/data/, although it was copied there",
        error="NoData",
        tokens=data_bucket,
    )
    return [
        listing,
        choose(
            "HasData",
            when(
                equals(f"{DATA}.IsTruncated", True),
                [_identify("DataIsLarge", _OWN_NAME, raw, data_bucket)],
            ),
            when(
                compares(f"{DATA}.KeyCount", "NumericGreaterThan", 0),
                [_identify("IdentifyData", _ETAGS, raw, data_bucket)],
            ),
            when(present(_SEEDED), [vanished]),
            otherwise=[_seed_data(parameters, storage, listing.name)],
        ),
    ]


def _identify(name: str, identity: str, uri: State, tokens: State | None = None) -> Step:
    """What the story carries of data, in the place of a listing."""
    sha256 = _hash(f"States.JsonToString({identity})")
    return put(name, DATA, {"sha256.$": sha256, **uri}, tokens=tokens)


def find_manifest(storage: Storage) -> Step:
    """What the data is by its manifest: `make data-upload` notes the SHA-256 of it with the object.

    An ETag tells nothing of the content of an object under a key: the same manifest has another
    each time it is put (github.com/aws/aws-sdk-java-v2, issue 7082). Where there is none, or it is
    of somebody who notes nothing, nothing is known, which costs a training more at worst.
    """
    return task(
        "FindManifest",
        "aws-sdk:s3:headObject",
        {"Bucket": "${DataBucket}", "Key": MANIFEST},
        grants=read_objects("ReadManifest", Sub(f"${{{storage.data.title}.Arn}}/{MANIFEST}")),
        tokens={"DataBucket": storage.data.ref()},
        at=_MANIFEST,
        # A path to what is not there would fail; looked for everywhere, it is an empty list
        select={"sha256.$": "$..sha256"},
        caught=[catch([put("NoManifest", _MANIFEST, {"sha256": []})])],
    )


def read_data(storage: Storage) -> list[Statement]:
    """For a job: what was found, or was made of it (prepare.py)."""
    return [
        *list_objects("ListData", storage.data, "data/"),
        *read_objects("ReadData", objects(storage.data, "data/")),
        *list_objects("ListPrepared", storage.artifacts, PREPARED),
        *read_objects("ReadPrepared", version_objects(storage.artifacts, PREPARED)),
    ]


def _seed_data(parameters: Parameters, storage: Storage, then: str) -> Step:
    places = {
        "BootstrapBucket": parameters.bootstrap_bucket.ref(),
        "SeedDataPrefix": parameters.seed_data_prefix.ref(),
        "DataBucket": storage.data.ref(),
    }
    missing = problem(
        "NotCopied",
        "States.Format('There is no data in s3://${DataBucket}/data/, and {} could not be copied "
        "from s3://${BootstrapBucket}/${SeedDataPrefix}: {}', $.file, $.error.Cause)",
        error="NoData",
        then=None,
        tokens=places,
    )
    cause = say_cause("HasCopyCause", "AddCopyCause", "AddCopyTimeout")
    copy = task(
        "CopyFile",
        "aws-sdk:s3:copyObject",
        {
            "CopySource.$": "States.Format('${BootstrapBucket}/${SeedDataPrefix}{}', $.file)",
            "Bucket": "${DataBucket}",
            "Key.$": "States.Format('data/{}', $.file)",
        },
        grants=[
            *read_objects(
                "ReadSeedData",
                Sub("arn:${AWS::Partition}:s3:::${BootstrapBucket}/${SeedDataPrefix}*"),
            ),
            # In one piece: CopyObject takes up to 5 GB
            allow("WriteData", [s3.PutObject], [objects(storage.data, "data/")]),
            *use_key("EncryptObjects", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens=places,
        at=None,  # of a file nothing more is told
        select={"copied": True},
        caught=[catch([*cause, missing, fail("SeedingFailed")])],
        seconds=600,
    )
    return each(
        "SeedData",
        SEED_FILES,
        {"file.$": "$$.Map.Item.Value"},
        [copy, end("Copied")],
        at=_SEEDED,
        caught=[catch(EXPLAIN)],
        then=then,
        comment="The first run of a project brings its own data",
    )


def name_checkpoints(storage: Storage) -> Step:
    """Where the job keeps its checkpoints: whoever trains the same finds them and goes on.

    The folder's name is the SHA-256 of the commit, the hyperparameters and the ETags of the data,
    which change when it is put (Object, Amazon S3 API Reference). A hash takes 10,000 characters
    (Intrinsic functions, Step Functions Developer Guide): 100 ETags are fewer than 5,000, and the
    Build stage holds the hyperparameters to it.
    """
    hyperparameters = _hash("States.JsonToString($.hyperparameters)")
    same = _hash(f"States.Format('{{}} {{}} {{}}', $.commit, {hyperparameters}, {DATA_SHA256})")
    uri = f"States.Format('s3://${{ArtifactBucket}}/{CHECKPOINTS}{{}}/', {same})"
    return put(
        "NameCheckpoints",
        CHECKPOINT_CONFIG,
        {"S3Uri.$": uri},
        tokens={"ArtifactBucket": storage.artifacts.ref()},
    )


def _hash(value: str) -> str:
    return f"States.Hash({value}, 'SHA-256')"
