"""Guards the pause before a job's next attempt: within its bounds, growing, never below a wish."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.backoff import Backoff


@given(
    attempts=st.integers(1, 10_000),
    wished_s=st.none() | st.floats(0, 1e9),
    luck=st.floats(0, 1, exclude_max=True),
)
def test_no_pause_leaves_its_bounds(attempts: int, wished_s: float | None, luck: float) -> None:
    backoff = Backoff(1, 3600, random=lambda: luck)
    delay_s = backoff.delay_s(attempts, wished_s)
    assert 1 <= delay_s <= 3600
    assert delay_s >= min(wished_s or 0, 3600)


def test_pauses_grow_from_a_second_to_an_hour() -> None:
    backoff = Backoff(1, 3600, random=lambda: 0.0)
    pauses = [backoff.delay_s(attempts) for attempts in range(1, 9)]
    assert pauses[:4] == [1, 5, 25, 125]
    assert pauses[-1] == 3600
    assert all(one <= other for one, other in itertools.pairwise(pauses))


@pytest.mark.parametrize(("luck", "expected"), [(0.0, 25), (0.5, 27.5), (0.999999, 30)])
def test_jobs_that_failed_together_come_back_apart(luck: float, expected: float) -> None:
    delay_s = Backoff(1, 3600, random=lambda: luck).delay_s(3)
    assert delay_s == pytest.approx(expected, rel=1e-3)
