"""What is uploaded is code and data alone, the same bytes every time, and never twice."""

import io
import os
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.stub import Stubber

from scripts.lib.bootstrap import template_key, template_url
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from scripts.upload import code_files, put, quick_create, show_what_it_is_for, zip_bytes
from tests.scripts.answers import described


@pytest.mark.parametrize("git", [True, False])
def test_what_the_first_commit_cannot_hold_is_named_instead_of_left_out(
    tmp_path: Path, git: bool
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("x")
    (tmp_path / "copy").symlink_to("folder/file")
    if git:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert [str(path) for path in code_files(tmp_path)] == ["copy", "folder/file"]
    for target in ("folder", "nothing"):
        (tmp_path / "link").symlink_to(target)
        with pytest.raises(Problem, match="link is a submodule or a link to no file"):
            code_files(tmp_path)
        (tmp_path / "link").unlink()


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
    outputs = [{"OutputKey": name, "OutputValue": value} for name, value in found.items()]
    with Stubber(clients.cloudformation) as stub:
        stub.add_response("describe_stacks", described("CREATE_COMPLETE", Outputs=outputs))
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "container"
    for name in ("train", "model.py", "tests/test_model.py", "__pycache__/model.pyc", ".DS_Store"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "train").chmod(0o755)
    return folder


def test_caches_stay_out(root: Path) -> None:
    names = [path.as_posix() for path in code_files(root)]
    assert names == ["model.py", "tests/test_model.py", "train"]


def test_what_git_ignores_stays_out(root: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".gitignore").write_text("*.secret\n")
    (root / "key.secret").write_text("x")
    names = [path.as_posix() for path in code_files(root)]
    assert "train" in names
    assert "key.secret" not in names


def test_the_same_files_make_the_same_bytes(root: Path) -> None:
    first = zip_bytes(root, code_files(root))
    os.utime(root / "model.py", (1, 1))
    (root / "model.py").chmod(0o600)
    assert zip_bytes(root, code_files(root)) == first


def test_executables_stay_executable(root: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(zip_bytes(root, code_files(root))))
    modes = {one.filename: one.external_attr >> 16 & 0o777 for one in archive.infolist()}
    assert modes == {"model.py": 0o644, "tests/test_model.py": 0o644, "train": 0o755}


def test_a_missing_code_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is missing"):
        code_files(tmp_path / "none")


@pytest.mark.parametrize(
    ("region", "partition", "console", "suffix"),
    [
        ("eu-west-1", "aws", "console.aws.amazon.com", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "console.amazonaws.cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "console.amazonaws-us-gov.com", "amazonaws.com"),
    ],
)
def test_the_launch_link_opens_the_form_filled_in(
    region: str, partition: str, console: str, suffix: str
) -> None:
    template = template_url("bucket", "templates/a.yaml", region, partition)
    assert template == f"https://bucket.s3.{region}.{suffix}/templates/a.yaml"
    link = urlsplit(quick_create(template, "mine", region, partition, {"CodeKey": "a/b c&d"}))
    assert link.netloc == f"{region}.{console}"
    path, query = link.fragment.split("?", 1)
    assert path == "/stacks/create/review"
    assert parse_qs(query) == {
        "templateURL": [template],
        "stackName": ["mine"],
        "param_CodeKey": ["a/b c&d"],
    }


def test_a_changed_template_gets_another_key() -> None:
    assert template_key("a") != template_key("b")
    assert template_key("a") == template_key("a")
