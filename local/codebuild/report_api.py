"""CodeBuild's operations on report groups and reports."""

from moto.core.responses import ActionResult, EmptyResult

from local import context
from local.codebuild.records import BuildRecords
from local.refusals import unsupported
from local.service import AwsError, Service


class Reports(Service):
    service = "codebuild"

    @property
    def _state(self) -> BuildRecords:
        return BuildRecords.here()

    def create_report_group(self) -> ActionResult:
        if self.get("type") != "TEST" or (
            self.get("exportConfig")["exportConfigType"] != "NO_EXPORT"
        ):
            raise AwsError(
                "InvalidInputException",
                unsupported("This type or export of reports", "TEST", "NO_EXPORT"),
            )
        name = self.get("name")
        arn = context.current().arn("codebuild", f"report-group/{name}")
        if arn in self._state.reports.groups:
            raise AwsError("ResourceAlreadyExistsException", f"Report group exists: {arn}")
        group = self._state.reports.create(arn, name, self.get("tags", []))
        return ActionResult({"reportGroup": group})

    def update_report_group(self) -> ActionResult:
        """Only tags can change: there is one way of export here."""
        group = self._state.reports.groups.get(self.get("arn"))
        if group is None:
            raise AwsError(
                "ResourceNotFoundException", f"Report group not found: {self.get('arn')}"
            )
        group["tags"] = self.get("tags", group["tags"])
        return ActionResult({"reportGroup": group})

    def delete_report_group(self) -> EmptyResult:
        arn = self.get("arn")
        if self._state.reports.of_group(arn) and not self.get("deleteReports", False):
            raise AwsError(
                "InvalidInputException", f"Report group {arn} has reports: set deleteReports"
            )
        self._state.reports.delete(arn)
        return EmptyResult()

    def batch_get_report_groups(self) -> ActionResult:
        known, wanted = self._state.reports.groups, self.get("reportGroupArns")
        return ActionResult(
            {
                "reportGroups": [known[arn] for arn in wanted if arn in known],
                "reportGroupsNotFound": [arn for arn in wanted if arn not in known],
            }
        )

    def list_report_groups(self) -> ActionResult:
        return ActionResult({"reportGroups": list(self._state.reports.groups)})

    def list_reports_for_report_group(self) -> ActionResult:
        arn = self.get("reportGroupArn")
        if arn not in self._state.reports.groups:
            raise AwsError("ResourceNotFoundException", f"Report group not found: {arn}")
        return ActionResult({"reports": self._state.reports.of_group(arn)})

    def batch_get_reports(self) -> ActionResult:
        known, wanted = self._state.reports.reports, self.get("reportArns")
        return ActionResult(
            {
                "reports": [known[arn] for arn in wanted if arn in known],
                "reportsNotFound": [arn for arn in wanted if arn not in known],
            }
        )

    def describe_test_cases(self) -> ActionResult:
        arn = self.get("reportArn")
        if arn not in self._state.reports.cases:
            raise AwsError("ResourceNotFoundException", f"Report not found: {arn}")
        return ActionResult({"testCases": self._state.reports.cases[arn]})
