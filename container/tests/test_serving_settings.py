"""How many workers and threads there are, and which settings are refused."""

import re
from pathlib import Path

import pytest

from serving.settings import BadSetting, Settings, cores


@pytest.mark.parametrize(
    ("machine", "workers", "threads"),
    [(1, 1, 1), (2, 2, 1), (4, 4, 1), (6, 4, 1), (8, 4, 2), (64, 4, 16)],
)
def test_workers_and_their_threads_share_the_cores(
    machine: int, workers: int, threads: int
) -> None:
    settings = Settings.read({}, machine)
    assert (settings.workers, settings.threads) == (workers, threads)


def test_the_environment_decides() -> None:
    environment = {
        "SAGEMAKER_BASE_DIR": "/elsewhere",
        "SAGEMAKER_BIND_TO_PORT": "9000",
        "SERVE_HOST": "0.0.0.0",
        "SERVE_ENGINE": "tensorflow",
        "SERVE_WORKERS": "1",
        "SERVE_ACCESS_LOG": "off",
        "MODEL_VERSION": "mlops-1a2b3c4d",
    }
    settings = Settings.read(environment, 8)
    versions = Path("/elsewhere/model/export/Servo")
    assert settings == Settings(
        versions, "0.0.0.0", 9000, "tensorflow", 1, 8, False, "mlops-1a2b3c4d"
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SERVE_WORKERS", "many", "SERVE_WORKERS is 'many', expected a number from 1 to 64"),
        ("SERVE_WORKERS", "0", "expected a number from 1 to 64"),
        ("SERVE_THREADS", "-1", "SERVE_THREADS is '-1', expected a number from 1 to 256"),
        ("SERVE_THREADS", "", "SERVE_THREADS is '', expected"),
        ("SAGEMAKER_BIND_TO_PORT", "65536", "expected a number from 1 to 65535"),
        ("SERVE_ENGINE", "torch", "expected one of auto, onnxruntime, tensorflow"),
        ("SERVE_ACCESS_LOG", "yes", "SERVE_ACCESS_LOG is 'yes', expected one of on, off"),
        ("MODEL_VERSION", "v" * 257, "expected at most 256 visible characters of ASCII"),
        ("MODEL_VERSION", "a\r\nset-cookie: b", "MODEL_VERSION is 'a\\r\\nset-cookie: b'"),
        ("MODEL_VERSION", "März", "MODEL_VERSION is 'März', expected"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(reason)):
        Settings.read({name: value}, 2)


@pytest.mark.parametrize(("quota", "expected"), [("150000 100000", 2), ("50000 100000", 1)])
def test_a_container_has_no_more_cores_than_its_limit(
    tmp_path: Path, quota: str, expected: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert cores(file) == min(expected, cores(tmp_path / "none"))
    file.write_text("max 100000")
    assert cores(file) == cores(tmp_path / "none")
