"""Training, first part: check the input, settle the settings, and make sure that there is data."""

from troposphere import Sub

from templates.asl import Step, catch, retry, states, task
from templates.grants import list_objects, read_objects, use_key, write_objects
from templates.machine import check_input, fail, problem
from templates.names import version_prefix
from templates.parameters import Parameters
from templates.storage import Storage

_NEEDED = ("commit", "version", "trainingImage", "servingImage", "hyperparameters")
_FILES = ("train.tfrecords", "validation.tfrecords", "eval.tfrecords")
_RETRY = retry("S3.SdkClientException")


def data_steps(parameters: Parameters, storage: Storage) -> list[Step]:
    """From the input to a bucket that holds data; ends at IdentifyData or DataIsLarge."""
    return [
        *check_input(_NEEDED, ", as workflow.json of the Build stage has"),
        _configure(parameters),
        _find_data(storage),
        _has_data(),
        problem(
            "DataVanished",
            "NoData",
            "There is no data in s3://${DataBucket}/data/, although it was copied there",
            "Notify",
        ),
        _seed_data(parameters, storage),
    ]


def _configure(parameters: Parameters) -> Step:
    """Typed settings and the version's name.

    The name holds the commit, and 8 digits that make a second run of the same commit another
    version. With `-spot` and the retry count of the job it stays below SageMaker's 63 characters.
    """
    unique = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"
    return Step(
        "Configure",
        {
            "Type": "Pass",
            "Comment": "Parameters of the stack arrive as text; numbers are parsed here",
            "Parameters": {
                **{f"{name}.$": f"$.{name}" for name in _NEEDED},
                "name.$": f"States.Format('${{VersionPrefix}}-{{}}-{{}}', $.version, {unique})",
                "settings": {
                    "instanceType": "${TrainingInstanceType}",
                    "instanceCount.$": "States.StringToJson('${TrainingInstanceCount}')",
                    "volumeGB.$": "States.StringToJson('${TrainingVolumeGB}')",
                    "maxRuntimeSeconds.$": "States.StringToJson('${TrainingMaxRuntimeSeconds}')",
                    "useSpot.$": "States.StringToJson('${TrainingUseSpot}')",
                    "spotWaitSeconds.$": "States.StringToJson('${TrainingSpotWaitSeconds}')",
                    "minimumAccuracy.$": "States.StringToJson('${MinimumAccuracy}')",
                    "seedFiles": list(_FILES),
                },
            },
            "Next": "FindData",
        },
        tokens={
            "VersionPrefix": version_prefix(),
            "TrainingInstanceType": parameters.training_instance_type.ref(),
            "TrainingInstanceCount": parameters.training_instance_count.ref(),
            "TrainingVolumeGB": parameters.training_volume_gb.ref(),
            "TrainingMaxRuntimeSeconds": parameters.training_max_runtime_seconds.ref(),
            "TrainingUseSpot": parameters.training_use_spot.ref(),
            "TrainingSpotWaitSeconds": parameters.training_spot_wait_seconds.ref(),
            "MinimumAccuracy": parameters.minimum_accuracy.ref(),
        },
    )


def _find_data(storage: Storage) -> Step:
    return task(
        "FindData",
        "aws-sdk:s3:listObjectsV2",
        # StartAfter: the console's "create folder" leaves an empty object named data/
        {"Bucket": "${DataBucket}", "Prefix": "data/", "StartAfter": "data/", "MaxKeys": 100},
        then="HasData",
        caught_by=[catch("HasCause")],
        retried=[_RETRY],
        result={"ResultPath": "$.data"},
        grants=list_objects("ListData", storage.data, "data/"),
        tokens={"DataBucket": storage.data.ref()},
    )


def _has_data() -> Step:
    return Step(
        "HasData",
        {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.data.IsTruncated", "BooleanEquals": True, "Next": "DataIsLarge"},
                {"Variable": "$.data.KeyCount", "NumericGreaterThan": 0, "Next": "IdentifyData"},
                {"Variable": "$.seeded", "IsPresent": True, "Next": "DataVanished"},
            ],
            "Default": "SeedData",
        },
    )


def _seed_data(parameters: Parameters, storage: Storage) -> Step:
    copy = task(
        "CopyFile",
        "aws-sdk:s3:copyObject",
        {
            "CopySource.$": "States.Format('${BootstrapBucket}/${SeedDataPrefix}{}', $.file)",
            "Bucket": "${DataBucket}",
            "Key.$": "States.Format('data/{}', $.file)",
        },
        then="Copied",
        caught_by=[catch("NotCopied")],
        retried=[_RETRY],
        seconds=600,
        result={"ResultSelector": {"copied": True}},
        grants=[
            *read_objects(
                "ReadSeedData",
                Sub("arn:${AWS::Partition}:s3:::${BootstrapBucket}/${SeedDataPrefix}*"),
            ),
            *write_objects("WriteData", storage.data, "data/"),
            *use_key("UseKeyForData", storage.key, "s3"),
        ],
        tokens={
            "BootstrapBucket": parameters.bootstrap_bucket.ref(),
            "SeedDataPrefix": parameters.seed_data_prefix.ref(),
            "DataBucket": storage.data.ref(),
        },
    )
    missing = problem(
        "NotCopied",
        "NoData",
        "States.Format('There is no data in s3://${DataBucket}/data/, and {} could not be copied "
        "from s3://${BootstrapBucket}/${SeedDataPrefix}: {}', $.file, $.error.Cause)",
        "SeedingFailed",
    )
    inside = [
        copy,
        Step("Copied", {"Type": "Succeed"}),
        missing,
        fail("SeedingFailed"),
    ]
    return Step(
        "SeedData",
        {
            "Type": "Map",
            "Comment": "The first run of a project brings its own data",
            "ItemsPath": "$.settings.seedFiles",
            "ItemSelector": {"file.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **states(inside)},
            "ResultPath": "$.seeded",
            "Catch": [catch("HasCause")],
            "Next": "FindData",
        },
        copy.grants,
        copy.tokens,
    )
