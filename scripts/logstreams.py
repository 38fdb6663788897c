"""Reading log streams of CloudWatch Logs bit by bit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


@dataclass
class Tail:
    """A position in one stream; `more()` gives the lines since the last call."""

    logs: "CloudWatchLogsClient"
    group: str
    stream: str
    token: str = ""

    def more(self) -> list[str]:
        """New lines; none while the stream does not exist yet.

        The end is where the token no longer changes (AWS: GetLogEvents, nextForwardToken).
        """
        lines: list[str] = []
        while True:
            try:
                if self.token:
                    page = self.logs.get_log_events(
                        logGroupName=self.group, logStreamName=self.stream, nextToken=self.token
                    )
                else:
                    page = self.logs.get_log_events(
                        logGroupName=self.group, logStreamName=self.stream, startFromHead=True
                    )
            except self.logs.exceptions.ResourceNotFoundException:
                return lines
            lines += [one.get("message", "").rstrip("\n") for one in page["events"]]
            if page["nextForwardToken"] == self.token:
                return lines
            self.token = page["nextForwardToken"]


def streams(logs: "CloudWatchLogsClient", group: str, prefix: str = "") -> list[str]:
    """The group's streams whose names begin with the prefix; none where the group is missing."""
    pages = logs.get_paginator("describe_log_streams")
    try:
        # The operation takes no empty prefix
        wanted: dict[str, Any] = {"logStreamNamePrefix": prefix} if prefix else {}
        found = pages.paginate(logGroupName=group, **wanted)
        return [one["logStreamName"] for page in found for one in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
