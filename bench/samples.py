"""A sample is what one measurement of one peer gave: numbers by name. Pure."""

import statistics
from collections.abc import Sequence

Sample = dict[str, float]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of `values` do not exceed, between two if need be."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
