"""The demo finds its endpoint and never leaves one behind."""

import os
from pathlib import Path

import pytest

from scripts.demo import local_endpoint, read_environment
from scripts.lib.problems import Problem


def test_the_endpoints_settings_are_read_as_a_shell_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4599\n"
        "export AWS_SECRET_ACCESS_KEY='a b' AWS_REGION=eu-west-1\n"
        "unset AWS_PROFILE AWS_SESSION_TOKEN\n"
    )
    assert read_environment(file) == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4599",
        "AWS_SECRET_ACCESS_KEY": "a b",
        "AWS_REGION": "eu-west-1",
        "AWS_PROFILE": None,
        "AWS_SESSION_TOKEN": None,
    }


def test_an_endpoint_that_does_not_start_is_told_in_its_own_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "lock").mkdir()  # where the endpoint's own lock would be a file
    with (
        pytest.raises(Problem, match="cannot use --home"),
        local_endpoint(tmp_path, tmp_path / "log", {}),
    ):
        pytest.fail("it started")


@pytest.mark.local
def test_the_endpoint_is_stopped_when_the_demo_is_interrupted(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    home = tmp_path / "home"
    with (
        pytest.raises(KeyboardInterrupt),
        local_endpoint(home, tmp_path / "log", environment),
    ):
        assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
        raise KeyboardInterrupt
    assert not (home / "env").exists()
    assert "AWS_ENDPOINT_URL" not in os.environ
