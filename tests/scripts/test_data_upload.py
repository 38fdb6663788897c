"""Data arrives whole or starts nothing: the manifest is sent last, and says what there is."""

import io
import json
from pathlib import Path

import pytest

from scripts.data_upload import MANIFEST, upload
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from templates.workflows.training.triggers import MANIFEST as WATCHED


@pytest.fixture
def bucket(memory: Clients) -> str:
    memory.s3.create_bucket(
        Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    for name in ("train.tfrecords", "more/b", ".hidden", MANIFEST):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_manifest_is_sent_last_and_names_every_file(
    memory: Clients, bucket: str, folder: Path, console: Console, page: io.StringIO
) -> None:
    sent: list[str] = []
    memory.s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: sent.append(params["Key"])
    )
    upload(memory, bucket, folder, console)
    assert sent == ["data/more/b", "data/train.tfrecords", WATCHED]
    body = memory.s3.get_object(Bucket=bucket, Key=WATCHED)["Body"].read()
    files = {each["key"]: each["bytes"] for each in json.loads(body)["files"]}
    assert files == {"more/b": 6, "train.tfrecords": 15}
    # What is there already is not sent again
    del sent[:]
    (folder / "more/b").write_text("other!")
    upload(memory, bucket, folder, console)
    assert sent == ["data/more/b", WATCHED]
    assert "s3://data/data/: 2 files" in page.getvalue()


def test_an_upload_that_is_broken_off_starts_nothing(
    memory: Clients, bucket: str, folder: Path, console: Console
) -> None:
    def stop(params: dict[str, str], **_: object) -> None:
        if params["Key"].endswith("train.tfrecords"):
            raise OSError("the line broke")

    memory.s3.meta.events.register("provide-client-params.s3.PutObject", stop)
    with pytest.raises(OSError, match="the line broke"):
        upload(memory, bucket, folder, console)
    found = memory.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in found] == ["data/more/b"]


def test_a_folder_without_data_is_refused(
    memory: Clients, bucket: str, tmp_path: Path, console: Console
) -> None:
    with pytest.raises(Problem, match="holds no files: `make data` makes some"):
        upload(memory, bucket, tmp_path, console)
