"""Run the model's code here as SageMaker would, without any AWS: seconds from an edit to a result.

train    `train` on the data in build/data (the digits, if there is none yet); Ctrl-C saves, and the
         next time it goes on
serve    `serve` with what was trained, until Ctrl-C
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.laptop")

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.lib.digits import DATA, write_digits, write_sample
from scripts.lib.guard import guarded
from scripts.lib.problems import FAILED, Problem

BASE = Path("build/laptop")
MODEL = Path("model/export/Servo")
SIGNALS = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGTERM,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.laptop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("train", "serve"))
    parser.add_argument(
        "--code", type=Path, default=Path("container"), help="the model's repository (container)"
    )
    parser.add_argument("--channel", type=Path, default=DATA, help=f"folder of TFRecords ({DATA})")
    parser.add_argument("--port", default="8080", help="where to serve (8080)")
    args = parser.parse_args(argv)

    def work() -> int:
        if not (args.code / args.what).is_file():
            raise Problem(f"{args.code} is not a model's repository: it has no file {args.what}")
        if args.what == "serve":
            return serve(args.code, args.channel, free_port(args.port))
        prepare(args.code, args.channel)
        return train(args.code)

    return guarded(work, "What was learned is saved; run it again.")


def prepare(code: Path, channel: Path) -> None:
    """BASE as SageMaker fills /opt/ml: values are strings, the data lies in a channel."""
    if channel == DATA and not (channel / "train.tfrecords").is_file():
        write_digits(channel)
    if not channel.is_dir():
        raise Problem(
            f"CHANNEL: there is no folder {channel}; `make data` writes {DATA}, else name one that "
            "holds train, validation and eval .tfrecords"
        )
    file = code / "hyperparameters.json"
    try:
        chosen = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Problem(f"{file} is missing: write {{}} into it to choose nothing") from None
    except ValueError as error:
        raise Problem(f"{file} is not JSON: {error}") from None
    if not isinstance(chosen, dict):
        raise Problem(f'{file} has to be an object such as {{"epochs": 12}}')
    for old in ("input", "output", "model"):
        shutil.rmtree(BASE / old, ignore_errors=True)
    for folder in ("config", "data"):
        (BASE / "input" / folder).mkdir(parents=True)
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in chosen.items()
    }
    (BASE / "input/config/hyperparameters.json").write_text(json.dumps(texts))
    (BASE / "input/data/training").symlink_to(channel.resolve())


def train(code: Path) -> int:
    """Exit status; the program's own words tell what went wrong."""
    status = _run(code / "train", {})
    if status == 0 and (BASE / MODEL).is_dir():
        print(f"{BASE}/model holds the model: `make serve-local CODE={code}` serves it")
    return status and FAILED


def free_port(text: str) -> int:
    """The port's number, if nothing listens there yet."""
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise Problem(f"PORT={text} is no port: pass a number from 1024 to 65535")
    with socket.socket() as here:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            here.bind(("127.0.0.1", int(text)))
        except OSError:
            raise Problem(f"something else listens on port {text}: pass PORT=<another>") from None
    return int(text)


def serve(code: Path, channel: Path, port: int) -> int:
    """Exit status, when it is stopped."""
    if not (BASE / MODEL).is_dir():
        raise Problem("no model was trained here yet: `make train-local` first")
    sample = write_sample(channel, 0) if channel == DATA else "FILE.png"
    url = f"http://127.0.0.1:{port}/invocations"
    print(f"On {url} until Ctrl-C. Ask it in a second terminal:", flush=True)
    print(f"  curl --data-binary @{sample} -H 'Content-Type: image/png' {url}", flush=True)
    return _run(code / "serve", {"SAGEMAKER_BIND_TO_PORT": str(port)}) and FAILED


def _run(program: Path, more: dict[str, str]) -> int:
    """Exit status of a program of the container, which never outlives this one.

    A closed terminal is told as SIGTERM: SageMaker sends that, so it is the one that programs know.
    """
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(BASE.resolve()), **more}
    command = [sys.executable, "-m", "local.keep", sys.executable, str(program)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, start_new_session=True
    ) as keeper:
        for number, told in SIGNALS.items():
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
                signal.signal(number, lambda *_, told=told: keeper.send_signal(told))
        return keeper.wait()
