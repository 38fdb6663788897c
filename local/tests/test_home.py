"""Nothing is removed that is not the endpoint's own, and nobody else reads what is."""

import stat
from pathlib import Path

import pytest

from local.home import FOLDERS, LOCK, PRIVATE, SENTENCE, HomeRefused, claim


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", [*(f"{each}/mine" for each in FOLDERS), "env", LOCK, "notes"])
def test_a_folder_with_files_that_is_not_marked_is_refused_and_stays_as_it_is(
    tmp_path: Path, name: str
) -> None:
    tmp_path.chmod(0o755)
    file = write(tmp_path / name, "precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HomeRefused, match="give --home a new or an empty one"):
        claim(tmp_path)
    assert file.read_text() == "precious"
    assert sorted(tmp_path.rglob("*")) == before
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("there", [True, False])
def test_a_new_or_empty_folder_becomes_a_home_of_its_user_alone(
    tmp_path: Path, there: bool
) -> None:
    home = tmp_path / "home"
    if there:
        home.mkdir(mode=0o755)
    held = claim(home)
    held.empty()
    assert {mode(path) for path in (home, *(home / name for name in FOLDERS))} == {PRIVATE}
    assert mode(home / LOCK) == 0o600


def test_a_home_is_emptied_of_what_is_the_endpoints_only(tmp_path: Path) -> None:
    claim(tmp_path).release()
    notes = write(tmp_path / "notes", "mine")
    write(tmp_path / "builds" / "one" / "src", "old")
    write(tmp_path / "env", "old keys")
    tmp_path.chmod(0o755)
    claim(tmp_path).empty()
    assert {path.name for path in tmp_path.iterdir()} == {*FOLDERS, LOCK, "notes"}
    assert not list((tmp_path / "builds").iterdir())
    assert notes.exists()
    assert mode(tmp_path) == PRIVATE


def test_a_build_that_left_folders_read_only_does_not_hold_up_the_next_start(
    tmp_path: Path,
) -> None:
    claim(tmp_path).release()
    file = write(tmp_path / "builds" / "one" / "cache" / "file", "x")
    for folder in list(file.parents)[:3]:
        folder.chmod(0o500)
    claim(tmp_path).empty()
    assert not list((tmp_path / "builds").iterdir())


def test_a_link_in_a_home_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    home, mine = tmp_path / "home", write(tmp_path / "elsewhere" / "mine", "precious")
    claim(home).release()
    (home / "images").symlink_to(mine.parent)
    (home / "git").write_text("a file in a folder's place")
    claim(home).empty()
    assert mine.read_text() == "precious"
    assert not (home / "images").is_symlink()


def test_a_link_as_lock_neither_marks_a_folder_nor_is_written_through(tmp_path: Path) -> None:
    mark, home = write(tmp_path / "mark", SENTENCE), tmp_path / "home"
    home.mkdir()
    (home / LOCK).symlink_to(mark)
    with pytest.raises(HomeRefused):
        claim(home)
    assert mark.read_text() == SENTENCE


@pytest.mark.parametrize("folders", [FOLDERS, ()])
def test_a_home_from_before_the_mark_is_known_by_its_empty_lock(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    write(tmp_path / LOCK, "")
    for name in folders:
        (tmp_path / name).mkdir()
    claim(tmp_path).release()
    assert (tmp_path / LOCK).read_text() == SENTENCE


def test_a_home_serves_one_endpoint_and_then_the_next(tmp_path: Path) -> None:
    first = claim(tmp_path)
    write(tmp_path / "builds" / "running", "")
    with pytest.raises(HomeRefused, match="another local endpoint uses it"):
        claim(tmp_path)
    assert (tmp_path / "builds" / "running").exists()
    first.release()
    claim(tmp_path).release()


def test_what_is_no_folder_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(HomeRefused, match="File exists"):
        claim(write(tmp_path / "file", ""))
