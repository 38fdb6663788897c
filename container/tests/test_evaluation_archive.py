"""A model's archive is somebody else's: what in it could do harm is refused, with the reason."""

import gzip
import io
import resource
import tarfile
from pathlib import Path

import pytest
from evaluations import pack, packed

from evaluation import archive
from evaluation.archive import BadArchive, unpack
from evaluation.errors import EvaluationError

CONTENT = b"weights" * 1000


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = len(CONTENT)) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, "/etc/hostname"
    return info


def refused(file: Path, folder: Path) -> str:
    """Why, and that nothing was written elsewhere."""
    folder.mkdir()
    with pytest.raises(BadArchive) as caught:
        unpack(file, folder)
    assert [path.name for path in folder.parent.iterdir() if path not in (file, folder)] == []
    return str(caught.value)


def test_files_and_folders_arrive_as_they_were_packed(tmp_path: Path) -> None:
    (tmp_path / "model/export/Servo/1/variables").mkdir(parents=True)
    (tmp_path / "model/export/Servo/1/saved_model.pb").write_bytes(CONTENT)
    (tmp_path / "model" / ("long name " * 20)).write_bytes(b"")
    unpack(pack(tmp_path / "model.tar.gz", tmp_path / "model"), tmp_path / "unpacked")
    found = {path.relative_to(tmp_path / "unpacked") for path in (tmp_path / "unpacked").rglob("*")}
    packed = {path.relative_to(tmp_path / "model") for path in (tmp_path / "model").rglob("*")}
    assert found == packed
    assert (tmp_path / "unpacked/export/Servo/1/saved_model.pb").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (member("../outside"), "'../outside' in it leads out of its folder"),
        (member("export/../../outside"), "leads out of its folder"),
        (member("/outside"), "'/outside' in it leads out of its folder"),
        (member("link", tarfile.SYMTYPE, 0), "'link' in it is a link"),
        (member("link", tarfile.LNKTYPE, 0), "'link' in it is a link"),
        (member("null", tarfile.CHRTYPE, 0), "'null' in it is neither a file nor a folder"),
        (member("disk", tarfile.BLKTYPE, 0), "neither a file nor a folder"),
        (member("pipe", tarfile.FIFOTYPE, 0), "neither a file nor a folder"),
        (member("model"), "it cannot be unpacked: File exists"),
        (member("model/below"), "it cannot be unpacked: "),
        (member("x" * 300), "it cannot be unpacked: File name too long"),
        (member("x/" * 33), "in it lies in more than 32 folders"),
    ],
)
def test_what_is_no_plain_file_of_its_own_folder_is_refused(
    tmp_path: Path, bad: tarfile.TarInfo, reason: str
) -> None:
    file = packed(tmp_path / "a", (member("model"), CONTENT), (bad, CONTENT[: bad.size]))
    assert reason in refused(file, tmp_path / "folder")
    assert not (tmp_path.parent / "outside").exists()


def test_a_link_is_not_followed_by_a_file_behind_it(tmp_path: Path) -> None:
    way = member("way", tarfile.SYMTYPE, 0)
    way.linkname = str(tmp_path)
    file = packed(tmp_path / "a", (way, b""), (member("way/outside"), CONTENT))
    assert "is a link" in refused(file, tmp_path / "folder")


def test_a_sparse_file_is_refused_that_would_be_larger_than_it_is_packed(tmp_path: Path) -> None:
    info = member("model", size=0)
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(10**12),
    }
    reason = refused(packed(tmp_path / "a", (info, b"")), tmp_path / "folder")
    assert "neither a file nor a folder" in reason


def test_so_many_files_are_refused_that_a_disk_has_no_room_for_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_MEMBERS", 20)
    members = [(member(f"file-{number}", size=0), b"") for number in range(21)]
    unpack(packed(tmp_path / "a", *members[:20]), tmp_path / "whole")
    assert len(list((tmp_path / "whole").iterdir())) == 20
    (tmp_path / "b").mkdir()
    reason = refused(packed(tmp_path / "b/a", *members), tmp_path / "b/folder")
    assert reason == "it holds more than 20 files"


def test_a_size_that_is_too_large_is_refused_before_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(gzip.compress(member("model", size=21 * 1024**3).tobuf() + bytes(1024)))
    assert refused(file, tmp_path / "folder") == "it unpacks to more than 20 GiB"
    assert list((tmp_path / "folder").iterdir()) == []


def test_all_members_together_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 20_000)
    members = [(member(f"file-{number}"), CONTENT) for number in range(3)]
    assert "it unpacks to more than" in refused(packed(tmp_path / "a", *members), tmp_path / "f")


def test_what_was_made_to_fill_a_disk_is_refused(tmp_path: Path) -> None:
    size = archive.SHRUNK_FROM + 1
    file = packed(tmp_path / "a", (member("zeros", size=size), bytes(size)))
    assert file.stat().st_size < 1024**2
    assert refused(file, tmp_path / "f") == "it unpacks to more than 100 times its size"


def test_a_name_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "a", (member("x" * 1024**2), CONTENT))
    assert refused(file, tmp_path / "folder") == "it has a header that is too large"


@pytest.mark.parametrize("where", [10, 500, -5000, -9, -1])
def test_what_is_cut_short_is_refused_wherever_it_ends(tmp_path: Path, where: int) -> None:
    random = bytes(tarfile.BLOCKSIZE * number % 251 for number in range(20_000))
    file = packed(tmp_path / "a", (member("a", size=20_000), random), (member("b"), CONTENT))
    file.write_bytes(file.read_bytes()[:where])
    assert "damaged" in refused(file, tmp_path / "folder")


def test_what_was_changed_on_its_way_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=0) as file:
        file.write(member("model").tobuf() + CONTENT + bytes(2048))
    stored = buffer.getvalue()
    at = stored.index(b"weights")
    (tmp_path / "a").write_bytes(stored[:at] + b"W" + stored[at + 1 :])
    assert "damaged" in refused(tmp_path / "a", tmp_path / "folder")


@pytest.mark.parametrize(
    "content", [b"", b"<Error>", gzip.compress(b"no tar" * 1000)], ids=["empty", "text", "no tar"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert "no gzip" in (reason := refused(tmp_path / "a", tmp_path / "f")) or "no tar" in reason


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "a", tmp_path / "folder") == "it is missing"


def test_a_disk_that_is_too_small_says_nothing_of_the_archive(tmp_path: Path) -> None:
    """Of a champion that is refused the candidate need not be as good."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(CONTENT)
    archive = pack(tmp_path / "model.tar.gz", tmp_path / "model")
    (tmp_path / "folder").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(EvaluationError, match="TrainingVolumeGB"):
            unpack(archive, tmp_path / "folder")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
