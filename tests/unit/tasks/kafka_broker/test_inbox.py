"""Where the poller, dramatiq's consumer thread and the workers meet, without any of them."""

import threading
import time

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from kafka.consumer.fetcher import ConsumerRecord
from kafka.structs import TopicPartition

from tasks.kafka_broker.assignment import BUFFER_RECORDS, MAX_SPAN
from tasks.kafka_broker.codec import carry
from tasks.kafka_broker.delivery import Delivery
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.offsets import OffsetTracker
from tasks.kafka_broker.progress import decode_done
from tests.unit.tasks.kafka_broker.records import make_record

P0 = TopicPartition("tasks", 0)
P1 = TopicPartition("tasks", 1)


def _inbox(
    *, max_in_flight: int = 100, per_partition: int | None = None, delay_s: float = 0
) -> Inbox:
    inbox = Inbox(
        lane_topics={"normal": "tasks"},
        make_line=LogOrder,
        max_in_flight=max_in_flight,
        max_in_flight_per_partition=per_partition,
        put_back_delay_s=delay_s,
    )
    inbox.assign({P0: OffsetTracker(), P1: OffsetTracker()})
    return inbox


def _next_offset(inbox: Inbox, partition: TopicPartition) -> int | None:
    (assignment,) = (a for a in inbox.assignments() if a.partition == partition)
    return assignment.tracker.committable


def _is_idle(inbox: Inbox) -> bool:
    return not any(len(assignment.tracker) for assignment in inbox.assignments())


def _fill(inbox: Inbox, partition: TopicPartition, count: int, *, start: int = 0) -> None:
    records = [
        make_record(offset=offset, partition=partition.partition)
        for offset in range(start, start + count)
    ]
    inbox.add(partition, records)


def _take_all(inbox: Inbox) -> list[Delivery]:
    deliveries = []
    while (delivery := inbox.take(0)) is not None:
        deliveries.append(delivery)
    return deliveries


def _places(deliveries: list[Delivery]) -> list[tuple[int, int]]:
    return [(delivery.record.partition, delivery.record.offset) for delivery in deliveries]


def test_partitions_take_turns() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 2)
    _fill(inbox, P1, 2)
    assert _places(_take_all(inbox)) == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_no_more_of_a_partition_goes_out_than_its_limit() -> None:
    inbox = _inbox(per_partition=2)
    _fill(inbox, P0, 5)
    _fill(inbox, P1, 1)
    taken = _take_all(inbox)
    assert sorted(_places(taken)) == [(0, 0), (0, 1), (1, 0)]
    inbox.finish(taken[0])
    assert _places(_take_all(inbox)) == [(0, 2)]


def test_no_more_goes_out_than_the_workers_prefetch() -> None:
    inbox = _inbox(max_in_flight=3)
    _fill(inbox, P0, 5)
    _fill(inbox, P1, 5)
    assert len(_take_all(inbox)) == 3


def test_finishing_wakes_a_waiting_take() -> None:
    inbox = _inbox(per_partition=1)
    _fill(inbox, P0, 2)
    first = inbox.take(0)
    assert first is not None
    taken: list[Delivery | None] = []
    thread = threading.Thread(target=lambda: taken.append(inbox.take(30)))
    thread.start()
    inbox.finish(first)
    thread.join(10)
    assert [delivery and delivery.record.offset for delivery in taken] == [1]


def test_a_record_that_was_put_back_goes_out_again_and_holds_its_place() -> None:
    inbox = _inbox(per_partition=1)
    _fill(inbox, P0, 2)
    (first,) = _take_all(inbox)
    assert inbox.begin(first)
    inbox.put_back(first)
    again = inbox.take(1)
    assert again is not None
    assert again.record.offset == 0
    assert inbox.take(0) is None
    assert _next_offset(inbox, P0) == 0


def test_a_record_that_was_put_back_waits_for_its_delay() -> None:
    inbox = _inbox(delay_s=3600)
    _fill(inbox, P0, 1)
    (first,) = _take_all(inbox)
    inbox.put_back(first)
    assert inbox.take(0.01) is None
    assert not _is_idle(inbox)


def test_a_revoked_partition_hands_out_nothing_but_its_running_tasks_still_count() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 3)
    running = inbox.take(0)
    waiting = inbox.take(0)
    assert running is not None
    assert waiting is not None
    assert inbox.begin(running)
    inbox.deactivate([P0])
    assert inbox.take(0) is None
    assert not inbox.begin(waiting)
    assert inbox.running([P0]) == 1
    assert inbox.finish(running)
    assert inbox.running([P0]) == 0
    assert _next_offset(inbox, P0) == 1


def test_a_late_acknowledgement_of_a_fenced_partition_changes_nothing() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 1)
    (late,) = _take_all(inbox)
    inbox.fence([P0])
    assert not inbox.finish(late)
    inbox.assign({P0: OffsetTracker()})
    _fill(inbox, P0, 1)
    assert not inbox.finish(late)
    assert _next_offset(inbox, P0) == 0


def test_a_log_that_starts_anew_is_read_and_not_taken_for_a_repetition() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 1, start=500)
    (old,) = _take_all(inbox)
    _fill(inbox, P0, 1, start=0)
    assert _places(_take_all(inbox)) == [(0, 0)]
    assert not inbox.finish(old)


def test_a_stopping_worker_gets_nothing_and_begins_nothing() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 2)
    (first, _) = _take_all(inbox)
    _fill(inbox, P0, 1, start=2)
    inbox.stop()
    assert inbox.take(0) is None
    assert not inbox.begin(first)


def test_stopping_does_not_wait_for_the_timeout_of_take() -> None:
    inbox = _inbox()
    thread = threading.Thread(target=inbox.take, args=[60])
    thread.start()
    inbox.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_full_partition_pauses_until_half_of_it_is_gone() -> None:
    inbox = _inbox(max_in_flight=10_000)
    _fill(inbox, P0, BUFFER_RECORDS)
    assert inbox.full_partitions() == {P0}
    for _ in range(BUFFER_RECORDS // 2):
        inbox.take(0)
    assert inbox.full_partitions() == {P0}
    inbox.take(0)
    assert inbox.full_partitions() == set()


def test_one_slow_task_pauses_its_partition_when_the_others_run_far_ahead() -> None:
    inbox = _inbox(max_in_flight=10_000)
    _fill(inbox, P0, 1)
    (slow,) = _take_all(inbox)
    inbox.advance(P0, MAX_SPAN)
    assert inbox.full_partitions() == {P0}
    inbox.finish(slow)
    assert inbox.full_partitions() == set()


def test_only_progress_that_kafka_does_not_know_is_committed() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 2)
    assert inbox.uncommitted() == {P0: (0, "")}
    inbox.note_committed({P0: (0, "")})
    assert inbox.uncommitted() == {}
    for delivery in _take_all(inbox):
        inbox.finish(delivery)
    assert inbox.uncommitted([P1]) == {}
    assert inbox.uncommitted() == {P0: (2, "")}
    inbox.note_not_committed([P0])
    assert inbox.uncommitted() == {P0: (2, "")}


def test_a_commit_names_what_is_done_above_an_unfinished_record() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 3)
    _, second, third = _take_all(inbox)
    inbox.finish(third)
    next_offset, text = inbox.uncommitted()[P0]
    assert next_offset == 0
    assert decode_done(next_offset, text) == {2}
    inbox.finish(second)
    next_offset, text = inbox.uncommitted()[P0]
    assert next_offset == 0
    assert decode_done(next_offset, text) == {1, 2}


def test_what_an_earlier_owner_finished_is_not_handed_out() -> None:
    inbox = _inbox()
    inbox.assign({P0: OffsetTracker(5, done={6, 8})})
    _fill(inbox, P0, 3, start=5)
    taken = _take_all(inbox)
    assert _places(taken) == [(0, 5), (0, 7)]
    assert inbox.uncommitted() == {}
    inbox.finish(taken[0])
    next_offset, text = inbox.uncommitted()[P0]
    assert next_offset == 7
    assert decode_done(next_offset, text) == {8}
    inbox.finish(taken[1])
    assert _next_offset(inbox, P0) == 8
    _fill(inbox, P0, 2, start=8)
    assert _places(_take_all(inbox)) == [(0, 9)]


def test_what_waits_can_be_dropped_and_what_is_out_stays() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 3)
    first = inbox.take(0)
    assert first is not None
    assert inbox.discard_waiting([P0.topic]) == 2
    assert inbox.take(0) is None
    assert _next_offset(inbox, P0) == 0
    inbox.finish(first)
    assert _next_offset(inbox, P0) == 3


class OnePartition(RuleBasedStateMachine):
    """One partition, read, run, put back, revoked and given back in any order.

    Whatever happens, a restart would run again every record that is not done and none that was
    committed as done, and nothing is out twice under one assignment.
    """

    @initialize(per_partition=st.none() | st.integers(1, 3))
    def begin_to_own(self, per_partition: int | None) -> None:
        self.inbox = Inbox(
            lane_topics={"normal": "tasks"},
            make_line=LogOrder,
            max_in_flight=4,
            max_in_flight_per_partition=per_partition,
            put_back_delay_s=0,
        )
        self.end = 0
        self.committed = (0, "")
        self.done: set[int] = set()
        self.out: list[Delivery] = []
        self.late: list[Delivery] = []
        self.assign()

    def assign(self) -> None:
        next_offset, text = self.committed
        self.known_done = decode_done(next_offset, text)
        self.inbox.assign({P0: OffsetTracker(next_offset, self.known_done)})
        self.position = next_offset

    @rule(count=st.integers(1, 5))
    def read(self, count: int) -> None:
        _fill(self.inbox, P0, count, start=self.position)
        self.position += count
        self.end = max(self.end, self.position)

    @rule()
    def take(self) -> None:
        delivery = self.inbox.take(0)
        if delivery is not None:
            assert delivery.record.offset not in [out.record.offset for out in self.out]
            assert delivery.record.offset not in self.known_done
            assert self.inbox.begin(delivery)
            self.out.append(delivery)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.out))
        self.out.remove(delivery)
        assert self.inbox.finish(delivery)
        self.done.add(delivery.record.offset)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.out))
        self.out.remove(delivery)
        self.inbox.put_back(delivery)

    @rule()
    def commit(self) -> None:
        progress = self.inbox.uncommitted()
        self.inbox.note_committed(progress)
        self.committed = progress.get(P0, self.committed)

    @rule(is_drained=st.booleans())
    def revoke(self, is_drained: bool) -> None:
        self.inbox.deactivate([P0])
        while is_drained and self.out:
            delivery = self.out.pop()
            assert self.inbox.finish(delivery)
            self.done.add(delivery.record.offset)
        self.commit()
        self.inbox.fence([P0])
        self.late += self.out
        self.out.clear()
        self.assign()

    @precondition(lambda self: self.late)
    @rule()
    def finish_late(self) -> None:
        delivery = self.late.pop()
        assert not self.inbox.finish(delivery)

    @invariant()
    def nothing_unfinished_is_lost(self) -> None:
        for next_offset in (self.committed[0], _next_offset(self.inbox, P0)):
            if next_offset is not None:
                assert set(range(min(next_offset, self.end))) <= self.done
        assert decode_done(*self.committed) <= self.done

    def teardown(self) -> None:
        deadline = time.monotonic() + 30
        while (self.out or not _is_idle(self.inbox)) and time.monotonic() < deadline:
            self.take()
            while self.out:
                delivery = self.out.pop()
                self.inbox.finish(delivery)
                self.done.add(delivery.record.offset)
        assert _is_idle(self.inbox)
        assert (_next_offset(self.inbox, P0) or 0) >= self.position


TestOnePartition = OnePartition.TestCase
TestOnePartition.settings = settings(deadline=None, stateful_step_count=40, max_examples=60)


def _far_ahead(inbox: Inbox) -> Delivery:
    """Let one task run while its partition moves on past half of the bound."""
    _fill(inbox, P0, 1)
    (slow,) = _take_all(inbox)
    assert inbox.begin(slow)
    inbox.advance(P0, MAX_SPAN)
    return slow


def _copy_of(delivery: Delivery, *, offset: int = MAX_SPAN) -> ConsumerRecord:
    out = carry(delivery.record, delivery.offset)
    return make_record(offset=offset, headers=out.headers)


def test_a_task_that_holds_its_partition_back_is_carried_forward_once() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    assert inbox.to_carry() == [slow]
    assert inbox.to_carry() == []
    inbox.add(P0, [_copy_of(slow)])
    assert inbox.take(0) is None
    assert _next_offset(inbox, P0) == MAX_SPAN
    assert inbox.finish(slow)
    assert _next_offset(inbox, P0) == MAX_SPAN + 1


def test_a_task_may_end_while_its_copy_is_on_its_way() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    inbox.to_carry()
    copy = _copy_of(slow)
    assert inbox.finish(slow)
    inbox.add(P0, [copy])
    assert inbox.take(0) is None
    assert _next_offset(inbox, P0) == MAX_SPAN + 1


def test_a_task_whose_copy_could_not_be_sent_is_tried_again() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    inbox.to_carry()
    inbox.carried(slow, is_safe=False)
    assert inbox.to_carry() == [slow]


def test_another_owner_runs_the_copy_and_not_what_it_replaced() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    copy = _copy_of(slow)
    inbox.fence([P0])
    inbox.assign({P0: OffsetTracker(MAX_SPAN)})
    inbox.add(P0, [copy])
    assert _places(_take_all(inbox)) == [(0, MAX_SPAN)]


def test_another_owner_that_has_both_runs_one() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    copy = _copy_of(slow, offset=1)
    inbox.fence([P0])
    inbox.assign({P0: OffsetTracker(0)})
    _fill(inbox, P0, 1)
    inbox.add(P0, [copy])
    (first,) = _take_all(inbox)
    assert first.offset == 0
    inbox.finish(first)
    assert _next_offset(inbox, P0) == 2


def test_a_copy_of_another_partition_is_a_record_like_any_other() -> None:
    inbox = _inbox()
    slow = _far_ahead(inbox)
    foreign = make_record(offset=0, partition=1, headers=carry(slow.record, slow.offset).headers)
    inbox.add(P1, [foreign])
    assert _places(_take_all(inbox)) == [(1, 0)]


def test_a_partition_can_be_described() -> None:
    inbox = _inbox()
    _fill(inbox, P0, 3)
    first = inbox.take(0)
    assert first is not None
    assert inbox.begin(first)
    state = inbox.state(P0, end=10, is_paused=True)
    assert (state.lag, state.waiting, state.in_flight, state.span) == (10, 2, 1, 3)
    assert state.is_paused
    assert state.oldest_running_s > 0
    assert state.commit_age_s > 0
    inbox.note_committed(inbox.uncommitted())
    assert inbox.state(P0, end=None, is_paused=False).commit_age_s == 0
    assert inbox.state(P0, end=None, is_paused=False).lag is None
