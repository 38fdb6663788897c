"""What EventBridge is told of a bucket's objects, where the bucket says so.

Sources: Amazon S3 User Guide, "EventBridge event message structure" (the detail; `version-id` is
that of a versioned bucket) and "Using EventBridge" (which events there are: here only that an
object was created is told).
"""

import itertools
import secrets
import time
from typing import Any

from local.context import current
from local.events import emit

# moto's name of what happened, and S3's for the request that did it
REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}
# "The event with the greater sequencer hexadecimal value is the event that occurred later"
_SEQUENCE = itertools.count(time.time_ns())


def tell(bucket: Any, happened: str, key: Any) -> None:
    """moto tells the end of a multipart upload twice, first as if the object had been put."""
    reason = REASONS.get(happened)
    if reason is None or (reason == "PutObject" and key.multipart):
        return
    version = {"version-id": key.version_id} if bucket.is_versioned else {}
    emit(
        "aws.s3",
        "Object Created",
        [bucket.arn],
        {
            "version": "0",
            "event-version": "1.0",
            "bucket": {"name": bucket.name},
            "object": {
                "key": key.name,
                "size": key.size,
                "etag": key.etag.strip('"'),
                **version,
                "sequencer": f"{next(_SEQUENCE):016x}",
            },
            "request-id": secrets.token_hex(8).upper(),
            "requester": current().account,
            "source-ip-address": "127.0.0.1",
            "reason": reason,
        },
    )
