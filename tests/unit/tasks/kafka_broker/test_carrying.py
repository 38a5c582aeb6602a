"""A record that was carried forward and whose task does not end there and then."""

from typing import Any

import pytest
from kafka.structs import TopicPartition

from tasks.kafka_broker.assignment import BUFFER_RECORDS, MAX_SPAN
from tasks.kafka_broker.codec import carry
from tasks.kafka_broker.delivery import Delivery
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

P0 = TopicPartition("tasks", 0)


@pytest.fixture
def inbox() -> Inbox:
    inbox = Inbox(
        lane_topics={"normal": "tasks"}, make_line=LogOrder, max_in_flight=8, put_back_delay_s=0
    )
    inbox.assign({P0: OffsetTracker(0)})
    return inbox


def _begin_next(inbox: Inbox) -> Delivery:
    delivery = inbox.take(0)
    assert delivery is not None
    assert inbox.begin(delivery)
    return delivery


def _copy_of(delivery: Delivery, *, offset: int = MAX_SPAN) -> Any:
    return make_record(offset=offset, headers=carry(delivery.record, delivery.offset).headers)


def _committable(inbox: Inbox) -> int | None:
    (assignment,) = inbox.assignments()
    return assignment.tracker.committable


def test_a_carried_task_that_is_put_back_runs_again_in_its_new_place(inbox: Inbox) -> None:
    """Under its old offset it would never end, and hold the new one back for ever."""
    inbox.add(P0, [make_record(offset=0)])
    slow = _begin_next(inbox)
    inbox.advance(P0, MAX_SPAN)
    assert inbox.to_carry() == [slow]
    inbox.add(P0, [_copy_of(slow)])
    inbox.put_back(slow)
    assert inbox.finish(_begin_next(inbox))
    assert inbox.take(0) is None
    assert inbox.assignments()[0].in_flight == 0
    assert _committable(inbox) == MAX_SPAN + 1


def test_a_task_that_is_put_back_before_its_copy_comes_runs_once_more_and_not_twice(
    inbox: Inbox,
) -> None:
    inbox.add(P0, [make_record(offset=0)])
    slow = _begin_next(inbox)
    inbox.advance(P0, MAX_SPAN)
    inbox.to_carry()
    copy = _copy_of(slow)
    inbox.put_back(slow)
    inbox.add(P0, [copy])
    assert inbox.finish(_begin_next(inbox))
    assert inbox.take(0) is None
    assert _committable(inbox) == MAX_SPAN + 1


def test_an_owner_that_did_a_record_itself_does_not_do_its_copy_as_well(inbox: Inbox) -> None:
    """The last owner sent the copy and died before it could do without the original."""
    inbox.add(P0, [make_record(offset=0)])
    slow = _begin_next(inbox)
    copy = _copy_of(slow, offset=1)
    assert inbox.finish(slow)
    inbox.add(P0, [copy])
    assert inbox.take(0) is None
    assert _committable(inbox) == 2


def test_an_owner_does_the_copy_of_what_the_last_one_noted_as_done(inbox: Inbox) -> None:
    inbox.add(P0, [make_record(offset=offset) for offset in range(3)])
    copy = _copy_of(_begin_next(inbox), offset=3)
    inbox.fence([P0])
    inbox.assign({P0: OffsetTracker(0, {0})})
    inbox.add(P0, [make_record(offset=offset) for offset in range(3)])
    inbox.add(P0, [copy])
    assert [_begin_next(inbox).offset for _ in range(3)] == [1, 2, 3]


def test_a_partition_is_read_on_until_the_copy_comes(inbox: Inbox) -> None:
    """Paused for its buffer, it went on no more, as its span was above half of the bound."""
    inbox.add(P0, [make_record(offset=0)])
    slow = _begin_next(inbox)
    offsets = range(MAX_SPAN // 2, MAX_SPAN // 2 + BUFFER_RECORDS)
    inbox.add(P0, [make_record(offset=offset) for offset in offsets])
    assert inbox.full_partitions() == {P0}
    for _ in offsets:
        inbox.finish(_begin_next(inbox))
    assert inbox.to_carry() == [slow]
    assert inbox.full_partitions() == set()


@pytest.fixture
def let_gone(inbox: Inbox) -> Delivery:
    """A task that runs and counts as done: its copy lies behind a long backlog."""
    inbox.add(P0, [make_record(offset=0)])
    slow = _begin_next(inbox)
    inbox.advance(P0, MAX_SPAN)
    assert inbox.to_carry() == [slow]
    assert inbox.full_partitions() == {P0}
    inbox.carried(slow, is_safe=True)
    assert inbox.full_partitions() == set()
    return slow


def test_a_task_whose_copy_is_out_of_reach_holds_its_partition_back_no_longer(
    inbox: Inbox, let_gone: Delivery
) -> None:
    assert _committable(inbox) == MAX_SPAN
    assert inbox.running([P0]) == 1
    copy = _copy_of(let_gone, offset=3 * MAX_SPAN)
    assert inbox.finish(let_gone)
    assert not inbox.finish(let_gone)
    assert inbox.assignments()[0].in_flight == 0
    inbox.add(P0, [copy])
    assert inbox.take(0) is None
    assert _committable(inbox) == 3 * MAX_SPAN + 1


def test_a_copy_that_comes_into_reach_stands_for_its_running_task(
    inbox: Inbox, let_gone: Delivery
) -> None:
    inbox.add(P0, [_copy_of(let_gone, offset=3 * MAX_SPAN)])
    assert inbox.take(0) is None
    assert _committable(inbox) == 3 * MAX_SPAN
    assert inbox.finish(let_gone)
    assert _committable(inbox) == 3 * MAX_SPAN + 1


def test_a_task_that_was_let_go_and_put_back_is_lost_in_no_case(
    inbox: Inbox, let_gone: Delivery
) -> None:
    copy = _copy_of(let_gone, offset=3 * MAX_SPAN)
    inbox.put_back(let_gone)
    inbox.add(P0, [copy])
    assert _committable(inbox) == 3 * MAX_SPAN
    for _ in range(2):
        assert inbox.finish(_begin_next(inbox))
    assert inbox.assignments()[0].in_flight == 0
    assert _committable(inbox) == 3 * MAX_SPAN + 1
