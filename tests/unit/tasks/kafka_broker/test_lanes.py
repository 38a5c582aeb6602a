"""Whose turn it is among lanes, with a clock of our own."""

from collections import Counter

import pytest
from kafka.structs import TopicPartition

from tasks.kafka_broker.assignment import PartitionAssignment
from tasks.kafka_broker.codec import IncomingRecord
from tasks.kafka_broker.held_topics import HeldTopics
from tasks.kafka_broker.lanes import AGEING_S, Lanes
from tasks.kafka_broker.lines import KeyOrder, Line, LogOrder
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

TOPICS = {"high": "q.high", "normal": "q", "low": "q.low"}
TURNS = 21 * 100


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def lanes(clock: _Clock) -> Lanes:
    return Lanes(TOPICS, clock=clock)


def _partition(
    lanes: Lanes, lane: str, *, count: int, number: int = 0, line: Line | None = None
) -> PartitionAssignment:
    assignment = PartitionAssignment(
        TopicPartition(TOPICS[lane], number),
        LogOrder() if line is None else line,
        OffsetTracker(),
        max_in_flight=None,
    )
    records: list[IncomingRecord] = [
        make_record(topic=TOPICS[lane], partition=number, offset=offset, key=b"same")
        for offset in range(count)
    ]
    assignment.add(records)
    lanes.add(assignment)
    return assignment


def _serve(lanes: Lanes, turns: int) -> Counter[str]:
    by_topic = {topic: lane for lane, topic in TOPICS.items()}
    served: Counter[str] = Counter()
    for _ in range(turns):
        taken = lanes.pop(has_room=True)
        if taken is None:
            break
        served[by_topic[taken[0].topic]] += 1
    return served


def test_full_lanes_share_the_turns_by_weight(lanes: Lanes) -> None:
    for lane in TOPICS:
        _partition(lanes, lane, count=TURNS)
    assert _serve(lanes, TURNS) == {"high": 1600, "normal": 400, "low": 100}


def test_turns_are_spread_and_do_not_come_in_blocks(lanes: Lanes) -> None:
    for lane in TOPICS:
        _partition(lanes, lane, count=TURNS)
    for _ in range(10):
        assert _serve(lanes, 21) == {"high": 16, "normal": 4, "low": 1}


def test_an_idle_lane_leaves_its_turns_to_the_others(lanes: Lanes) -> None:
    _partition(lanes, "normal", count=100)
    _partition(lanes, "low", count=100)
    assert _serve(lanes, 50) == {"normal": 40, "low": 10}


def test_an_urgent_record_goes_before_a_backlog_that_came_first(lanes: Lanes) -> None:
    _partition(lanes, "low", count=1000)
    _serve(lanes, 100)
    _partition(lanes, "high", count=1)
    assert _serve(lanes, 1) == {"high": 1}


def test_a_lane_that_waited_too_long_goes_first_once(lanes: Lanes, clock: _Clock) -> None:
    """With tasks of seconds a turn in 21 is long in coming."""
    _partition(lanes, "high", count=100)
    _partition(lanes, "low", count=100)
    clock.now = 1.0
    assert _serve(lanes, 1) == {"high": 1}
    clock.now = AGEING_S
    assert _serve(lanes, 1) == {"low": 1}
    assert _serve(lanes, 5) == {"high": 5}


def test_of_two_that_waited_too_long_the_longer_goes_first(lanes: Lanes, clock: _Clock) -> None:
    _partition(lanes, "normal", count=1)
    clock.now = 1.0
    assert _serve(lanes, 1) == {"normal": 1}
    for lane in TOPICS:
        _partition(lanes, lane, count=100, number=1)
    clock.now = 0.5 + AGEING_S
    first = [_serve(lanes, 1).most_common(1)[0][0] for _ in range(3)]
    assert set(first[:2]) == {"high", "low"}
    assert first[2] == "high"


def test_a_lane_that_may_hand_out_nothing_saves_up_no_turns(lanes: Lanes) -> None:
    """Otherwise its records would go before all urgent ones once they may, for thousands."""
    blocked = _partition(lanes, "low", count=TURNS, line=KeyOrder())
    taken = blocked.pop(has_room=True)
    assert taken is not None
    _partition(lanes, "high", count=20 * TURNS)
    assert _serve(lanes, 10 * TURNS) == {"high": 10 * TURNS}
    lanes.remove(blocked)
    _partition(lanes, "low", count=TURNS, number=1)
    assert _serve(lanes, 170)["low"] <= 12


def test_without_room_only_what_was_put_back_goes(lanes: Lanes) -> None:
    assignment = _partition(lanes, "normal", count=2)
    taken = lanes.pop(has_room=True)
    assert taken is not None
    assert lanes.pop(has_room=False) is None
    assignment.put_back(taken[0], due_at=0.0)
    assert lanes.pop(has_room=False) == taken


def test_partitions_of_a_lane_take_turns(lanes: Lanes) -> None:
    for number in range(3):
        _partition(lanes, "high", count=2, number=number)
    taken = [lanes.pop(has_room=True) for _ in range(6)]
    assert [one and one[0].partition for one in taken] == [0, 1, 2, 0, 1, 2]


def test_of_a_held_lane_nothing_goes_out_and_the_others_have_its_turns(clock: _Clock) -> None:
    held = HeldTopics()
    lanes = Lanes(TOPICS, held=held, clock=clock)
    _partition(lanes, "high", count=100)
    _partition(lanes, "low", count=100)
    held.replace(["q.high"])
    assert _serve(lanes, 50) == {"low": 50}
    held.replace([])
    assert _serve(lanes, 17) == {"high": 16, "low": 1}


def test_a_queue_of_one_lane_can_be_held_as_well() -> None:
    held = HeldTopics()
    lanes = Lanes({"normal": "q"}, held=held)
    assignment = _partition(lanes, "normal", count=1)
    held.replace(["q"])
    assert lanes.pop(has_room=True) is None
    held.replace(["another"])
    assert lanes.pop(has_room=True) is not None
    assert assignment.in_flight == 1


def test_what_was_put_back_in_a_held_lane_wakes_nobody() -> None:
    """It is due at once, and so workers would look again and again for nothing."""
    held = HeldTopics()
    lanes = Lanes({"normal": "q"}, held=held)
    assignment = _partition(lanes, "normal", count=1)
    taken = lanes.pop(has_room=True)
    assert taken is not None
    assignment.put_back(taken[0], due_at=0.0)
    assert lanes.wakes() == [0.0]
    held.replace(["q"])
    assert lanes.wakes() == []
    assert lanes.pop(has_room=True) is None
