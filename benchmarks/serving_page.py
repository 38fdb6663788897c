"""What came of comparing servers, as the page docs/benchmarks/serving.md."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report import Row, ratios, table, write_page

NETWORKS = {"resnet": "ResNet-20", "cnn": "a small CNN"}
CONNECTIONS = (1, 8, 32)

Turn = dict[str, Any]  # what one server did in one round
Round = dict[str, Turn]


class Comparison:
    """What came of some rounds of one network."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._rounds = rounds
        self.names = list(rounds[0])

    def median(self, name: str, figure: str, at: int | None = None) -> float:
        return statistics.median(_figure(turns[name], figure, at) for turns in self._rounds)

    def ratio(self, name: str, figure: str, at: int | None = None) -> float:
        return statistics.median(self.ratios(name, figure, at))

    def ratios(self, name: str, figure: str, at: int | None = None) -> list[float]:
        """The figure of `serve` by that of the other, in each round."""
        return [
            _figure(turns["serve"], figure, at) / _figure(turns[name], figure, at)
            for turns in self._rounds
        ]

    def table(self) -> str:
        header = [
            "server",
            *(f"requests/s, {_connections(at)}" for at in CONNECTIONS),
            *(f"p50 / p99 ms, {at}" for at in CONNECTIONS),
            "longest first answer ms, 32",
            "CPU ms a request, 8",
            "cores, 8",
            "client's cores, 8",
            "memory, MB",
            "start, s",
        ]
        return table(header, [self._row(name) for name in self.names])

    def _row(self, name: str) -> list[str]:
        speeds = [
            ("~" if self._uneven(name, at) else "")
            + f"{self.median(name, 'requests_a_second', at):,.0f}"
            + ("" if name == "serve" else f" ({self.ratio(name, 'requests_a_second', at):.2f})")
            for at in CONNECTIONS
        ]
        waits = [
            f"{self.median(name, 'p50', at):.1f} / {self.median(name, 'p99', at):.1f}"
            for at in CONNECTIONS
        ]
        rest = [
            f"{self.median(name, 'first', 32):.0f}",
            f"{self.median(name, 'cpu', 8):.2f}",
            f"{self.median(name, 'cores', 8):.2f}",
            f"{self.median(name, 'busy', 8):.2f}",
            f"{self.median(name, 'megabytes'):.0f}",
            f"{self.median(name, 'start'):.1f}",
        ]
        return [name, *speeds, *waits, *rest]

    def _uneven(self, name: str, at: int) -> bool:
        """In any round."""
        loads = (turns[name]["loads"][CONNECTIONS.index(at)] for turns in self._rounds)
        return any(load["uneven"] for load in loads)

    def aim(
        self,
        where: str,
        against: str,
        figure: str,
        at: int | None = None,
        *,
        least: float | None = None,
        most: float | None = None,
    ) -> Row:
        ours, other = self.median("serve", figure, at), self.median(against, figure, at)
        what = f"{where}: {FIGURES[figure]}" + (f", {_connections(at)}" if at else "")
        return Row(
            what,
            against,
            f"{ours:,.4g} : {other:,.4g}",
            self.ratio(against, figure, at),
            least,
            most,
            self.ratios(against, figure, at),
        )


FIGURES = {
    "requests_a_second": "requests/s",
    "p99": "p99, ms",
    "megabytes": "memory, MB",
    "start": "start, s",
}


def _connections(count: int) -> str:
    return f"{count} connection" + ("s" if count > 1 else "")


def _figure(turn: Turn, figure: str, at: int | None) -> float:
    return float(turn[figure] if at is None else turn["loads"][CONNECTIONS.index(at)][figure])


def write(
    rounds: Mapping[tuple[str, int], Sequence[Round]],
    notes: Mapping[str, str],
    kept: Sequence[Mapping[str, Any]],
) -> None:
    """Of each network and number of processes; `notes` tell what each server is, and `kept` when
    the rounds were."""
    found = {key: Comparison(value) for key, value in rounds.items()}
    parts = ["# The server beside what one might pick instead"]
    for (network, processes), comparison in found.items():
        many = f"{processes} processes that predict" if processes > 1 else "one process"
        parts += [f"## {NETWORKS[network]}, {many}", comparison.table()]
    most = max(processes for _, processes in found)
    resnet, cnn = found["resnet", most], found["cnn", most]
    speed, bare, granian = "requests_a_second", "bare ASGI", "granian"
    aims = [
        *(
            resnet.aim("ResNet-20", other, speed, at, least=1)
            for other in (bare, granian)
            for at in (8, 32)
        ),
        *(cnn.aim("small CNN", bare, speed, at, least=0.95) for at in (8, 32)),
        *(
            resnet.aim("ResNet-20", other, speed, 8, least=1.2)
            for other in ("FastAPI, untyped", "MLServer")
        ),
        *(resnet.aim("ResNet-20", other, "p99", 32, most=1) for other in (bare, granian)),
        *(
            resnet.aim("ResNet-20", "FastAPI, untyped", one, most=1)
            for one in ("megabytes", "start")
        ),
    ]
    parts += ["## What was aimed at", ratios(aims)]
    parts += [READING, "\n".join(f"- **{name}**: {note}." for name, note in notes.items())]
    counts = sorted({len(value) for value in rounds.values()})
    write_page("serving", parts, f"Medians of {' to '.join(map(str, counts))} rounds.", kept)


READING = """\
## How to read it

- `(0.92)`: `serve` answers 0.92 times as many requests as this one; above 1 it leads. It is the
  median of the ratios of the rounds, not the ratio of the medians.
- In each round every server is started, alone on the machine, warmed up, and asked the same image
  with its 3,072 numbers as JSON; then the next one, in the opposite order every second round. All
  answers are compared: the same ten probabilities, to 0.0001.
- Each load lasts 1.2 s, after 1.5 s of warming. Where the longest first answer is a large part of
  that, fewer than 32 connections were answered for so long, and p50 and p99 are of fewer.
- `(0.90 to 0.95)` beside a ratio of what was aimed at is the least and the most of the rounds.
- The client, one process, runs on the same cores, and the quicker a server answers, the more it
  takes of them, as its column says: "hello" is the limit of server and client together.
- The engine has one thread in each process that predicts, and none spins. One process is not one
  core: a server may have other threads, and the kernel works for it.
- Connections stay open, and may all come to one of a server's processes: where those of
  several used less than three quarters of the cores, they are opened anew, up to three times. A
  `~` stands before a figure if that was no use in some round. "hello" is left as it is: the client
  keeps it from using them.
- A connection's first answer waits until the server has taken the connection too, which most do one
  by one: the longest stands in a column of its own, and p50 and p99 are without all first ones.
- `serve`, bare ASGI, granian and one of FastAPI's rows read JSON with the product's own decoder; of
  what the others take longer, a part is reading it.
- CPU is of all processes of the server, the kernel's for it included. Memory is of all processes,
  after the load, what they share counted once (PSS). Start is until the first healthy answer; of
  those with several processes one may answer before the others do, but for LitServe and MLServer.
  Each has predicted once by then.

What each is, and what it does not do:"""
