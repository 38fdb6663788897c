"""Is a model's archive still in S3?"""

from collections.abc import Mapping
from typing import Any

from templates.kit.grants import list_objects
from templates.parts.storage import Storage
from templates.workflows.language import (
    ChoiceRule,
    Step,
    Way,
    all_of,
    check,
    choose,
    compares,
    matches,
    present,
    task,
    when,
)


def find_archive(
    subject: str,
    url: str,
    storage: Storage,
    at: str,
    *,
    elsewhere: Way,
    gone: Way,
    then: Way = None,
) -> list[Step]:
    """Go on if it is. A listing tells what is absent from what is forbidden; a HEAD of what is
    absent does not (HeadObject, Amazon S3 API Reference)."""
    bucket: Mapping[str, Any] = {"ArtifactBucket": storage.artifacts.ref()}
    ours: ChoiceRule = all_of(
        present(url), matches(url, "s3://${ArtifactBucket}/models/*/output/model.tar.gz")
    )
    # s3://BUCKET/models/JOB/output/model.tar.gz; a tuned one has the version's folder before JOB
    parts = f"States.StringSplit({url}, '/')"
    third, fourth, fifth = (f"States.ArrayGetItem({parts}, {place})" for place in (3, 4, 5))
    return [
        check(f"Is{subject}Ours", ours, otherwise=elsewhere, tokens=bucket),
        task(
            f"Find{subject}",
            "aws-sdk:s3:listObjectsV2",
            {
                "Bucket": "${ArtifactBucket}",
                "Prefix.$": f"States.Format('models/{{}}/{{}}/{{}}', {third}, {fourth}, {fifth})",
                "MaxKeys": 1,
            },
            grants=list_objects("ListModels", storage.artifacts, "models/"),
            tokens=bucket,
            at=at,
            select={"count.$": "$.KeyCount"},
        ),
        choose(
            f"Is{subject}There",
            when(compares(f"{at}.count", "NumericGreaterThan", 0), then),
            otherwise=gone,
        ),
    ]
