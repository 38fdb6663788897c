"""What an artifact may hold, and what of it is written where."""

import io
import zipfile
from pathlib import Path

import pytest

from local.artifacts import ArchiveError, pack, read, unpack


def archive(name: str, content: str, *, link: bool = False) -> bytes:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (0o120777 if link else 0o100644) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(entry, content)
    return out.getvalue()


def test_what_is_packed_is_unpacked_under_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    data = pack([(file, "folder/name")])
    unpack(data, tmp_path / "out")
    assert (tmp_path / "out" / "folder" / "name").read_text() == "content"
    assert read(data, "folder/name") == b"content"


def test_a_symbolic_link_arrives_as_a_file_that_holds_its_target(tmp_path: Path) -> None:
    unpack(archive("link", "target", link=True), tmp_path)
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_text() == "target"


@pytest.mark.parametrize("name", ["../up", "/etc/up", "a/../../up"])
def test_an_archive_that_leaves_its_folder_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="leaves the folder"):
        unpack(archive(name, "x"), tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())


def test_what_is_no_zip_or_not_in_it_is_named() -> None:
    with pytest.raises(ArchiveError, match="not a zip"):
        read(b"text", "name")
    with pytest.raises(ArchiveError, match="no item named 'other'"):
        read(archive("name", "x"), "other")
