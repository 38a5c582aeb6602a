"""No more often than so many times a second."""

import pytest

from tasks.kafka_broker.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def test_turns_come_evenly_and_the_first_one_at_once() -> None:
    clock = Clock()
    pace = Pace(4, clock=clock, sleep=clock.sleep)
    for _ in range(4):
        pace.wait()
    assert clock.slept == [0.25, 0.25, 0.25]


def test_what_takes_time_by_itself_is_not_slowed_down_further() -> None:
    clock = Clock()
    pace = Pace(4, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.now += 0.2
    pace.wait()
    assert clock.slept == [0.05]


def test_time_that_was_lost_is_not_made_up_for() -> None:
    clock = Clock()
    pace = Pace(4, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.now += 60
    pace.wait()
    pace.wait()
    assert clock.slept == [0.25]


@pytest.mark.parametrize("rate", [0, -1])
def test_a_rate_must_be_above_zero(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Pace(rate)
