"""What SageMaker mounts at /opt/ml."""

import json
import shutil
from pathlib import Path


def opt_ml(folder: Path, data: Path, **hyperparameters: str) -> Path:
    """A training job's folders, for a small network unless the hyperparameters tell otherwise."""
    shutil.copytree(data, folder / "input/data/training")
    for name in ("input/config", "output", "model", "checkpoints"):
        (folder / name).mkdir()
    text = json.dumps({"depth": "8", "batch_size": "32", **hyperparameters})
    (folder / "input/config/hyperparameters.json").write_text(text)
    return folder
