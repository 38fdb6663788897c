"""What lies in the artifact bucket goes after a while, but for what later runs begin with."""

from typing import Any

import pytest

from templates.kit.names import DRIFT, RETRAINING

Template = dict[str, Any]
PROJECT = "mlops"
VERSION = f"{PROJECT}-0a1b2c3d-0123456789ab-00000001"


def days_of(template: Template, key: str) -> int | None:
    """After how many days an object goes; None where it stays. Of rules that overlap, the shortest
    (How Amazon S3 handles conflicts in lifecycle configurations, S3 User Guide)."""
    rules = template["Resources"]["ArtifactBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    found = []
    for rule in rules:
        prefix = rule.get("Prefix", "")
        text = prefix if isinstance(prefix, str) else prefix["Fn::Sub"]
        begins = text.replace("${ProjectName}", PROJECT)
        if "ExpirationInDays" in rule and key.startswith(begins):
            found.append(int(rule["ExpirationInDays"]))
    return min(found, default=None)


@pytest.mark.parametrize(
    ("key", "days"),
    [
        (f"{RETRAINING}events/schedule/2026-01-01T03:00:00Z", 30),
        (f"{DRIFT}manifests/0a1b.json", 30),
        (f"{DRIFT}{VERSION}/0a1b/report.html", 90),
        ("capture/mlops/AllTraffic/2026/01/01/00/x.jsonl", 30),
    ],
)
def test_what_was_looked_at_once_goes(template: Template, key: str, days: int) -> None:
    assert days_of(template, key) == days


@pytest.mark.parametrize(
    "key",
    [
        *(f"{RETRAINING}{name}.json" for name in ("newest", "last", "waiting", "queue")),
        f"{DRIFT}last.json",
        f"evaluations/{VERSION}/baseline.json",
        f"evaluations/{VERSION}/golden.json",
        f"models/{VERSION}-0/output/model.tar.gz",
        f"registry/{VERSION}.json",
    ],
)
def test_what_later_runs_begin_with_never_goes(template: Template, key: str) -> None:
    assert days_of(template, key) is None
