"""The machines of a job, and the strategy by which they train as one."""

import faulthandler
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from training.errors import JobError

PORT = 22340


@dataclass(frozen=True)
class Hosts:
    """The hosts of the job in order of their numbers, and which of them this is."""

    names: tuple[str, ...] = ("algo-1",)
    rank: int = 0


@dataclass(frozen=True)
class Cluster:
    """One worker of `workers`; `strategy` computes on all replicas of all of them."""

    strategy: tf.distribute.Strategy
    rank: int = 0
    workers: int = 1

    @property
    def chief(self) -> bool:
        """The one worker that reports, saves and exports."""
        return self.rank == 0

    @property
    def replicas(self) -> int:
        """Devices that train, on all machines: GPUs, or one for the processor of each machine."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def on_gpu(self) -> bool:
        return bool(tf.config.list_physical_devices("GPU"))

    def gather(self, values: list[int]) -> list[list[int]]:
        """Every worker's values, as many from each; all workers have to call this together."""
        if self.workers == 1:
            return [values]
        rows = self.strategy.run(lambda: tf.constant([values], tf.int64))
        gathered: list[list[int]] = self.strategy.gather(rows, axis=0).numpy().tolist()
        return gathered


def read_hosts(resources: Path) -> Hosts:
    """From SageMaker's input/config/resourceconfig.json; one host where there is no such file.

    Sorted by number, since algo-10 comes before algo-2 in the file.
    """
    if not resources.is_file():
        return Hosts()
    config = json.loads(resources.read_text())
    names = sorted(config["hosts"], key=lambda name: (len(name), name))
    return Hosts(tuple(names), names.index(config["current_host"]))


def join(hosts: Hosts) -> Cluster:
    """Meets the other hosts, and waits for them without end: see `give_up_after`.

    Before any other use of TensorFlow: the strategy sets up the devices. TensorFlow listens on all
    addresses of the machine, and trusts whoever connects, so SageMaker's private network between
    the instances of a job is the place for it.
    """
    workers = len(hosts.names)
    if workers > 1:
        task = {"type": "worker", "index": hosts.rank}
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": _addresses(hosts)}, "task": task}
        )
        cluster = Cluster(tf.distribute.MultiWorkerMirroredStrategy(), hosts.rank, workers)
        cluster.gather([hosts.rank])
        return cluster
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return Cluster(tf.distribute.MirroredStrategy())
    return Cluster(tf.distribute.get_strategy())


@contextmanager
def give_up_after(seconds: float, failure: Path) -> Iterator[None]:
    """Ends the process when the block takes longer, with the reason in the file `failure`.

    TensorFlow waits for a worker that never comes inside a call that lets no Python run: so the
    reason is written beforehand, and the clock is faulthandler's, which needs no Python.
    """
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(
        f"the job ended while it waited, at most {seconds:g} seconds, for its other workers: the"
        " log of the one that failed tells why; hyperparameter start_seconds is how long to wait"
    )
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
    failure.unlink()


def _addresses(hosts: Hosts) -> list[str]:
    """Where the workers listen; several on one machine need TRAINING_ADDRESSES: host:port,…"""
    given = os.environ.get("TRAINING_ADDRESSES")
    addresses = given.split(",") if given else [f"{name}:{PORT}" for name in hosts.names]
    if len(addresses) != len(hosts.names):
        raise JobError(
            f"TRAINING_ADDRESSES has {len(addresses)} addresses for {len(hosts.names)} hosts"
        )
    return addresses
