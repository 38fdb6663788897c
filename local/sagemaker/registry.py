"""SageMaker's model registry: groups, and their numbered versions, which are model packages.

A package that is no version of a group is not made here. What a version names (an image, a model,
metrics) is kept as it is given: no page says that CreateModelPackage looks for it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.events import emit
from local.refusals import unsupported
from local.sagemaker.records import (
    LOCK,
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    Operations,
    Record,
    ResourceKind,
    invalid,
)
from local.service import AwsError

MAX_PROPERTIES = 50  # API reference, CreateModelPackage, CustomerMetadataProperties
# github.com/aws/aws-cdk, issue 33699
NO_TAGS = (
    "Tags are not supported in Model Package versions. Please add them to the Model Package Group"
)
# The details of the event, but UpdatedModelPackageFields: Developer Guide, "Events that SageMaker
# AI sends to EventBridge", "SageMaker model package state change"
TOLD = (
    *("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime"),
    *("InferenceSpecification", "ModelPackageStatus", "ModelPackageStatusDetails"),
    *("CertifyForMarketplace", "ModelApprovalStatus", "MetadataProperties", "ModelMetrics"),
    "LastModifiedTime",
)
IN_A_LIST = (
    *("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageDescription"),
    "ModelApprovalStatus",
)


@dataclass
class GroupRecord(Record):
    """`versions` counts the versions that were ever made: no number is given twice."""

    versions: int = 0


@dataclass
class VersionRecord(Record):
    """`token` and `request` made this version, and name it when they come again."""

    token: str | None = None
    request: dict[str, Any] = field(default_factory=dict)

    def tell(self, updated: list[str] | None = None) -> None:
        """Unlike those of jobs, the times of this event are text (see TOLD)."""
        description = self.snapshot()
        detail = {name: description[name] for name in TOLD if name in description}
        for name in ("CreationTime", "LastModifiedTime"):
            detail[name] = detail[name].strftime("%Y-%m-%dT%H:%M:%SZ")
        if updated is not None:
            detail["UpdatedModelPackageFields"] = updated
        what = "SageMaker Model Package State Change"
        emit("aws.sagemaker", what, [detail["ModelPackageArn"]], detail)


class ModelRegistry(Operations):
    def create_model_package_group(self) -> ActionResult:
        name = self.get("ModelPackageGroupName")
        arn = MODEL_PACKAGE_GROUP.arn(name)
        description = {
            **self.request("Tags"),
            "ModelPackageGroupArn": arn,
            "CreationTime": datetime.now(UTC),
            "CreatedBy": self._who(),
            "ModelPackageGroupStatus": "Completed",
        }
        with LOCK:
            if name in MODEL_PACKAGE_GROUP.records():
                # In public code for this error: "Model Package Group already exists"
                raise invalid(f"Model Package Group already exists: {arn}")
            record = GroupRecord(description, self.get("Tags", []))
            return self.add(MODEL_PACKAGE_GROUP, name, record)

    def describe_model_package_group(self) -> ActionResult:
        return ActionResult(self._group().snapshot())

    def list_model_package_groups(self) -> ActionResult:
        also = ("ModelPackageGroupDescription",)
        kind, rows = MODEL_PACKAGE_GROUP, "ModelPackageGroupSummaryList"
        return self.listed(kind, rows, order="Ascending", also=also)

    def delete_model_package_group(self) -> ActionResult:
        """That a group with versions stays is in the guide ("Delete a Model Group": delete them
        first), the code in the API reference; the words are not public."""
        with LOCK:
            name = self._group().description["ModelPackageGroupName"]
            if any(_group_of(each) == name for each in MODEL_PACKAGE.records().values()):
                raise AwsError(
                    "ConflictException",
                    f"Model Package Group {MODEL_PACKAGE_GROUP.arn(name)} still contains model "
                    "packages: delete them first",
                )
            del MODEL_PACKAGE_GROUP.records()[name]
        return EmptyResult()

    def create_model_package(self) -> ActionResult:
        if not self.get("ModelPackageGroupName"):
            # github.com/aws/sagemaker-python-sdk, issue 2696
            raise invalid("Missing ARN")
        if self.get("Tags"):
            raise invalid(NO_TAGS)
        request, token, who = self.request("ClientToken"), self.get("ClientToken"), self._who()
        containers = request["InferenceSpecification"]["Containers"]
        if len(containers) != 1:
            raise invalid(unsupported(f"A model package of {len(containers)} containers", "1"))
        with LOCK:
            group = self._group()
            made = self._made_before(token, request)
            if made:
                return ActionResult({"ModelPackageArn": made.description["ModelPackageArn"]})
            group.versions += 1
            made = VersionRecord(_describe(request, group, who), [], token, request)
            name = f"{_group_of(made)}/{group.versions}"
            answer = self.add(MODEL_PACKAGE, name, made)
            made.tell()
        return answer

    def describe_model_package(self) -> ActionResult:
        return ActionResult(self._version(self.get("ModelPackageName")).snapshot())

    def list_model_packages(self) -> ActionResult:
        """Without a group, those that are no version of any are listed unless ModelPackageType says
        otherwise (API reference), of which there are none here."""
        group = self._group() if self.get("ModelPackageGroupName") else None
        versions = group is not None or self.get("ModelPackageType") in ("Versioned", "Both")
        wanted = {"ModelApprovalStatus": self.get("ModelApprovalStatus")}
        if group:
            wanted["ModelPackageGroupName"] = group.description["ModelPackageGroupName"]

        def among(each: dict[str, Any]) -> bool:
            return versions and all(v is None or each[k] == v for k, v in wanted.items())

        kind, rows = MODEL_PACKAGE, "ModelPackageSummaryList"
        return self.listed(kind, rows, order="Ascending", also=IN_A_LIST, among=among)

    def update_model_package(self) -> ActionResult:
        arn, who = self.get("ModelPackageArn"), self._who()
        given = self.request("ModelPackageArn", "ClientToken")
        removed = given.pop("CustomerMetadataPropertiesToRemove", [])
        with LOCK:
            version = self._version(arn)
            if removed or "CustomerMetadataProperties" in given:
                kept = version.description.get("CustomerMetadataProperties", {})
                kept = {name: value for name, value in kept.items() if name not in removed}
                kept |= given.get("CustomerMetadataProperties", {})
                if len(kept) > MAX_PROPERTIES:
                    raise invalid(f"CustomerMetadataProperties has more than {MAX_PROPERTIES}")
                given["CustomerMetadataProperties"] = kept or None
            version.update(**given, LastModifiedTime=datetime.now(UTC), LastModifiedBy=who)
            # Before anybody changes it again: each event tells what was changed
            version.tell(sorted(given, key=("ModelApprovalStatus", *given).index))
        return ActionResult({"ModelPackageArn": arn})

    def delete_model_package(self) -> ActionResult:
        with LOCK:
            version = self._version(self.get("ModelPackageName"))
            arn = version.description["ModelPackageArn"]
            del MODEL_PACKAGE.records()[_name(MODEL_PACKAGE, arn)]
        return EmptyResult()

    def _group(self) -> Any:
        return _found(MODEL_PACKAGE_GROUP, self.get("ModelPackageGroupName"))

    def _version(self, name: str) -> Any:
        return _found(MODEL_PACKAGE, name)

    def _made_before(self, token: str | None, request: dict[str, Any]) -> VersionRecord | None:
        """The version that this token has made. What AWS says of a token that comes with another
        request is not public."""
        for each in MODEL_PACKAGE.records().values():
            if token and each.token == token:
                if each.request != request:
                    raise AwsError(
                        "ConflictException",
                        f"ClientToken {token} was used with another request before",
                    )
                found: VersionRecord = each
                return found
        return None

    def _who(self) -> dict[str, Any]:
        """The caller, as UserContext names somebody who is no user of Studio."""
        found = self.caller().credentials.client("sts").get_caller_identity()
        return {"IamIdentity": {"Arn": found["Arn"], "PrincipalId": found["UserId"]}}


def _describe(request: dict[str, Any], group: GroupRecord, who: dict[str, Any]) -> dict[str, Any]:
    """There is no ModelPackageName: a version has none (Developer Guide, "View the Details of a
    Model Version", whose example this follows)."""
    now, name = datetime.now(UTC), group.description["ModelPackageGroupName"]
    return {
        "ModelApprovalStatus": "PendingManualApproval",
        "CertifyForMarketplace": False,
        **request,
        "ModelPackageGroupName": name,
        "ModelPackageVersion": group.versions,
        "ModelPackageArn": MODEL_PACKAGE.arn(f"{name}/{group.versions}"),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": now,
        "CreatedBy": who,
        "LastModifiedTime": now,
        "LastModifiedBy": who,
    }


def _group_of(version: VersionRecord) -> str:
    return str(version.description["ModelPackageGroupName"])


def _name(kind: ResourceKind, name_or_arn: str) -> str:
    return name_or_arn.removeprefix(kind.arn(""))


def _found(kind: ResourceKind, name_or_arn: str) -> Any:
    """The words are those of public reports (github.com/aws-controllers-k8s/code-generator looks
    for their end; "ModelPackage arn:… does not exist.")."""
    name = _name(kind, name_or_arn)
    with LOCK:
        if name not in kind.records():
            arn = name if name.startswith("arn:") else kind.arn(name)
            raise invalid(f"{kind.name} {arn} does not exist.")
        return kind.records()[name]
