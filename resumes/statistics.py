"""Figures of the jobs as they are kept: totals, and what happened in each minute. Pure.

Made by folding `job_events` (`tally.py`, store/statistics.py), so that no page ever counts jobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

#: Upper bounds, in seconds, of the classes in which times are counted; one more class is above.
TIME_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
NO_TIMES = (0,) * (len(TIME_BOUNDS_S) + 1)


@dataclass(frozen=True)
class Totals:
    """How many jobs there are of each kind, now."""

    pending: int = 0
    #: Of the pending ones: those that wait for another attempt.
    retrying: int = 0
    processing: int = 0
    completed: int = 0
    #: Without the cancelled and the discarded ones.
    failed: int = 0
    cancelled: int = 0
    discarded: int = 0
    #: `failed` by error code.
    failed_by_code: Mapping[str, int] = field(default_factory=dict)
    #: What happened until then is counted; renewed every few seconds, also when nothing happens.
    #: None: nothing was counted yet.
    as_of: datetime | None = None


@dataclass(frozen=True)
class Minute:
    """What happened in one minute; `at` is its beginning."""

    at: datetime
    created: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    replayed: int = 0
    failed_by_code: Mapping[str, int] = field(default_factory=dict)
    #: Jobs that ended, by the class of their time from upload (or replay) to the end.
    times: tuple[int, ...] = NO_TIMES
    #: By their users.
    cancelled: int = 0


def percentile_s(times: tuple[int, ...], share: float) -> float | None:
    """Return the time that `share` (0 to 1) of the jobs did not exceed, None without jobs.

    Interpolated within its class; what is above the last bound counts as that bound.
    """
    total = sum(times)
    if not total:
        return None
    wanted, below = share * total, 0
    for number, count in enumerate(times):
        if count and below + count >= wanted:
            if number == len(TIME_BOUNDS_S):
                break
            low = TIME_BOUNDS_S[number - 1] if number else 0.0
            high = TIME_BOUNDS_S[number]
            return min(high, low + (high - low) * max(0.0, wanted - below) / count)
        below += count
    return TIME_BOUNDS_S[-1]


def added(minutes: "list[Minute]") -> tuple[int, ...]:
    """Return the classes of times of all these minutes together."""
    return tuple(map(sum, zip(*(minute.times for minute in minutes), strict=True))) or NO_TIMES
