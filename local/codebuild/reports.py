"""Test reports of builds: JUnit XML read safely, and their groups (CodeBuild User Guide, "Test
reports in AWS CodeBuild")."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.parsers import expat

STATUSES = ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")
_OUTCOMES = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}


class ReportError(ValueError):
    """The file is no JUnit report."""


@dataclass
class ReportGroups:
    """Report groups by ARN, reports by ARN, test cases by report ARN."""

    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    cases: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def create(self, arn: str, name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
        now = datetime.now(UTC)
        group = {
            "arn": arn,
            "name": name,
            "type": "TEST",
            "tags": tags,
            "created": now,
            "lastModified": now,
            "status": "ACTIVE",
            "exportConfig": {"exportConfigType": "NO_EXPORT"},
        }
        return self.groups.setdefault(arn, group)

    def delete(self, arn: str) -> None:
        self.groups.pop(arn, None)
        for report in self.of_group(arn):
            del self.reports[report], self.cases[report]

    def of_group(self, arn: str) -> list[str]:
        """ARNs of a group's reports, newest first."""
        return [
            each
            for each, report in reversed(self.reports.items())
            if report["reportGroupArn"] == arn
        ]

    def add(self, group: Mapping[str, Any], build_arn: str, cases: list[dict[str, Any]]) -> str:
        """Keep a report of these cases; its ARN."""
        name = str(uuid.uuid4())
        arn = f"{group['arn'].replace(':report-group/', ':report/')}:{name}"
        now = datetime.now(UTC)
        counts = {status: sum(case["status"] == status for case in cases) for status in STATUSES}
        failed = counts["FAILED"] + counts["ERROR"]
        self.reports[arn] = {
            "arn": arn,
            "type": "TEST",
            "name": name,
            "reportGroupArn": group["arn"],
            "executionId": build_arn,
            "created": now,
            "expired": now + timedelta(days=30),
            "status": "FAILED" if failed else "SUCCEEDED" if cases else "INCOMPLETE",
            "exportConfig": group["exportConfig"],
            "truncated": False,
            "testSummary": {
                "total": len(cases),
                "statusCounts": counts,
                "durationInNanoSeconds": sum(case["durationInNanoSeconds"] for case in cases),
            },
        }
        self.cases[arn] = [{**case, "reportArn": arn} for case in cases]
        return arn


def read_junit(path: Path) -> list[dict[str, Any]]:
    """Test cases of a JUnit file, as DescribeTestCases gives them; raises ReportError.

    A document type is refused, so that no entity is ever expanded.
    """
    cases: list[dict[str, Any]] = []
    suites: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "testsuite":
            suites.append(attributes.get("name", ""))
        elif tag == "testcase":
            cases.append(
                {
                    "testRawDataPath": path.name,
                    "prefix": attributes.get("classname", ""),
                    "name": attributes.get("name", ""),
                    "status": "SUCCEEDED",
                    "durationInNanoSeconds": int(float(attributes.get("time") or 0) * 1e9),
                    "message": "",
                    "testSuiteName": suites[-1] if suites else "",
                }
            )
        elif tag in _OUTCOMES and cases:
            cases[-1] |= {"status": _OUTCOMES[tag], "message": attributes.get("message", "")}

    def doctype(*_: Any) -> None:
        raise ReportError(f"{path.name}: a document type is not allowed")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, ValueError) as error:
        raise ReportError(f"{path.name}: {error}") from None
    return cases
