"""/opt/ml/checkpoints and its place in S3."""

import os
from pathlib import Path
from typing import Any

import pytest

from local.sagemaker.checkpoints import CheckpointSync
from local.tests.aws import Aws, wait
from local.tests.training import ended, request, start


def keys(aws: Aws, bucket: str) -> dict[str, bytes]:
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed
    }


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The folders of two instances, where these have them."""
    made = [tmp_path / host / "opt" / "ml" / "checkpoints" for host in ("algo-1", "algo-2")]
    for folder in made:
        folder.mkdir(parents=True)
    return made


def test_a_checkpoint_is_in_s3_while_its_program_runs(aws: Aws, tmp_path: Path) -> None:
    bucket = aws.bucket()
    program = "cd $SAGEMAKER_BASE_DIR/checkpoints; echo 1 > step; while :; do sleep 0.05; done"
    place = {"CheckpointConfig": {"S3Uri": f"s3://{bucket}/ck"}}
    name = start(aws, request(aws, aws.image(tmp_path, train=program), **place))
    wait(lambda: keys(aws, bucket) == {"ck/step": b"1\n"})
    sagemaker = aws.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=name)
    assert job["SecondaryStatus"] == "Training"
    sagemaker.stop_training_job(TrainingJobName=name)
    ended(aws, name)


def test_a_program_killed_in_the_middle_of_writing_does_not_hold_the_job(
    aws: Aws, tmp_path: Path
) -> None:
    bucket = aws.bucket()
    program = """
    cd $SAGEMAKER_BASE_DIR/checkpoints; echo whole > one; mkfifo pipe
    (while :; do echo part; done > two) & sleep 0.3; kill -9 $$
    """
    place = {"CheckpointConfig": {"S3Uri": f"s3://{bucket}/ck/"}}
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=program), **place)))
    assert job["FailureReason"] == "AlgorithmError: , exit code: 137"
    found = keys(aws, bucket)
    assert (set(found), found["ck/one"]) == ({"ck/one", "ck/two"}, b"whole\n")


def test_only_what_has_changed_is_written_again(aws: Aws, folders: list[Path]) -> None:
    bucket, s3 = aws.bucket(ck__old="1"), aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    checkpoints = CheckpointSync(s3, f"s3://{bucket}/ck", folders[:1])
    (folders[0] / "new").write_text("1")
    checkpoints.sync()
    checkpoints.sync()
    (folders[0] / "new").write_text("2")
    checkpoints.sync()
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert sorted(each["Key"] for each in versions) == ["ck/new", "ck/new", "ck/old"]


def test_a_neighbour_whose_name_begins_alike_is_left_alone(aws: Aws, folders: list[Path]) -> None:
    bucket = aws.bucket(ck__old="1", **{"ck-other__theirs": "2"})
    checkpoints = CheckpointSync(aws.client("s3"), f"s3://{bucket}/ck", folders[:1])
    assert [path.name for path in folders[0].iterdir()] == ["old"]
    (folders[0] / "old").unlink()
    checkpoints.sync()
    assert keys(aws, bucket) == {"ck-other/theirs": b"2"}


def test_every_instance_gets_all_and_an_empty_one_deletes_nothing_of_another(
    aws: Aws, folders: list[Path]
) -> None:
    bucket = aws.bucket(ck__old="1", ck__both="1")
    checkpoints = CheckpointSync(aws.client("s3"), f"s3://{bucket}/ck", folders)
    first, second = folders
    assert [(folder / "old").read_text() for folder in folders] == ["1", "1"]
    (first / "both").write_text("of the first")
    (first / "new").write_text("of the first")
    (first / "old").unlink()
    (second / "both").unlink()
    checkpoints.sync()
    checkpoints.sync()
    assert keys(aws, bucket) == {"ck/both": b"of the first", "ck/new": b"of the first"}


def test_the_bucket_decides_how_checkpoints_are_encrypted(aws: Aws, folders: list[Path]) -> None:
    bucket, s3 = aws.bucket(), aws.client("s3")
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    (folders[0] / "sub").mkdir()
    checkpoints = CheckpointSync(s3, f"s3://{bucket}/ck", folders[:1])
    (folders[0] / "sub" / "new").write_text("1")
    checkpoints.sync()
    assert s3.head_object(Bucket=bucket, Key="ck/sub/new")["SSEKMSKeyId"] == key


def test_a_folder_that_cannot_be_read_does_not_count_as_empty(
    aws: Aws, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = aws.bucket(ck__old="1")
    checkpoints = CheckpointSync(aws.client("s3"), f"s3://{bucket}/ck", folders[:1])

    def refuse(*_: Any) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(OSError, match="too many open files"):
        checkpoints.sync()
    monkeypatch.undo()
    assert keys(aws, bucket) == {"ck/old": b"1"}
