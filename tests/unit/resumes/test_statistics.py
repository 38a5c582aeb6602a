from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.statistics import NO_TIMES, TIME_BOUNDS_S, Minute, added, percentile_s

AT = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)

counts = st.lists(st.integers(0, 1000), min_size=len(NO_TIMES), max_size=len(NO_TIMES)).map(tuple)
shares = st.floats(0, 1)


def classes_of(seconds: list[float]) -> tuple[int, ...]:
    found = Counter(bisect_left(TIME_BOUNDS_S, value) for value in seconds)
    return tuple(found[number] for number in range(len(NO_TIMES)))


@given(st.lists(st.floats(0, 7200), min_size=1, max_size=200), shares)
def test_a_percentile_lies_in_the_class_of_the_real_one(seconds: list[float], share: float) -> None:
    found = percentile_s(classes_of(seconds), share)
    real = sorted(seconds)[max(0, ceil(share * len(seconds)) - 1)]
    number = bisect_left(TIME_BOUNDS_S, real)
    assert found is not None
    assert (TIME_BOUNDS_S[number - 1] if number else 0) <= found <= TIME_BOUNDS_S[number]


@given(counts, shares, shares)
def test_more_of_the_jobs_take_no_less(times: tuple[int, ...], one: float, other: float) -> None:
    low, high = (percentile_s(times, share) for share in sorted([one, other]))
    if low is None or high is None:
        assert not sum(times)
    else:
        assert 0 <= low <= high <= TIME_BOUNDS_S[-1]


@given(counts, shares, st.integers(2, 9))
def test_as_many_again_change_no_percentile(
    times: tuple[int, ...], share: float, factor: int
) -> None:
    more = tuple(count * factor for count in times)
    assert percentile_s(more, share) == pytest.approx(percentile_s(times, share))


def test_it_is_interpolated_within_its_class() -> None:
    between_1_and_2_s = classes_of([1.5] * 4)
    found = [percentile_s(between_1_and_2_s, share) for share in (0, 0.25, 0.5, 1)]
    assert found == [1.0, 1.25, 1.5, 2.0]


def test_what_takes_longer_than_all_bounds_counts_as_the_last() -> None:
    assert percentile_s(classes_of([9999.0]), 0.5) == TIME_BOUNDS_S[-1]


def test_without_jobs_there_is_none() -> None:
    assert percentile_s(NO_TIMES, 0.5) is None


@given(st.lists(counts, max_size=5))
def test_the_times_of_minutes_add_up(several: list[tuple[int, ...]]) -> None:
    together = added([Minute(AT, times=times) for times in several])
    assert len(together) == len(NO_TIMES)
    assert sum(together) == sum(map(sum, several))
