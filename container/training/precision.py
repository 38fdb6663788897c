"""In which precision to compute: bfloat16 halves the work where the hardware knows it."""

from pathlib import Path

import keras
import tensorflow as tf

# Compute capability of NVIDIA's Ampere, the first with bfloat16 (CUDA C++ Programming Guide)
AMPERE = (8, 0)
_PROCESSOR = Path("/proc/cpuinfo")


def use(precision: str) -> str:
    """Sets Keras' dtype policy and gives its name; auto takes mixed_bfloat16 where it is quick."""
    policy = (
        ("mixed_bfloat16" if _has_bfloat16() else "float32") if precision == "auto" else precision
    )
    keras.config.set_dtype_policy(policy)
    return policy


def _has_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
        return all(each.get("compute_capability", (0, 0)) >= AMPERE for each in details)
    words = set(_PROCESSOR.read_text().split()) if _PROCESSOR.is_file() else set()
    return bool(words & {"avx512_bf16", "amx_bf16"})
