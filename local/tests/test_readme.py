"""local/README.md finds every file that it names, and leaves out none that all services share."""

import re
from pathlib import Path

import local

LOCAL = Path(local.__file__).parent
KINDS = {"api.py", "records.py", "work.py", "views.py"}  # of files, that a service may have
NAMED = set(re.findall(r"`([\w/]+\.(?:py|txt|yaml))`", (LOCAL / "README.md").read_text())) - KINDS


def test_each_file_that_the_readme_names_is_there() -> None:
    places = (LOCAL, LOCAL.parent)
    missing = {name for name in NAMED if not any((place / name).exists() for place in places)}
    assert NAMED
    assert missing == set()


def test_each_file_and_folder_that_stands_in_local_is_named_in_the_readme() -> None:
    text = (LOCAL / "README.md").read_text()
    files = {each.name for each in LOCAL.glob("*.py")} - {"__init__.py", "__main__.py"}
    folders = {each.parent.name for each in LOCAL.glob("*/__init__.py")}
    assert files - NAMED == set()
    assert {name for name in folders if f"`{name}/" not in text} == set()
