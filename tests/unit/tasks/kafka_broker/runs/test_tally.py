"""What a thread counts, and the times read out of it."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.runs.tally import (
    NAMES,
    SUCCEEDED,
    added,
    count_success,
    new_tally,
    percentile_s,
)


def test_of_no_runs_there_is_no_time() -> None:
    assert percentile_s(new_tally()[len(NAMES) :], 0.5) is None


@given(st.lists(st.floats(0, 100_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_within_a_factor_of_two_of_the_true_one(
    times: list[float], share: float
) -> None:
    tally = new_tally()
    for took_s in times:
        count_success(tally, took_s)
    assert tally[SUCCEEDED] == len(times)
    found = percentile_s(tally[len(NAMES) :], share)
    assert found is not None
    place = max(0, -int(-share * len(times) // 1) - 1)
    true = sorted(times)[min(place, len(times) - 1)]
    assert true / 2.0001 - 1e-6 <= found <= true * 2.0001 + 2e-6


def test_tallies_add_up() -> None:
    one, other = new_tally(), new_tally()
    count_success(one, 0.5)
    count_success(other, 0.5)
    both = added([one, other])
    assert both[SUCCEEDED] == 2
    assert sum(both[len(NAMES) :]) == 2
    assert added([]) == new_tally()
