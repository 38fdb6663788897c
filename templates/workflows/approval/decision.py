"""Approval, second part: who decided, and when, is recorded before anything else is changed.

Events come twice at times (Events from AWS services, EventBridge User Guide), and somebody may ask
twice: of two runs for one decision, the one that could record it goes on.
"""

from awacs import s3
from awacs.aws import Statement

from templates.kit.iam import allow
from templates.kit.names import DECISIONS, version_objects, version_prefix
from templates.parts.storage import Storage
from templates.workflows.approval.question import (
    DECISION,
    GIVEN,
    PACKAGE,
    REFERENCE,
    change_packages,
    is_record,
    stamp_of,
    use_key_for_decisions,
)
from templates.workflows.failure import problem
from templates.workflows.hand_over import IMAGE
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import (
    EXPLAIN,
    Step,
    all_of,
    catch,
    check,
    choose,
    compares,
    end,
    matches,
    present,
    put,
    task,
    when,
)

MODEL = "$.modelDataUrl"
BY, WHY = "$.by.who", "$.why.words"
_CONTAINER, _KEPT, _BEFORE = "$.container", "$.kept", "$.before"


def know_version() -> list[Step]:
    """What the training workflow registered, and who decided about it.

    LastModifiedBy is of the latest update of any kind (DescribeModelPackage, SageMaker API
    Reference), and may be absent.
    """
    properties, containers = (
        f"{PACKAGE}.{name}"
        for name in ("CustomerMetadataProperties", "InferenceSpecification.Containers[0]")
    )
    version, commit = f"{properties}.version", f"{PACKAGE}.MetadataProperties.CommitId"
    image, model = f"{_CONTAINER}.Image", f"{_CONTAINER}.ModelDataUrl"
    unknown = problem(
        "NotOfTraining",
        "This model package lacks what a version has that the training workflow registered (in its "
        "metadata its name as version, and a commit; an image and a model): nothing was done for "
        "it. Push, or make train, to register one",
    )
    person, profile = (
        f"{PACKAGE}.LastModifiedBy.{name}" for name in ("IamIdentity.Arn", "UserProfileName")
    )
    said = f"{PACKAGE}.ApprovalDescription"
    return [
        check(
            "IsOfTraining",
            all_of(
                *(present(path) for path in (version, commit, containers)),
                matches(version, "${VersionPrefix}-*"),
            ),
            otherwise=[unknown],
            tokens={"VersionPrefix": version_prefix()},
        ),
        put("TakeContainer", _CONTAINER, containers),
        check("HasModel", all_of(present(image), present(model)), otherwise=unknown.name),
        put("KnowCommit", "$.commit", commit),
        put("KnowName", VERSION_NAME, version),
        put("KnowImage", IMAGE, image),
        put("KnowModel", MODEL, model),
        choose(
            "WhoDecided",
            when(present(person), [put("TakePerson", BY, person)]),
            when(present(profile), [put("TakeProfile", BY, profile)]),
            otherwise=[put("TakeNobody", "$.by", {"who": "unknown"})],
        ),
        choose(
            "WhyDecided",
            when(
                all_of(present(said), {"Not": compares(said, "StringEquals", "")}),
                [put("TakeReason", WHY, said)],
            ),
            otherwise=[put("TakeNoReason", "$.why", {"words": "no reason was given"})],
        ),
    ]


def record_decision(storage: Storage) -> list[Step]:
    """Written once: what is there is refused with 412 (How to prevent object overwrites with
    conditional writes, Amazon S3 User Guide). It may be this run's own, if an answer was lost."""
    name = (
        f"States.Format('{DECISIONS}{{}}/{{}}-{{}}.json', {VERSION_NAME}, {DECISION}.status, "
        f"{DECISION}.at)"
    )
    bucket, cause = {"Bucket": "${ArtifactBucket}", "Key.$": name}, f"{_KEPT}.Cause"
    tokens = {"ArtifactBucket": storage.artifacts.ref()}
    mine = compares(f"{_BEFORE}.decision.execution", "StringEqualsPath", f"{_BEFORE}.me")
    read = task(
        "ReadDecision",
        "aws-sdk:s3:getObject",
        bucket,
        grants=[_may(storage, "ReadDecisions", s3.GetObject), *use_key_for_decisions(storage.key)],
        tokens=tokens,
        at=_BEFORE,
        select={"decision.$": "States.StringToJson($.Body)", "me.$": "$$.Execution.Id"},
    )
    came_before = choose(
        "WasRecorded",
        when(
            all_of(present(cause), matches(cause, "*Status Code: 412*")),
            [read, check("IsItMine", mine, otherwise=[end("CameBefore")])],
        ),
        otherwise=[put("KeepDecisionError", "$.error", _KEPT, then=EXPLAIN)],
    )
    return [
        task(
            "RecordDecision",
            "aws-sdk:s3:putObject",
            {
                **bucket,
                "Body": {
                    "version.$": VERSION_NAME,
                    "ModelApprovalStatus.$": f"{DECISION}.status",
                    "by.$": BY,
                    "at.$": f"{DECISION}.at",
                    "why.$": WHY,
                    "execution.$": "$$.Execution.Id",
                },
                "IfNoneMatch": "*",
            },
            grants=[
                _may(storage, "WriteDecisions", s3.PutObject),
                *use_key_for_decisions(storage.key),
            ],
            tokens=tokens,
            at=_KEPT,
            caught=[catch([came_before], error="S3.S3Exception", at=_KEPT), catch(EXPLAIN)],
            # Another write of it is under way (PutObject, Amazon S3 API Reference)
            passing=["*Status Code: 409*"],
        )
    ]


def _may(storage: Storage, sid: str, action: s3.Action) -> Statement:
    return allow(sid, [action], [version_objects(storage.artifacts, DECISIONS)])


def stamp(storage: Storage) -> list[Step]:
    """The package says who decided; a record says so already. An event of this update has no
    ModelApprovalStatus among its updated fields, so it starts nothing.

    Who decided is recorded: that a name has characters which metadata may not have
    (CustomerMetadataValue) stops nothing.
    """
    package = f"{PACKAGE}.ModelPackageArn"
    return [
        choose(
            "IsRegistered",
            when(
                is_record(),
                [
                    put(
                        "ReferToRecord",
                        "$.reference",
                        {"to.$": f"States.Format('s3://${{ArtifactBucket}}/{{}}', {GIVEN}.record)"},
                        tokens={"ArtifactBucket": storage.artifacts.ref()},
                    )
                ],
            ),
            otherwise=[
                put("ReferToPackage", REFERENCE, package),
                task(
                    "Stamp",
                    "aws-sdk:sagemaker:updateModelPackage",
                    {
                        "ModelPackageArn.$": package,
                        "CustomerMetadataProperties": stamp_of(BY),
                    },
                    grants=[change_packages()],
                    at="$.stamped",
                    caught=[catch("FindServing", at="$.stamped")],
                ),
            ],
        )
    ]
