"""CIFAR-10 comes whole from its official archive or not at all; the command tells what it wrote."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import data
from scripts.lib import tfrecord
from scripts.lib.digits import write_digits
from scripts.lib.problems import Problem


def cifar_archive(folder: Path, images: int = 3, without: str = "", cut: int = 0) -> Path:
    """An archive of the official form: in each batch the labels 0, 1, 2… and the pixels
    100, 101, 102…"""
    archive = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        for name in ["batches.meta.txt", *data.BATCHES]:
            rows = b"".join(bytes([label]) + bytes([100 + label]) * 3072 for label in range(images))
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(rows) - cut
            if name != without:
                members.addfile(member, io.BytesIO(rows))
    return archive


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def silent(text: str) -> None:
    pass


def labels(path: Path) -> list[int]:
    return [tfrecord.read(path, index)[1] for index in range(tfrecord.count(path))]


def test_cifar10_goes_four_batches_to_train_one_to_validate_one_to_evaluate(tmp_path: Path) -> None:
    data.convert(cifar_archive(tmp_path), tmp_path / "out", silent)
    assert labels(tmp_path / "out/train.tfrecords") == [0, 1, 2] * 4
    assert labels(tmp_path / "out/validation.tfrecords") == [0, 1, 2]
    assert labels(tmp_path / "out/eval.tfrecords") == [0, 1, 2]
    image, label = tfrecord.read(tmp_path / "out/eval.tfrecords", 2)
    assert label == 2
    assert (image == 102).all()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"without": "data_batch_3.bin"}, r"lacks data_batch_3\.bin"),
        ({"cut": 100}, r"data_batch_1\.bin .* ends in the middle of an image"),
    ],
)
def test_an_incomplete_archive_changes_no_file(
    tmp_path: Path, fault: dict[str, Any], reason: str
) -> None:
    write_digits(tmp_path / "out")
    before = {path.name: md5(path) for path in (tmp_path / "out").iterdir()}
    with pytest.raises(Problem, match=reason):
        data.convert(cifar_archive(tmp_path, **fault), tmp_path / "out", silent)
    assert {path.name: md5(path) for path in (tmp_path / "out").iterdir()} == before


def test_an_archive_that_is_not_the_official_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        Problem, match=r"^SOURCE=.* not the official archive: its MD5 is .*expected c32a1d4"
    ) as refused:
        data.fetch(str(cifar_archive(tmp_path)), tmp_path, silent)
    assert "delete" not in str(refused.value)


def test_a_source_that_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"SOURCE=ftp://x/y is neither a file nor"):
        data.fetch("ftp://x/y", tmp_path, silent)


class ArchiveHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == "Content-Length" and self.path.endswith("?cut"):
            value = str(int(value) + 1000)
        super().send_header(keyword, value)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server on this machine that offers the archive."""
    handler = partial(ArchiveHandler, directory=str(cifar_archive(tmp_path).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz"
        server.shutdown()


def test_a_download_is_kept_and_used_again(site: str, tmp_path: Path) -> None:
    seen: list[str] = []
    right = md5(tmp_path / "cifar-10-binary.tar.gz")
    first = data.fetch(site, tmp_path / "kept", seen.append, right)
    assert md5(first) == right
    assert seen and seen[-1].startswith(f"downloading {site}")
    assert data.fetch("http://127.0.0.1:9/", tmp_path / "kept", seen.append, right) == first


@pytest.mark.parametrize(
    ("address", "reason"),
    [("{site}x", r": the server answers 404 "), ("http://127.0.0.1:9/", ": Connection refused;")],
)
def test_why_a_download_failed_is_told_in_words(
    site: str, tmp_path: Path, address: str, reason: str
) -> None:
    with pytest.raises(Problem, match=reason):
        data.fetch(address.format(site=site), tmp_path / "kept", silent)


def test_a_download_that_breaks_off_leaves_nothing(site: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"cannot download .* the connection ended after"):
        data.fetch(f"{site}?cut", tmp_path / "kept", silent)
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_command_line_tells_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["digits", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "eval.tfrecords: 360 images" in said
    [sample] = tmp_path.glob("sample-*.png")
    assert str(sample) in said
    assert data.main(["sample", "--output", str(tmp_path), "--index", "-1"]) == 2
    assert capsys.readouterr().err.startswith("Error: there is no image -1")


def test_data_that_does_not_exist_is_refused_with_what_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert data.main(["cifar100"]) == 2
    assert capsys.readouterr().err == ("Error: DATA=cifar100: choose digits, cifar10 or sample\n")
