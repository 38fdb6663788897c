"""Approval, first part: which version is it about, and what is decided?

What waits is looked at once a day, so that it is known soon that somebody has decided. A record is
changed by conditional writes only, as the registry would change a package.
"""

from awacs import kms, s3, sagemaker
from awacs.aws import Statement
from troposphere import Sub
from troposphere.kms import Key

from templates.kit.grants import use_key
from templates.kit.iam import allow, arn
from templates.kit.names import RECORDS, version_objects
from templates.parameters import Parameters
from templates.parts.storage import Storage
from templates.workflows.conditional import refused
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    ChoiceRule,
    State,
    Step,
    all_of,
    any_of,
    catch,
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

GIVEN, DECISION, REFERENCE = "$.given", "$.decision", "$.reference.to"
# {"package"}: as DescribeModelPackage answers; a record is kept in the same form, beside its "etag"
_FOUND = "$.found"
PACKAGE = f"{_FOUND}.package"
_DAY = 24 * 3600
_RECORD, _STATUS = f"{GIVEN}.record", f"{GIVEN}.ModelApprovalStatus"
_WAITED, _WRITTEN = "$.waited", "$.written"


def is_record() -> ChoiceRule:
    """The version is in no registry."""
    return present(_RECORD)


def read_input(parameters: Parameters) -> list[Step]:
    """A decision, or a version to wait for one with."""
    decided = all_of(
        present(_STATUS),
        any_of(equals(_STATUS, "Approved"), equals(_STATUS, "Rejected")),
        present(f"{GIVEN}.LastModifiedTime"),
    )
    by_record = all_of(is_record(), matches(_RECORD, f"{RECORDS}*.json"))
    said = all_of(decided, by_record, present(f"{GIVEN}.by"), present(f"{GIVEN}.reason"))
    undecided = compares(_STATUS, "IsPresent", False)
    # An event writes a time as text or as a number
    at = {"at.$": f"States.Format('{{}}', {GIVEN}.LastModifiedTime)", "status.$": _STATUS}
    days = parameters.approval_days
    return [
        choose(
            "WhichInput",
            when(
                all_of(decided, present(f"{GIVEN}.ModelPackageArn")),
                [put("TakeEvent", DECISION, at)],
            ),
            when(
                said,
                [
                    put(
                        "TakeDecision",
                        DECISION,
                        {**at, "by.$": f"{GIVEN}.by", "why.$": f"{GIVEN}.reason"},
                    )
                ],
            ),
            when(
                all_of(undecided, any_of(by_record, present(f"{GIVEN}.package"))),
                [
                    put(
                        "BeginToWait",
                        _WAITED,
                        {
                            "days": 0,
                            "most.$": f"States.StringToJson('${{{days.title}}}')",
                        },
                        tokens={days.title: days.ref()},
                    ),
                    Step("WaitADay", {"Type": "Wait", "Seconds": _DAY, "Next": None}),
                    put(
                        "CountDay",
                        _WAITED,
                        {
                            "days.$": f"States.MathAdd({_WAITED}.days, 1)",
                            "most.$": f"{_WAITED}.most",
                        },
                    ),
                ],
            ),
            otherwise=[
                problem(
                    "RefuseInput",
                    "The input must be the detail of an event of the model registry that tells of "
                    "an approval or a rejection, {package} or {record} of a version that waits for "
                    "one, or {record, ModelApprovalStatus, LastModifiedTime, by, reason}: decide "
                    "by make approve or make reject",
                    "InvalidInput",
                )
            ],
        )
    ]


def find_version(storage: Storage) -> list[Step]:
    """The package as the registry describes it now, or the record."""
    return [
        choose(
            "WhereIsIt",
            when(is_record(), [_read_record(storage)]),
            when(present(f"{GIVEN}.package"), [_describe("DescribePending", f"{GIVEN}.package")]),
            otherwise=[_describe("DescribePackage", f"{GIVEN}.ModelPackageArn")],
        )
    ]


def _describe(name: str, package: str) -> Step:
    return task(
        name,
        "aws-sdk:sagemaker:describeModelPackage",
        {"ModelPackageName.$": package},
        grants=[allow("SeePackages", [sagemaker.DescribeModelPackage], [packages()])],
        at=_FOUND,
        select={"package.$": "$"},
    )


def _read_record(storage: Storage) -> Step:
    """Without the right to list the bucket, what is not there is answered with 403 (GetObject,
    Amazon S3 API Reference)."""
    unknown = problem(
        "UnknownVersion",
        f"States.Format('There is no record {{}} of a version, or it may not be read: make models "
        f"lists the versions', {_RECORD})",
    )
    cause = "$.error.Cause"
    absent = all_of(present(cause), matches(cause, "*Status Code: 403*"))
    return task(
        "ReadRecord",
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", "Key.$": _RECORD},
        grants=[
            allow("ReadRecords", [s3.GetObject], [version_objects(storage.artifacts, RECORDS)]),
            *use_key_for_decisions(storage.key),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=_FOUND,
        select={"etag.$": "$.ETag", "package.$": "States.StringToJson($.Body)"},
        caught=[
            catch(unknown.name, error="S3.NoSuchKeyException"),
            catch(
                [choose("IsRecordAbsent", when(absent, [unknown]), otherwise=EXPLAIN)],
                error="S3.S3Exception",
            ),
            catch(EXPLAIN),
        ],
    )


def settle(storage: Storage, parameters: Parameters) -> list[Step]:
    """Go on with a decision that holds; end where another one does, or none is to be made."""
    status = f"{PACKAGE}.ModelApprovalStatus"
    waiting, pending = present(_WAITED), equals(status, "PendingManualApproval")
    days = parameters.approval_days
    why = f"Expired: nobody decided within ${{{days.title}}} days"
    too_late = {"status": "Rejected", "at.$": "$$.State.EnteredTime", "why": why}
    expire = put(
        "ExpireRecord",
        DECISION,
        {**too_late, "by.$": "$$.Execution.RoleArn"},
        tokens={days.title: days.ref()},
    )
    return [
        choose(
            "WhatNow",
            when(all_of(waiting, {"Not": pending}), [end("WasDecided")]),
            when(
                all_of(
                    waiting, compares(f"{_WAITED}.days", "NumericLessThanPath", f"{_WAITED}.most")
                ),
                "WaitADay",
            ),
            when(all_of(waiting, is_record()), [expire, *_change_record(storage)]),
            # The registry's event of it is told, as that of any rejection
            when(
                waiting,
                [
                    task(
                        "Expire",
                        "aws-sdk:sagemaker:updateModelPackage",
                        {
                            "ModelPackageArn.$": f"{PACKAGE}.ModelPackageArn",
                            "ModelApprovalStatus": "Rejected",
                            "ApprovalDescription": why,
                        },
                        grants=[change_packages()],
                        tokens={days.title: days.ref()},
                        at="$.expired",
                    ),
                    end("Expired"),
                ],
            ),
            when(is_record(), "StampRecord"),
            # Somebody has changed his mind: the event of that decides
            when(
                {"Not": compares(status, "StringEqualsPath", f"{DECISION}.status")},
                [end("DecidedOtherwise")],
            ),
            otherwise=None,
        )
    ]


def _change_record(storage: Storage) -> list[Step]:
    """As UpdateModelPackage would, with who decided and when."""
    change = {
        "ModelApprovalStatus.$": f"{DECISION}.status",
        "ApprovalDescription.$": f"{DECISION}.why",
        "LastModifiedTime.$": f"{DECISION}.at",
        "LastModifiedBy": {"IamIdentity": {"Arn.$": f"{DECISION}.by"}},
        "CustomerMetadataProperties.$": (
            f"States.JsonMerge({PACKAGE}.CustomerMetadataProperties, $.stamp, false)"
        ),
    }
    changed = refused("IsRecordChanged", "ReadRecord", at=_WRITTEN, error="KeepRecordError")
    return [
        put("StampRecord", "$.stamp", stamp_of(f"{DECISION}.by")),
        put("ChangeRecord", "$.change", change),
        put(
            "MergeRecord",
            _FOUND,
            {
                "etag.$": f"{_FOUND}.etag",
                "package.$": f"States.JsonMerge({PACKAGE}, $.change, false)",
            },
        ),
        task(
            "WriteRecord",
            "aws-sdk:s3:putObject",
            {
                "Bucket": "${ArtifactBucket}",
                "Key.$": _RECORD,
                "Body.$": PACKAGE,
                "IfMatch.$": f"{_FOUND}.etag",
            },
            grants=[
                allow(
                    "WriteRecords", [s3.PutObject], [version_objects(storage.artifacts, RECORDS)]
                ),
                *use_key_for_decisions(storage.key),
            ],
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_WRITTEN,
            caught=[catch([changed], error="S3.S3Exception", at=_WRITTEN), catch(EXPLAIN)],
        ),
    ]


def stamp_of(by: str) -> State:
    """What is kept of a decision with the version itself."""
    return {"decided-by.$": by, "decided-at.$": f"{DECISION}.at"}


def change_packages() -> Statement:
    """ARNs of a group's versions are model-package/GROUP/NUMBER (Service Authorization)."""
    return allow("ChangePackages", [sagemaker.UpdateModelPackage], [packages()])


def use_key_for_decisions(key: Key) -> list[Statement]:
    """To read and to write what is kept of versions and decisions."""
    return use_key("UseKeyForDecisions", key, "s3", kms.Decrypt, kms.GenerateDataKey)


def packages() -> Sub:
    return arn("sagemaker", "model-package/${ProjectName}/*")
