import pytest

from bench.samples import Results, Spread, failures, percentile, shown, spread

RESULTS: Results = {
    "drain-1": {"ours": [{"tasks_per_s": 30.0}, {"tasks_per_s": 10.0}, "Kafka ended"]},
    "drain-2": {"ours": ["Kafka ended", "Kafka ended"]},
}


def test_a_spread_is_over_the_rounds_that_worked() -> None:
    assert spread(RESULTS, "drain-1", "ours", "tasks_per_s") == Spread(20, 10, 30)


@pytest.mark.parametrize(
    ("part", "peer"), [("drain-2", "ours"), ("drain-1", "theirs"), ("busy", "ours")]
)
def test_what_was_not_measured_has_no_spread(part: str, peer: str) -> None:
    assert spread(RESULTS, part, peer, "tasks_per_s") is None


def test_each_failure_is_named_once() -> None:
    assert failures(RESULTS) == ["drain-1, ours: Kafka ended", "drain-2, ours: Kafka ended"]


def test_percentiles_are_of_the_values_themselves() -> None:
    values = [float(number) for number in range(101)]
    assert [percentile(values, percent) for percent in (50, 95, 99)] == [50, 95, 99]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1.2345, "1.23"), (86.123, "86.1"), (11_919.6, "11,920")]
)
def test_numbers_are_shown_with_three_digits_at_least(value: float, text: str) -> None:
    assert shown(value) == text
