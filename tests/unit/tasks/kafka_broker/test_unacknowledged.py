"""How much may be done before Kafka knows of it: that is what a killed worker repeats."""

import threading

import pytest
from kafka.structs import TopicPartition

from tasks.kafka_broker.delivery import Delivery
from tasks.kafka_broker.inbox import MAX_UNACKNOWLEDGED, Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

P0 = TopicPartition("tasks", 0)
P1 = TopicPartition("tasks", 1)


@pytest.fixture
def inbox() -> Inbox:
    """Two partitions, each with more records than may be done without Kafka knowing."""
    inbox = Inbox(
        lane_topics={"normal": "tasks"}, make_line=LogOrder, max_in_flight=8, put_back_delay_s=0
    )
    inbox.assign({P0: OffsetTracker(0), P1: OffsetTracker(0)})
    for tp in (P0, P1):
        offsets = range(2 * MAX_UNACKNOWLEDGED)
        inbox.add(tp, [make_record(offset=offset, partition=tp.partition) for offset in offsets])
    return inbox


def _do_all(inbox: Inbox) -> int:
    """Run whatever goes out; return how many that were."""
    count = 0
    while (delivery := inbox.take(0)) is not None:
        inbox.finish(delivery)
        count += 1
    return count


def test_no_more_goes_out_than_may_be_done_without_kafka_knowing(inbox: Inbox) -> None:
    assert _do_all(inbox) == MAX_UNACKNOWLEDGED
    inbox.note_committed(inbox.uncommitted())
    assert _do_all(inbox) == MAX_UNACKNOWLEDGED


def test_a_commit_that_fails_makes_no_room(inbox: Inbox) -> None:
    _do_all(inbox)
    inbox.note_not_committed(inbox.uncommitted())
    assert inbox.take(0) is None
    inbox.note_committed(inbox.uncommitted())
    assert inbox.take(0) is not None


def test_what_was_done_while_a_commit_was_under_way_is_not_known_by_it(inbox: Inbox) -> None:
    for _ in range(300):
        delivery = inbox.take(0)
        assert delivery is not None
        inbox.finish(delivery)
    under_way = inbox.uncommitted()
    assert _do_all(inbox) == MAX_UNACKNOWLEDGED - 300
    inbox.note_committed(under_way)
    assert _do_all(inbox) == 300


def test_a_partition_that_went_takes_what_nobody_knows_of_it_along(inbox: Inbox) -> None:
    _do_all(inbox)
    inbox.fence([P0])
    assert _do_all(inbox) == MAX_UNACKNOWLEDGED // 2


def test_a_record_that_was_put_back_still_goes_out(inbox: Inbox) -> None:
    first = inbox.take(0)
    assert first is not None
    _do_all(inbox)
    inbox.put_back(first)
    again = inbox.take(0)
    assert again is not None
    assert again.record is first.record


def test_an_acknowledgement_wakes_whoever_waits_for_room(inbox: Inbox) -> None:
    woken: list[int] = []
    inbox.on_added = woken.append
    _do_all(inbox)
    taken: list[Delivery | None] = []
    thread = threading.Thread(target=lambda: taken.append(inbox.take(30)))
    thread.start()
    inbox.note_committed(inbox.uncommitted())
    thread.join(10)
    assert taken != [None]
    assert len(taken) == 1
    assert woken == [8]
    inbox.note_committed(inbox.uncommitted())
    assert woken == [8]


def test_what_lies_too_far_above_for_a_commit_to_tell_counts_no_longer() -> None:
    """A compressed batch may bring more records than the text of a commit can name."""
    inbox = Inbox(
        lane_topics={"normal": "tasks"},
        make_line=LogOrder,
        max_in_flight=30_000,
        put_back_delay_s=0,
        buffer_records=30_000,
    )
    inbox.assign({P0: OffsetTracker(0)})
    inbox.add(P0, [make_record(offset=offset) for offset in range(30_000)])
    oldest = inbox.take(0)
    assert oldest is not None
    while count := _do_all(inbox):
        assert count <= MAX_UNACKNOWLEDGED
        inbox.note_committed(inbox.uncommitted())
    assert inbox.assignments()[0].waiting == 0
