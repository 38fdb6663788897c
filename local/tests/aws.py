"""A running endpoint for tests, and tiny images: shell and Python programs, really run."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import images, server
from local.context import Context
from local.credentials import administrator

# What has to come is waited for so long; what must not be waited for lasts longer (sleep 600)
SECONDS = 120.0
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
SERVE = """#!/usr/bin/env python3
import http.server, json, os, sys, time
class ModelHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        attributes = "X-Amzn-SageMaker-Custom-Attributes"
        if attributes in self.headers:
            self.send_header(attributes, self.headers[attributes])
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"slow":
            time.sleep(0.5)
        if body == b"die":
            os._exit(3)
        if body == b"bad":
            return self.answer(400, b"no image in the request")
        if body == b"fail":
            return self.answer(500, b"no memory")
        path = os.environ["SAGEMAKER_BASE_DIR"] + "/model/name"
        said = {"model": open(path).read(), "type": self.headers["Content-Type"],
                "accept": self.headers["Accept"], "size": len(body)}
        self.answer(200, json.dumps(said).encode())
    def log_message(self, *_):
        pass
print("serving", sys.argv[1:], flush=True)
address = (os.environ["SERVE_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
http.server.ThreadingHTTPServer(address, ModelHandler).serve_forever()
"""


def wait(question: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first true answer. What takes long is asked for less often: each question costs time that
    what is waited for could have."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        answer = question()
        if answer:
            return answer
        time.sleep(min(0.05 + passed / 20, 0.5))
    raise AssertionError("it did not happen in time")


def settled(ask: Callable[[], Any], status: str, *moving: str, seconds: float = SECONDS) -> Any:
    """What is answered, once its status is none of `moving`."""

    def still() -> Any:
        answer = ask()
        return None if answer[status] in moving else answer

    return wait(still, seconds)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class Aws:
    context: Context

    def client(self, service: str) -> Any:
        return administrator().client(service)

    def role(
        self,
        *services: str,
        condition: dict[str, Any] | None = None,
        may: Sequence[dict[str, Any]] = (ALL,),
    ) -> str:
        """A role that these services can assume, and that may do all, or what `may` says."""
        names = [f"{service}.amazonaws.com" for service in services]
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": names},
            "Action": "sts:AssumeRole",
        }
        if condition:
            statement["Condition"] = condition
        iam, name = self.client("iam"), unique("role")
        made = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [statement]})
        )
        if may:
            policy = json.dumps({"Version": "2012-10-17", "Statement": list(may)})
            iam.put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=policy)
        return str(made["Role"]["Arn"])

    def bucket(self, **objects: str) -> str:
        """A new bucket with these objects; `__` in a name stands for a slash, `_dot_` for a dot."""
        s3, name = self.client("s3"), unique("bucket")
        s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.context.region}
        )
        for key, body in objects.items():
            s3.put_object(Bucket=name, Key=key.replace("__", "/"), Body=body.encode())
        return name

    def image(
        self, folder: Path, repository: str = "", media_type: str = DOCKER, **programs: str
    ) -> str:
        """Push an image whose /opt/program holds these executables, into a repository of its own
        unless one is named; its URI by digest."""
        work = folder / unique("image")
        for name, text in programs.items():
            path = work / "root" / "opt" / "program" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if text.startswith("#!") else f"#!/bin/bash\n{text}\n")
            path.chmod(0o755)
        config = {
            "Env": {"PATH": "/opt/program:/usr/bin:/bin", "FROM_IMAGE": "yes"},
            "WorkingDir": "/opt/program",
            "Entrypoint": [],
            "Cmd": [],
        }
        (work / "config.json").write_text(json.dumps(config))
        manifest = json.dumps({"schemaVersion": 2, "mediaType": media_type, "programs": programs})
        ecr = self.client("ecr")
        if not repository:
            repository = unique("repository")
            ecr.create_repository(repositoryName=repository)
        (found,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
        uri = found["repositoryUri"]
        ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=unique("tag"))
        digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
        images.add(repository, digest, work, self.context.home / "images")
        return f"{uri}@{digest}"

    def topic(self) -> str:
        """A topic to which EventBridge may publish."""
        sns = self.client("sns")
        topic = str(sns.create_topic(Name=unique("topic"))["TopicArn"])
        events = {"Service": "events.amazonaws.com"}
        said = {"Effect": "Allow", "Principal": events, "Action": "sns:Publish", "Resource": topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [said]})
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        return topic

    def mailbox(self) -> "Mailbox":
        topic = self.topic()
        sqs = self.client("sqs")
        once = {"VisibilityTimeout": "3600"}  # a message that was read stays read
        queue = sqs.create_queue(QueueName=unique("queue"), Attributes=once)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        self.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        return Mailbox(topic, queue, sqs)

    def log(self, group: str, stream_prefix: str) -> list[str]:
        logs = self.client("logs")
        (stream,) = logs.describe_log_streams(
            logGroupName=group, logStreamNamePrefix=stream_prefix
        )["logStreams"]
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        return [event["message"] for event in events]


def measured(aws: Aws, namespace: str, of: Mapping[str, str]) -> set[str]:
    """The metrics that have values of one dimension, {"Name", "Value"}."""
    found = aws.client("cloudwatch").list_metrics(Namespace=namespace, Dimensions=[of])
    return {each["MetricName"] for each in found["Metrics"]}


@dataclass
class Mailbox:
    """A topic, and what was published to it so far."""

    topic: str
    queue: str
    sqs: Any
    messages: list[str] = field(default_factory=list)

    def read(self, number: int) -> list[str]:
        """The messages, once there are as many."""

        def enough() -> bool:
            asked = {"QueueUrl": self.queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
            for each in self.sqs.receive_message(**asked).get("Messages", []):
                self.messages.append(json.loads(each["Body"])["Message"])
            return len(self.messages) >= number

        wait(enough)
        return self.messages


def running(home: Path, region: str = "eu-west-1") -> Iterator[Aws]:
    served = server.start(Context(region, 0, home))
    yield Aws(served.context)
    served.stop()
