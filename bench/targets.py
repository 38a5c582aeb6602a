"""What our broker is to reach beside its peers, judged from the results of one run. Pure."""

import dataclasses
from typing import Literal

from bench.samples import Results, shown, spread

_OURS, _RAW = "ours", "kafka-python"
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
class Ratio:
    """Ours divided by the best of `beside` (by default all peers, without the bare loop)."""

    what: str
    part: str
    number: str
    at_least: float | None = None
    at_most: float | None = None
    beside: tuple[str, ...] = ()
    #: Where it is another number than ours.
    other_number: str = ""

    def judge(self, results: Results) -> Verdict:
        """Compare medians."""
        ours, best = spread(results, self.part, _OURS, self.number), self._best(results)
        target = f"{self._bound} x {best[1]}" if best else self._bound
        if not ours or not best:
            return Verdict(self.what, target, "not measured", None)
        ratio = ours.median / best[0]
        measured = f"{ratio:.2f} ({shown(ours.median)} / {shown(best[0])})"
        is_met = ratio >= self.at_least if self.at_least else ratio <= (self.at_most or 0)
        return Verdict(self.what, target, measured, is_met)

    @property
    def _bound(self) -> str:
        return f"at least {self.at_least:g}" if self.at_least else f"at most {self.at_most:g}"

    def _best(self, results: Results) -> tuple[float, str] | None:
        everyone = [peer for peer in results.get(self.part, {}) if peer not in {_OURS, _RAW}]
        number = self.other_number or self.number
        known = [
            (found.median, peer if peer != _OURS else "the other's")
            for peer in self.beside or everyone
            if (found := spread(results, self.part, peer, number))
        ]
        best = max if self.at_least else min
        return best(known) if known else None


@dataclasses.dataclass(frozen=True)
class Limit:
    """A number of ours that has an upper bound of its own, in the median or the worst round."""

    what: str
    part: str
    number: str
    at_most: float
    unit: str
    judged_by: Literal["median", "most"] = "most"

    def judge(self, results: Results) -> Verdict:
        """Compare the number with its bound."""
        found = spread(results, self.part, _OURS, self.number)
        target = f"at most {self.at_most:g} {self.unit}"
        if not found:
            return Verdict(self.what, target, "not measured", None)
        value = found.median if self.judged_by == "median" else found.most
        return Verdict(self.what, target, f"{shown(value)} {self.unit}", value <= self.at_most)


#: In the order of the report.
TARGETS: tuple[Ratio | Limit, ...] = (
    Ratio("drain, 1 x 8", "drain-1", "tasks_per_s", at_least=2.5),
    Ratio("drain, 2 x 8", "drain-2", "tasks_per_s", at_least=1.5),
    Ratio("bulk enqueue", "enqueue", "bulk_per_s", at_least=0.7, beside=(_RAW,)),
    Ratio("one `send`, p50", "enqueue", "single_p50_ms", at_most=1.15, beside=(_RAW,)),
    Ratio("idle latency, p50", "latency", "p50_ms", at_most=1, beside=_KAFKA_PEERS),
    Ratio("idle latency, p99", "latency", "p99_ms", at_most=1, beside=_RABBITMQ),
    Ratio("stretch: idle latency, p50", "latency", "p50_ms", at_most=1, beside=_RABBITMQ),
    Limit("20 ms tasks, over the ideal", "busy", "over_ideal_percent", 3, "%", "median"),
    Limit("kill -9: lost", "crash", "lost", 0, "tasks"),
    Limit("kill -9: run twice", "crash", "started_twice", _MOST_RUNNING, "tasks"),
    Limit("kill -9: next task after", "crash", "resumed_after_s", 10, "s"),
    Ratio(
        "rate, backlog of 1,000,000 against 10,000",
        "growth-backlog",
        "long_tasks_per_s",
        at_least=0.9,
        beside=(_OURS,),
        other_number="short_tasks_per_s",
    ),
    Ratio(
        "memory, backlog of 1,000,000 against 10,000",
        "growth-backlog",
        "long_rss_mib",
        at_most=1.1,
        beside=(_OURS,),
        other_number="short_rss_mib",
    ),
    Ratio("memory, draining", "drain-1", "rss_mib", at_most=1, beside=("dramatiq-redis",)),
)


def verdicts(results: Results) -> list[Verdict]:
    """Judge every target."""
    return [target.judge(results) for target in TARGETS]
