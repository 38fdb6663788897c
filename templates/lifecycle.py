"""What leaves the buckets by itself, and when."""

from collections.abc import Iterable

from troposphere import Sub
from troposphere import s3 as buckets

from templates.names import CHECKPOINTS


def lifecycle(
    keep_old_versions_days: int, expiring: Iterable[buckets.LifecycleRule] = ()
) -> buckets.LifecycleConfiguration:
    """Old versions and cut-off uploads go after a while, beside what `expiring` names."""
    old_versions = buckets.LifecycleRule(
        Id="ExpireOldVersions",
        Status="Enabled",
        AbortIncompleteMultipartUpload=buckets.AbortIncompleteMultipartUpload(
            DaysAfterInitiation=7
        ),
        NoncurrentVersionExpiration=buckets.NoncurrentVersionExpiration(
            NoncurrentDays=keep_old_versions_days
        ),
    )
    return buckets.LifecycleConfiguration(Rules=[old_versions, *expiring])


def artifact_rules() -> list[buckets.LifecycleRule]:
    """What the pipeline hands from stage to stage, and what an unfinished training may resume from;
    models stay.

    A checkpoint is replaced by the next within minutes: its old versions go after a day. Where
    rules overlap, the shorter expiration counts (How Amazon S3 handles conflicts in lifecycle
    configurations, S3 User Guide).
    """
    return [
        buckets.LifecycleRule(
            Id="ExpirePipelineArtifacts",
            Status="Enabled",
            Prefix=Sub("${ProjectName}/"),
            ExpirationInDays=90,
        ),
        buckets.LifecycleRule(
            Id="ExpireCheckpoints",
            Status="Enabled",
            Prefix=CHECKPOINTS,
            ExpirationInDays=30,
            NoncurrentVersionExpiration=buckets.NoncurrentVersionExpiration(NoncurrentDays=1),
        ),
    ]
