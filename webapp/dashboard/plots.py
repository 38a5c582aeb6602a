"""The rows behind the overview's plots: minutes, put together to spans that a screen has room for.

One table serves both: `static/js/plots.js` draws its columns, and who can't see a drawing reads it.
Pure.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from resumes.statistics import Minute, added, percentile_s

#: What there is to choose, and how it is cut: (minutes in all, minutes in a row).
SPANS = {"hour": (60, 1), "day": (24 * 60, 15)}
_MAX_CODES = 5
_OTHERS = "others"


@dataclass(frozen=True)
class Row:
    """What happened from `at` on, per minute; times in seconds, None where no job ended."""

    at: datetime
    created: float
    completed: float
    failed: float
    p50_s: float | None
    p95_s: float | None
    #: In the order of the table's codes.
    failed_by_code: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """The rows, the oldest first, and the error codes that have a column each."""

    codes: list[str]
    rows: list[Row]


def table(minutes: list[Minute], *, minutes_per_row: int) -> Table:
    """Put the minutes together; the rarer error codes share a column."""
    totals: Counter[str] = Counter()
    for minute in minutes:
        totals.update(minute.failed_by_code)
    common = [code for code, count in totals.most_common(_MAX_CODES) if count]
    codes = [*common, *([_OTHERS] if len(+totals) > len(common) else [])]
    return Table(codes, [_row(part, codes) for part in _parts(minutes, minutes_per_row)])


def _parts(minutes: list[Minute], size: int) -> Iterator[list[Minute]]:
    for start in range(0, len(minutes), size):
        yield minutes[start : start + size]


def _row(part: list[Minute], codes: list[str]) -> Row:
    failed: Counter[str] = Counter()
    for minute in part:
        for code, count in minute.failed_by_code.items():
            failed[code if code in codes else _OTHERS] += count
    times = added(part)
    return Row(
        at=part[0].at,
        created=sum(minute.created for minute in part) / len(part),
        completed=sum(minute.completed for minute in part) / len(part),
        failed=sum(minute.failed for minute in part) / len(part),
        p50_s=percentile_s(times, 0.5),
        p95_s=percentile_s(times, 0.95),
        failed_by_code=tuple(failed[code] / len(part) for code in codes),
    )
