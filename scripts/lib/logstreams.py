"""The logs that SageMaker writes, and reading a log stream bit by bit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import (
        DescribeLogStreamsRequestPaginateTypeDef,
        GetLogEventsRequestTypeDef,
    )

JOB_GROUPS = "/aws/sagemaker/"  # AWS: Log groups and streams that SageMaker sends
ENDPOINT_GROUP = "/aws/sagemaker/Endpoints/"


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
        wanted: GetLogEventsRequestTypeDef = {
            "logGroupName": self.group,
            "logStreamName": self.stream,
            "startFromHead": True,  # with a token, too (AWS: GetLogEvents, startFromHead)
        }
        while True:
            if self.token:
                wanted["nextToken"] = self.token
            try:
                page = self.logs.get_log_events(**wanted)
            except self.logs.exceptions.ResourceNotFoundException:
                return lines
            lines += [one.get("message", "").rstrip("\n") for one in page["events"]]
            if page["nextForwardToken"] == self.token:
                return lines
            self.token = page["nextForwardToken"]


def streams(logs: "CloudWatchLogsClient", group: str, prefix: str = "") -> list[str]:
    """The group's streams whose names begin with the prefix; none where the group is missing."""
    pages = logs.get_paginator("describe_log_streams")
    wanted: DescribeLogStreamsRequestPaginateTypeDef = {"logGroupName": group}
    if prefix:  # the operation takes no empty one
        wanted["logStreamNamePrefix"] = prefix
    try:
        found = pages.paginate(**wanted)
        return [one["logStreamName"] for page in found for one in page["logStreams"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
