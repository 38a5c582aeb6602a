"""A job's place in the queue, and when an estimate of it is honest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from resumes.job import Job, JobStatus
from resumes.statistics import Minute
from resumes.waiting import MAX_POSITION, Place, RecentThroughput, ended_per_minute, place_of
from tests.unit.resumes.jobs import NOW, WAITING


class Ahead:
    """A queue with so many jobs before the one."""

    def __init__(self, count: int) -> None:
        self.count = count

    def position(self, job: Job, *, limit: int) -> int:
        assert job == WAITING
        return min(self.count, limit)


class Rate:
    """A throughput of so many a minute."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate

    def per_minute(self) -> float | None:
        return self.rate


class Kept:
    """Figures of whole minutes, and of the running one."""

    def __init__(self, *whole: Minute, running: Minute) -> None:
        self._minutes = [*whole, running]

    def minutes(self, *, last: int) -> list[Minute]:
        return self._minutes[-last:]


def minute(number: int, *, completed: int = 0, failed: int = 0, cancelled: int = 0) -> Minute:
    return Minute(
        NOW + timedelta(minutes=number),
        completed=completed,
        failed=failed,
        failed_by_code={"cancelled": cancelled},
    )


@pytest.mark.parametrize(
    ("ahead", "rate", "place"),
    [
        (0, 60.0, Place(0, 0)),
        (7, 60.0, Place(7, 7)),
        (7, 0.5, Place(7, 840)),
        (1, 7.0, Place(1, 9)),
        (7, None, Place(7, None)),
        (MAX_POSITION, 60.0, Place(MAX_POSITION, None)),
        (10 * MAX_POSITION, 60.0, Place(MAX_POSITION, None)),
    ],
)
def test_an_estimate_needs_a_place_and_a_rate(ahead: int, rate: float | None, place: Place) -> None:
    assert place_of(WAITING, Ahead(ahead), Rate(rate)) == place


@pytest.mark.parametrize(
    "job",
    [
        *(replace(WAITING, status=status) for status in JobStatus if status != "pending"),
        replace(WAITING, next_retry_at=NOW),
    ],
)
def test_who_waits_for_no_turn_has_no_place(job: Job) -> None:
    assert place_of(job, Ahead(3), Rate(1.0)) == Place()


def test_the_rate_is_that_of_the_whole_minutes_and_of_what_was_worked_on() -> None:
    kept = Kept(
        minute(0, completed=1000),  # too long ago
        minute(1, completed=9),
        minute(2, completed=2, failed=1),
        minute(3),
        minute(4, failed=6, cancelled=6),
        minute(5, completed=3),
        running=minute(6, completed=1000),
    )

    assert RecentThroughput(kept).per_minute() == 3.0


@pytest.mark.parametrize("minutes", [[], [minute(0)], [minute(0, failed=4, cancelled=4)]])
def test_where_nothing_ended_nobody_knows_the_rate(minutes: list[Minute]) -> None:
    assert ended_per_minute(minutes) is None
