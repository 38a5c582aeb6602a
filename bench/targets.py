"""What our broker is to reach beside its peers, judged from the results of one run. Pure."""

import dataclasses
import functools
from collections.abc import Callable, Iterable

from bench.samples import Results, shown, spread

OURS, RAW = "ours", "kafka-python"
_RABBITMQ = ("dramatiq-rabbitmq",)
_KAFKA_PEERS = ("taskiq-kafka", "faststream-kafka")
#: A worker has eight threads, so no more can be running.
_MOST_RUNNING = 8


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One target; `is_met` is None when it was not measured."""

    what: str
    target: str
    measured: str
    is_met: bool | None


@dataclasses.dataclass(frozen=True)
class Number:
    """The median of one number of one peer."""

    peer: str
    part: str
    value: float


def verdicts(results: Results) -> list[Verdict]:
    """Judge every target, in the order of the report."""
    ours = functools.partial(_best, results, [OURS])
    best = functools.partial(_best, results)
    peers = [peer for peer in results.get("drain-1", {}) if peer not in {OURS, RAW}]
    rate, p50, p99, rss = "tasks_per_s", "p50_ms", "p99_ms", "rss_mib"
    single, bulk = "single_p50_ms", "bulk_per_s"
    return [
        _at_least(2.5, "drain, 1 x 8", ours("drain-1", rate), best(peers, "drain-1", rate, max)),
        _at_least(1.5, "drain, 2 x 8", ours("drain-2", rate), best(peers, "drain-2", rate, max)),
        _at_least(0.7, "bulk enqueue", ours("enqueue", bulk), best([RAW], "enqueue", bulk)),
        _at_most(1.15, "one `send`, p50", ours("enqueue", single), best([RAW], "enqueue", single)),
        _at_most(1, "idle latency, p50", ours("latency", p50), best(_KAFKA_PEERS, "latency", p50)),
        _at_most(1, "idle latency, p99", ours("latency", p99), best(_RABBITMQ, "latency", p99)),
        _at_most(1, "stretch: latency, p50", ours("latency", p50), best(_RABBITMQ, "latency", p50)),
        _median(results, "20 ms tasks, over the ideal", "busy", "over_ideal_percent", (3, "%")),
        _worst(results, "kill -9: lost", "crash", "lost", (0, "tasks")),
        _worst(results, "kill -9: run twice", "crash", "started_twice", (_MOST_RUNNING, "tasks")),
        _worst(results, "kill -9: next task after", "crash", "resumed_after_s", (10, "s")),
        _at_least(
            0.9, "rate, backlog of 1,000,000", ours("growth-1m", rate), ours("growth-10k", rate)
        ),
        _at_most(
            1.1, "memory, backlog of 1,000,000", ours("growth-1m", rss), ours("growth-10k", rss)
        ),
        _at_most(
            1, "memory, draining", ours("drain-1", rss), best(["dramatiq-redis"], "drain-1", rss)
        ),
    ]


def _best(
    results: Results,
    peers: Iterable[str],
    part: str,
    name: str,
    choose: Callable[..., Number] = min,
) -> Number | None:
    """Return the least (or what `choose` takes) of what these peers reached."""
    known = [
        Number(peer, part, found.median)
        for peer in peers
        if (found := spread(results, part, peer, name))
    ]
    return choose(known, key=lambda number: number.value) if known else None


def _at_least(factor: float, what: str, ours: Number | None, other: Number | None) -> Verdict:
    return _ratio(what, f"at least {factor:g}", ours, other, lambda ratio: ratio >= factor)


def _at_most(factor: float, what: str, ours: Number | None, other: Number | None) -> Verdict:
    return _ratio(what, f"at most {factor:g}", ours, other, lambda ratio: ratio <= factor)


def _ratio(
    what: str,
    target: str,
    ours: Number | None,
    other: Number | None,
    holds: Callable[[float], bool],
) -> Verdict:
    of = f" x {other.peer if other.peer != OURS else other.part}" if other else ""
    if not ours or not other:
        return Verdict(what, target + of, "not measured", None)
    ratio = ours.value / other.value
    measured = f"{ratio:.2f} ({shown(ours.value)} / {shown(other.value)})"
    return Verdict(what, target + of, measured, holds(ratio))


def _median(results: Results, what: str, part: str, name: str, limit: tuple[float, str]) -> Verdict:
    found = spread(results, part, OURS, name)
    return _limited(what, found.median if found else None, *limit)


def _worst(results: Results, what: str, part: str, name: str, limit: tuple[float, str]) -> Verdict:
    found = spread(results, part, OURS, name)
    return _limited(what, found.most if found else None, *limit)


def _limited(what: str, value: float | None, most: float, unit: str) -> Verdict:
    target = f"at most {most:g} {unit}"
    if value is None:
        return Verdict(what, target, "not measured", None)
    return Verdict(what, target, f"{shown(value)} {unit}", value <= most)
