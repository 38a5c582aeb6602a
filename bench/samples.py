"""A sample is what one measurement of one peer gave: numbers by name. Pure."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

Sample = dict[str, float]

_THREE_DIGITS = 100

#: Samples by part and peer, one for each round; a failure's reason takes the place of a sample.
Results = dict[str, dict[str, list[Sample | str]]]


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median of some rounds and how far apart they were."""

    median: float
    least: float
    most: float


def spread(results: Results, part: str, peer: str, name: str) -> Spread | None:
    """Sum up one number of one peer; None when no round gave it."""
    samples = results.get(part, {}).get(peer, [])
    values = [s[name] for s in samples if isinstance(s, Mapping) and name in s]
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values))


def failures(results: Results) -> list[str]:
    """Name each part and peer that failed, with the reason, once."""
    reasons = {
        f"{part}, {peer}: {sample}": None
        for part, peers in results.items()
        for peer, samples in peers.items()
        for sample in samples
        if isinstance(sample, str)
    }
    return list(reasons)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of `values` do not exceed, between two if need be."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def shown(value: float) -> str:
    """Return `value` with three digits, or as many as stand before its point."""
    return f"{value:,.0f}" if abs(value) >= _THREE_DIGITS else f"{value:.3g}"
