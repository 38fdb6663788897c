"""Uploading twice transfers nothing twice."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from scripts.clients import Clients
from scripts.console import Console
from scripts.upload import put, show_what_it_is_for


def test_unchanged_bytes_are_not_sent_again(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    memory.s3.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    memory.s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    assert put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"one"), console)
    assert not put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"one"), console)
    assert put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"two"), console)
    body = memory.s3.get_object(Bucket="bucket", Key="seed/code.zip")["Body"].read()
    assert body == b"two"
    assert len(memory.s3.list_object_versions(Bucket="bucket")["Versions"]) == 2


def test_a_missing_bucket_is_not_taken_for_a_missing_object(
    memory: Clients, console: Console
) -> None:
    with pytest.raises(memory.s3.exceptions.NoSuchBucket):
        put(memory.s3, "nowhere", "key", io.BytesIO(b""), console)


def test_where_the_stack_exists_the_ways_to_change_it_are_named(
    clients: Clients, console: Console, page: io.StringIO
) -> None:
    found = {"RepositoryCloneUrl": "https://git/mlops", "DataUri": "s3://data/data/"}
    with Stubber(clients.cloudformation) as stub:
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in found.items()]
        stack: Any = {"StackName": "mine", "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
        stack |= {"CreationTime": datetime.now(UTC)}
        stub.add_response("describe_stacks", {"Stacks": [stack]})
        show_what_it_is_for(clients, "mine", Path("build/data"), console)
    said = page.getvalue()
    assert "code and data here are for a new stack only" in said
    assert "https://git/mlops" in said and "make train STACK=mine" in said
    assert "aws s3 sync build/data s3://data/data/" in said


def test_a_first_upload_says_nothing_of_a_stack(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    show_what_it_is_for(memory, "mine", Path("build/data"), console)
    assert page.getvalue() == ""
