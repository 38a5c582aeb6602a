"""How long a job has to wait for its turn: its place in the queue, and an estimate. Pure.

An estimate is given only where there is something to estimate from: a place that was counted to the
end, and jobs that ended in the last minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from resumes.cancel import CANCELLED
from resumes.job import Job, JobStatus
from resumes.statistics import Minute

#: Who is behind so many is told just that: counting on would cost more than it says.
MAX_POSITION = 1000
#: Whole minutes that the rate is taken from.
_MINUTES = 5


class Queue(Protocol):
    """Where the jobs that wait are counted."""

    def position(self, job: Job, *, limit: int) -> int:
        """Return how many pending jobs were made before this one, counting up to `limit`."""


class Throughput(Protocol):
    """How fast jobs end at present."""

    def per_minute(self) -> float | None:
        """Return how many a minute; None when nobody knows."""


class Figures(Protocol):
    """Where the kept figures are read."""

    def minutes(self, *, last: int) -> list[Minute]:
        """Return the last minutes, the oldest first and the running one at the end."""


@dataclass(frozen=True)
class RecentThroughput:
    """The rate of the last whole minutes."""

    figures: Figures

    def per_minute(self) -> float | None:
        """Return how many jobs ended a minute; None when none did."""
        return ended_per_minute(self.figures.minutes(last=_MINUTES + 1)[:-1])


@dataclass(frozen=True)
class Place:
    """How many jobs are before one, and how long they will take, if that is known."""

    position: int | None = None
    estimate_s: int | None = None


def place_of(job: Job, queue: Queue, throughput: Throughput) -> Place:
    """Return the place of a job that waits for its turn; an empty one for all others.

    A job that waits for another attempt has its own time, `next_retry_at`, instead of a turn.
    """
    if job.status is not JobStatus.PENDING or job.next_retry_at:
        return Place()
    position = queue.position(job, limit=MAX_POSITION)
    if position >= MAX_POSITION:
        return Place(MAX_POSITION)
    rate = throughput.per_minute()
    return Place(position, math.ceil(60 * position / rate) if rate else None)


def ended_per_minute(minutes: Sequence[Minute]) -> float | None:
    """Return the mean of jobs that left the queue by being worked on; None for none."""
    ended = sum(
        minute.completed + minute.failed - minute.failed_by_code.get(CANCELLED, 0)
        for minute in minutes
    )
    return ended / len(minutes) if ended > 0 else None
