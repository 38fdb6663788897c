"""The code zip is the same bytes every time and holds only code."""

import io
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.package import code_files, template_key, zip_bytes
from scripts.session import Problem


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


def test_a_changed_template_gets_another_key() -> None:
    assert template_key(b"a") != template_key(b"b")
    assert template_key(b"a") == template_key(b"a")


def test_a_missing_code_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is missing"):
        code_files(tmp_path / "none")
