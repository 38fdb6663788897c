"""What a project's topic tells whoever subscribes to it."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.system.driver import Driver, until


@dataclass
class Notices:
    """All that is told from now on."""

    aws: Driver
    queue: str = ""
    told: list[str] = field(default_factory=list)

    def sqs(self, *words: str) -> Any:
        """`aws sqs` alone looks for an endpoint of its own."""
        return self.aws.aws("sqs", *words, "--endpoint-url",
                            self.aws.environment["AWS_ENDPOINT_URL"])  # fmt: skip

    def subscribe(self, topic: str) -> None:
        once = "VisibilityTimeout=3600"  # a message that was read stays read
        made = self.sqs("create-queue", "--queue-name", "notices", "--attributes", once)
        self.queue = made["QueueUrl"]
        arn = self.sqs("get-queue-attributes", "--queue-url", self.queue,
                       "--attribute-names", "QueueArn")["Attributes"]["QueueArn"]  # fmt: skip
        self.aws.run("aws", "sns", "subscribe", "--topic-arn", topic,
                     "--protocol", "sqs", "--notification-endpoint", arn)  # fmt: skip

    def read(self) -> list[str]:
        """All notices so far; at least one has come since the last reading."""
        until(self.more)
        return self.told

    def more(self) -> bool:
        """Whether one has come since the last reading."""
        received = self.sqs("receive-message", "--queue-url", self.queue,
                            "--max-number-of-messages", "10") or {}  # fmt: skip
        bodies = [json.loads(each["Body"]) for each in received.get("Messages", [])]
        self.told += [body["Message"] for body in bodies]
        return bool(bodies)
