"""Which parts there are, and in which order they are measured: round-robin over the peers.

In each round every peer has its turn, so that a noisy minute of the machine hits all alike.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Sequence

from kafka.errors import KafkaError

from bench.catalogue import Peer
from bench.errors import BenchError
from bench.parts import busy, crash, drain, enqueue, growth, latency
from bench.samples import Results, Sample
from bench.site import Site
from devstack.errors import DevstackError

#: What one peer or one server may do, and the others go on.
_FAILURES = (BenchError, DevstackError, KafkaError, OSError)


@dataclasses.dataclass(frozen=True)
class Part:
    """One row of columns in the report; `--only` selects it by the first word of its name."""

    name: str
    measure: Callable[[Site, Peer], Sample]
    takes: Callable[[Peer], bool] = lambda _: True

    @property
    def group(self) -> str:
        """What `--only` calls it."""
        return self.name.partition("-")[0]


def _is_ours(peer: Peer) -> bool:
    return peer.name == "ours"


def _has_threads(peer: Peer) -> bool:
    return peer.has_threads


PARTS = (
    Part("enqueue", enqueue.measure),
    Part("drain-1", functools.partial(drain.measure, processes=1)),
    Part("drain-2", functools.partial(drain.measure, processes=2)),
    Part("latency", latency.measure),
    Part("busy", busy.measure, _has_threads),
    Part("crash", crash.measure, _has_threads),
    Part("growth-backlog", growth.measure_backlogs, _is_ours),
    *(
        Part(
            f"growth-{partitions}x{processes}",
            functools.partial(growth.measure_scale, partitions=partitions, processes=processes),
            _is_ours,
        )
        for partitions, processes in ((1, 1), (4, 1), (4, 4))
    ),
)


def carry_out(
    site: Site, parts: Iterable[Part], peers: Sequence[Peer], *, rounds: int, results: Results
) -> None:
    """Measure everything into `results`; what fails is noted there and the rest goes on."""
    # First, so that nothing is installed or started beside a measurement.
    unready = {peer: _prepare(site, peer) for peer in peers}
    for part in parts:
        taking = [peer for peer in peers if part.takes(peer)]
        results[part.name] = {peer.name: [] for peer in taking}
        for number in range(rounds):
            # Nobody is always first, or always after the same neighbour's mess.
            first = number % max(1, len(taking))
            for peer in taking[first:] + taking[:first]:
                outcome = unready[peer] or _measure(site, part, peer)
                results[part.name][peer.name].append(outcome)
                _say(part, peer, f"{number + 1}/{rounds}", outcome)


def _prepare(site: Site, peer: Peer) -> str:
    """Make the peer ready; return why it can't be, or ""."""
    try:
        site.prepare(peer)
        # Kafka's compiler and the page cache are cold; whoever came first would pay for all.
        enqueue.measure(site, peer)
    except _FAILURES as error:
        return _reason(error)
    return ""


def _measure(site: Site, part: Part, peer: Peer) -> Sample | str:
    try:
        return part.measure(site, peer)
    except _FAILURES as error:
        return _reason(error)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or repr(error)


def _say(part: Part, peer: Peer, turn: str, outcome: Sample | str) -> None:
    if not isinstance(outcome, str):
        outcome = "  ".join(f"{name} {value:.4g}" for name, value in outcome.items())
    print(f"{time.strftime('%H:%M:%S')}  {part.name} {turn}  {peer.name:18} {outcome}", flush=True)
