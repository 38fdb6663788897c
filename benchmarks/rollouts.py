"""Whether anybody notices a deployment: ten rollouts and five rollbacks of the deployment workflow,
under steady requests to the endpoint.

Each way of rolling out has a project of its own, whose waits are a few seconds. An answer has to be
from the version that serves when a deployment begins, or from the one that comes.
"""

import argparse
import json
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report import Row, write
from tests.system.deployments import Deployments, alone

SOON = 15  # seconds
INSTANCES, BAKE_SECONDS, CLIENTS, PAUSE = 4, 3, 4, 0.05
# How many rollouts and then rollbacks there are of each way
WAYS = {"AllAtOnce": (3, 1), "Canary": (4, 2), "Linear": (3, 2)}


@dataclass
class Watch:
    """What came of the requests in one deployment."""

    allowed: set[str]
    new: str = ""
    began: float = field(default_factory=time.monotonic)
    answers: int = 0
    seconds: float = 0  # until the new version has answered
    lost: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)


class Clients:
    """Ask the endpoint all the time, and judge the answers by the `watch` of the moment at which a
    request was sent."""

    def __init__(self, project: Deployments) -> None:
        self._client: Any = project.aws.client("sagemaker-runtime")
        self._endpoint = project.name
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]
        self.watch = Watch(set())

    def __enter__(self) -> "Clients":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for each in self._threads:
            each.join()

    def _ask(self) -> None:
        while not self._end.wait(PAUSE):
            watch = self.watch
            try:
                answer = self._client.invoke_endpoint(EndpointName=self._endpoint, Body=b"{}")
                version = json.loads(answer["Body"].read())["model"]
            except Exception as error:  # whatever it is, this request has no answer
                watch.lost.append(str(error))
                continue
            watch.answers += 1
            if version == watch.new and not watch.seconds:
                watch.seconds = time.monotonic() - watch.began
            if version not in watch.allowed:
                watch.strange.append(version)


def deploy(project: Deployments, clients: Clients | None, old: str, given: dict[str, Any]) -> Watch:
    """One deployment, watched from its start to half a second after its end."""
    watch = Watch({old, given["name"]}, given["name"])
    if clients:
        clients.watch = watch
    ended = project.deploy(given)
    if ended["status"] != "SUCCEEDED":
        raise SystemExit(f"Error: the deployment of {given['name']} failed: {ended.get('cause')}")
    time.sleep(0.5)
    kind = json.loads(ended["output"])["rollout"]["type"]
    took = time.monotonic() - watch.began
    print(f"{given['name']}: {kind}, {took:.1f} s, {watch.answers} answers", flush=True)
    return watch


def measure(way: str, rollouts: int, rollbacks: int) -> tuple[list[Watch], list[Watch]]:
    """Of the rollouts, and of the rollbacks, each to the version before and forward again."""
    settings = {
        "Rollout": way,
        "RolloutPercent": "25",
        "RolloutBakeSeconds": str(BAKE_SECONDS),
        "EndpointInstanceCount": str(INSTANCES),
        "EndpointMaxInstanceCount": str(INSTANCES),
    }
    with tempfile.TemporaryDirectory() as folder, alone(Path(folder), **settings) as project:
        versions = [project.versioned(f"v{number}") for number in range(rollouts + 1)]
        names = [str(each["name"]) for each in versions]
        deploy(project, None, names[0], versions[0])
        with Clients(project) as clients:
            forth = [
                deploy(project, clients, old, new)
                for old, new in zip(names, versions[1:], strict=False)
            ]
            back = []
            there, other = versions[-1], versions[-2]
            for _ in range(rollbacks):
                rollback = {"from": there["name"], "by": "arn:aws:iam::1:user/u", "reason": "try"}
                back.append(
                    deploy(project, clients, str(there["name"]), {**other, "rollback": rollback})
                )
                there, other = other, there
        return forth, back


def rows(what: str, watches: list[Watch]) -> list[Row]:
    answers = sum(each.answers for each in watches)
    name = f"{len(watches)} {what}"
    found = {
        "requests without an answer": sum(len(each.lost) for each in watches),
        "answers by neither version": sum(len(each.strange) for each in watches),
    }
    return [
        Row(f"{name}: {title}", "answers", f"{number} : {answers}", number / answers, most=0)
        for title, number in found.items()
    ]


def quick(watches: list[Watch]) -> Row:
    """How long bad answers go on once somebody wants them to end."""
    worst = max(each.seconds for each in watches)
    what = f"{len(watches)} rollbacks: seconds until the good version answers, the slowest"
    return Row(what, f"{SOON} s", f"{worst:.1f} : {SOON}", worst / SOON, most=1)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    forth: list[Watch] = []
    back: list[Watch] = []
    for way, counts in WAYS.items():
        out, home = measure(way, *counts)
        forth, back = [*forth, *out], [*back, *home]
    for each in [*forth, *back]:
        for reason in each.lost[:3]:
            print(f"lost: {reason}")
    remark = f"{CLIENTS} clients, {INSTANCES} instances, {BAKE_SECONDS} s to each wait."
    found = [*rows("rollouts", forth), *rows("rollbacks", back), quick(back)]
    write("rollouts", found, remark)


if __name__ == "__main__":
    main()
