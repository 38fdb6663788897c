"""Which precision a job takes where."""

from collections.abc import Iterator
from pathlib import Path

import keras
import pytest

from training import precision


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f avx512_bf16", "mixed_bfloat16"),
        ("fpu avx2 amx_bf16 amx_tile", "mixed_bfloat16"),
        ("fpu avx2 avx512f", "float32"),
    ],
)
def test_a_processor_with_bfloat16_is_used_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, expected: str
) -> None:
    processor = tmp_path / "cpuinfo"
    processor.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "_PROCESSOR", processor)
    assert precision.use("auto") == expected
    assert keras.config.dtype_policy().name == expected


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [([(8, 0), (9, 0)], "mixed_bfloat16"), ([(8, 0), (7, 5)], "float32")],
)
def test_gpus_decide_where_there_are_some(
    monkeypatch: pytest.MonkeyPatch, capabilities: list[tuple[int, int]], expected: str
) -> None:
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: capabilities)
    monkeypatch.setattr(
        "tensorflow.config.experimental.get_device_details",
        lambda gpu: {"compute_capability": gpu},
    )
    assert precision.use("auto") == expected
