"""What one worker thread has done, in numbers that only grow.

Written by that thread alone and read by the recorder's, so that a task costs no lock: whoever reads
takes the difference to what he read before. A number may be a task behind. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

STARTED, SUCCEEDED, FAILED, RETRIED, DEAD, SKIPPED = range(6)
#: The names of these numbers where they are kept.
NAMES = ("started", "succeeded", "failed", "retried", "dead", "skipped")

#: Times are counted in classes that double: class n holds those below 2**n microseconds, down to
#: half of it. More than anyone waits for.
CLASSES = 48

#: Numbers by `NAMES`, and behind them the successful runs by the class of their time.
Tally = list[int]


class Key(NamedTuple):
    """What is counted apart."""

    actor: str
    queue: str
    topic: str


def new_tally() -> Tally:
    """Return one in which nothing has happened."""
    return [0] * (len(NAMES) + CLASSES)


def count_success(tally: Tally, took_s: float) -> None:
    """Count a run that ended well."""
    tally[SUCCEEDED] += 1
    tally[len(NAMES) + int(took_s * 1_000_000).bit_length()] += 1


def percentile_s(times: Sequence[int], share: float) -> float | None:
    """Return the time that `share` (0 to 1) of runs did not exceed; None without any.

    `times`: runs by class. Interpolated within its class.
    """
    total = sum(times)
    if not total:
        return None
    wanted, below = share * total, 0
    for number, count in enumerate(times):
        if count and below + count >= wanted:
            high_s = 2.0**number / 1_000_000
            low_s = high_s / 2 if number else 0.0
            return low_s + (high_s - low_s) * max(0.0, wanted - below) / count
        below += count
    return None


def added(tallies: Iterable[Sequence[int]]) -> Tally:
    """Add tallies up."""
    return [sum(numbers) for numbers in zip(new_tally(), *tallies, strict=True)]
