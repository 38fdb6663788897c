"""Data arrives whole or starts nothing: the manifest is sent last, and says what there is."""

import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from scripts.data_upload import MANIFEST, STARTING, send, upload
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from templates.workflows.training.triggers import MANIFEST as WATCHED
from templates.workflows.training.triggers import SUCCESS
from tests.scripts import versions
from tests.scripts.answers import outputs
from tests.scripts.conftest import Stubs


@pytest.fixture
def bucket(memory: Clients) -> str:
    memory.s3.create_bucket(
        Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        *("train.tfrecords", "more/b", "more/manifest.json", MANIFEST, "_SUCCESS"),
        *(".hidden", ".git/objects/one"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def sent(memory: Clients) -> list[str]:
    """The keys of what is put, in their order."""
    keys = list[str]()
    memory.s3.meta.events.register(
        "provide-client-params.s3.PutObject", lambda params, **_: keys.append(params["Key"])
    )
    return keys


def test_the_manifest_is_sent_last_and_names_every_file(
    memory: Clients, bucket: str, folder: Path, console: Console, sent: list[str]
) -> None:
    """What is hidden, and what would start a training, is no data."""
    assert {f"data/{one}" for one in STARTING} == {WATCHED, SUCCESS}
    assert upload(memory, bucket, folder, console)
    assert sent == ["data/more/b", "data/more/manifest.json", "data/train.tfrecords", WATCHED]
    found = memory.s3.get_object(Bucket=bucket, Key=WATCHED)
    body = found["Body"].read()
    files = {each["key"]: each["bytes"] for each in json.loads(body)["files"]}
    assert files == {"more/b": 6, "more/manifest.json": 18, "train.tfrecords": 15}
    # What the workflow knows the data by
    assert found["Metadata"] == {"sha256": hashlib.sha256(body).hexdigest()}


def test_what_is_there_already_is_not_sent_again(
    memory: Clients,
    bucket: str,
    folder: Path,
    console: Console,
    page: io.StringIO,
    sent: list[str],
) -> None:
    upload(memory, bucket, folder, console)
    del sent[:]
    assert not upload(memory, bucket, folder, console) and sent == []
    (folder / "more/b").write_text("other!")
    assert upload(memory, bucket, folder, console)
    assert sent == ["data/more/b", WATCHED]
    assert "s3://data/data/: 3 files, 0.0 MB; 1 were sent" in page.getvalue()
    # Somebody else's manifest lies there meanwhile
    memory.s3.put_object(Bucket=bucket, Key=WATCHED, Body=b"{}")
    del sent[:]
    assert upload(memory, bucket, folder, console) and sent == [WATCHED]


def test_what_would_be_trained_on_with_it_is_refused_and_all_else_is_told(
    memory: Clients,
    bucket: str,
    folder: Path,
    console: Console,
    page: io.StringIO,
    sent: list[str],
) -> None:
    for key in ("classes.json", "train-0.tfrecords", "more/it's.tfrecords", "_SUCCESS", ""):
        memory.s3.put_object(Bucket=bucket, Key=f"data/{key}", Body=b"")
    del sent[:]
    with pytest.raises(Problem, match=r"too: more/it's.tfrecords, train-0.tfrecords\.") as refused:
        upload(memory, bucket, folder, console)
    assert "--include 'more/it'\"'\"'s.tfrecords' --include train-0.tfrecords`" in str(
        refused.value
    )
    assert sent == []
    for key in ("train-0.tfrecords", "more/it's.tfrecords"):
        memory.s3.delete_object(Bucket=bucket, Key=f"data/{key}")
    assert upload(memory, bucket, folder, console)
    assert "stays, in s3://data/data/: classes.json\n" in page.getvalue()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"not-\xff.tfrecords", r"'not-\\udcff.tfrecords': a name has to be UTF-8"),
        (b"two\nlines", r"'two\\nlines': a name"),
        (b"a" * 250 + b"/" + b"b" * 250 + b"/" + b"c" * 250 + b"/" + b"d" * 250 + b"/" + b"e" * 20,
         "at most 1019 bytes: rename it"),
    ],
)  # fmt: skip
def test_a_name_that_s3_cannot_take_is_refused_before_anything_is_sent(
    memory: Clients,
    bucket: str,
    folder: Path,
    console: Console,
    sent: list[str],
    name: bytes,
    words: str,
) -> None:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    with pytest.raises(Problem, match=f"INPUT={folder} holds .*{words}"):
        upload(memory, bucket, folder, console)
    assert sent == []


@pytest.mark.parametrize("target", ["", "nowhere"])
def test_a_link_that_is_not_followed_is_refused(
    memory: Clients,
    bucket: str,
    folder: Path,
    console: Console,
    tmp_path_factory: pytest.TempPathFactory,
    target: str,
) -> None:
    (folder / "link").symlink_to(tmp_path_factory.mktemp("other") / target)
    with pytest.raises(Problem, match="'link', which is a link to a folder, leads nowhere or"):
        upload(memory, bucket, folder, console)


def test_a_stack_that_data_starts_nothing_in_is_deployed_first(
    clients: Clients, stub: Stubs, folder: Path, console: Console
) -> None:
    outputs(stub, versions.KNOWN)
    versions.stack(stub, BranchName="main")
    with pytest.raises(Problem, match="could start a training: `make deploy STACK=mlops` first"):
        send(clients, "mlops", folder, console)


def test_who_has_sent_data_is_told_how_to_follow_what_comes_of_it(
    memory: Clients, bucket: str, folder: Path, console: Console, page: io.StringIO
) -> None:
    """And where nothing does, how to train all the same."""
    template = {
        "Parameters": {"RetrainSchedule": {"Type": "String", "Default": ""}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"DataBucket": {"Value": bucket}},
    }
    memory.cloudformation.create_stack(StackName="mlops", TemplateBody=json.dumps(template))
    for words in (
        "The training begins by itself: `make status STACK=mlops` shows it",
        "no training begins: all of it is there already. `make train STACK=mlops` trains",
    ):
        send(memory, "mlops", folder, console)
        assert words in " ".join(page.getvalue().split())


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
    assert [each["Key"] for each in found] == ["data/more/b", "data/more/manifest.json"]


def test_a_folder_without_data_is_refused(
    memory: Clients, bucket: str, tmp_path: Path, console: Console
) -> None:
    with pytest.raises(Problem, match="holds no files: `make data` makes some"):
        upload(memory, bucket, tmp_path, console)
    with pytest.raises(Problem, match=r"INPUT=.*/gone is no folder"):
        upload(memory, bucket, tmp_path / "gone", console)
