"""Where the records of one queue wait between Kafka and the workers.

Four kinds of threads meet here, under one lock that nobody holds while talking to Kafka: the poller
adds what it read; dramatiq's consumer thread takes records out; workers begin, finish and put back;
kafka-python's I/O thread commits and hears of rebalances. `take` wakes as soon as a record comes or
a place is freed.
"""

import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence

from kafka.structs import TopicPartition

from .assignment import BUFFER_RECORDS, PartitionAssignment, Progress
from .codec import IncomingRecord
from .delivery import Delivery
from .lanes import Lanes
from .lines import Line
from .observer import PartitionState
from .offsets import OffsetTracker
from .yielding_lock import YieldingCondition

#: How many may be done without Kafka knowing: what a killed worker repeats besides what it ran.
MAX_UNACKNOWLEDGED = 500
#: How long `take` waits in a stopping worker.
_STOPPING_TICK_S = 0.1


class Inbox:
    """The partitions of one queue that this process owns now.

    Of topics in `held` nothing is handed out. `on_finished` is called, outside the lock, after each
    record that is done, and `on_added` with their number after records came.
    """

    def __init__(  # noqa: PLR0913 - a queue's limits, all named
        self,
        *,
        lane_topics: Mapping[str, str],
        make_line: Callable[[], Line],
        max_in_flight: int,
        max_in_flight_per_partition: int | None = None,
        put_back_delay_s: float,
        buffer_records: int = BUFFER_RECORDS,
        held: Container[str] = frozenset(),
    ) -> None:
        self._make_line = make_line
        self._buffer_records = buffer_records
        self._max_in_flight = max_in_flight
        self._max_in_flight_per_partition = max_in_flight_per_partition
        self._put_back_delay_s = put_back_delay_s
        self._changed = YieldingCondition()
        self._assignments: dict[TopicPartition, PartitionAssignment] = {}
        self._lanes = Lanes(lane_topics, held=held)
        self._is_held = False
        #: True once `stop` was called.
        self.is_stopping = False
        self.on_finished: Callable[[], None] = lambda: None
        self.on_added: Callable[[int], None] = lambda _count: None

    def take(self, timeout_s: float) -> Delivery | None:
        """Hand out the record whose turn it is; None when none may go within the timeout."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (delivery := self._next()) is None:
                if self.is_stopping:
                    # The caller comes back at once to see whether it may go: do not spin.
                    self._changed.wait(min(timeout_s, _STOPPING_TICK_S))
                    return None
                now = time.monotonic()
                if now >= deadline:
                    return None
                until = min([deadline, *self._lanes.wakes()])
                self._changed.wait(max(until - now, 0.001))
            return delivery

    def stop(self) -> None:
        """Hand out and begin nothing more; what runs may finish."""
        with self._changed:
            self.is_stopping = True
            self._changed.notify_all()

    def begin(self, delivery: Delivery) -> bool:
        """Claim the right to run a record; False when it is another owner's by now."""
        with self._changed:
            if self.is_stopping or not delivery.assignment.is_active:
                return False
            delivery.assignment.running[delivery.offset] = delivery
            return True

    def finish(self, delivery: Delivery) -> bool:
        """Mark a record done; False when that no longer matters."""
        with self._changed:
            assignment = delivery.assignment
            assignment.running.pop(delivery.offset, None)
            if assignment.is_fenced or not assignment.finish(delivery):
                return False
            self._changed.notify()
        self.on_finished()
        return True

    def put_back(self, delivery: Delivery) -> None:
        """Leave a record unfinished; it is handed out again after a while if still owned."""
        with self._changed:
            delivery.assignment.running.pop(delivery.offset, None)
            due_at = time.monotonic() + self._put_back_delay_s
            if delivery.assignment.is_active:
                delivery.assignment.put_back(delivery.record, due_at=due_at)
            self._changed.notify()

    def add(self, partition: TopicPartition, records: Sequence[IncomingRecord]) -> None:
        """Keep records just read from a partition."""
        with self._changed:
            position = self._assignments[partition].tracker.position
            if position is not None and records[0].offset < position:
                # The log was cut or made anew: what is in flight belongs to one that is gone.
                self._assign(partition, OffsetTracker())
            self._assignments[partition].add(records)
            self._changed.notify()
        self.on_added(len(records))

    def advance(self, partition: TopicPartition, position: int) -> None:
        """Note that all records below `position` were added: the log may end in markers."""
        with self._changed:
            assignment = self._assignments[partition]
            if assignment.tracker.advance(position):
                assignment.is_dirty = True

    def full_partitions(self) -> set[TopicPartition]:
        """Return the partitions that should not be read for now."""
        with self._changed:
            return {tp for tp, assignment in self._assignments.items() if assignment.is_full()}

    def to_carry(self) -> list[Delivery]:
        """Return running tasks that hold their partition back, each of them once."""
        with self._changed:
            return [d for assignment in self._lanes for d in assignment.to_carry()]

    def carried(self, delivery: Delivery, *, is_safe: bool) -> None:
        """Note whether the copy of a task's record is on Kafka."""
        with self._changed:
            delivery.assignment.carried(delivery.offset, is_safe=is_safe)

    def state(
        self, partition: TopicPartition, *, end: int | None, is_paused: bool
    ) -> PartitionState:
        """Describe a partition whose log ends at `end`."""
        with self._changed:
            return self._assignments[partition].state(end=end, is_paused=is_paused)

    def assign(self, trackers: Mapping[TopicPartition, OffsetTracker]) -> None:
        """Begin a new assignment of each partition."""
        with self._changed:
            for partition, tracker in trackers.items():
                self._assign(partition, tracker)

    def deactivate(self, partitions: Collection[TopicPartition]) -> None:
        """Hand out nothing more of these partitions."""
        with self._changed:
            for partition in partitions:
                if partition in self._assignments:
                    self._assignments[partition].deactivate()

    def running(self, partitions: Collection[TopicPartition]) -> int:
        """Count the tasks that still run on records of these partitions."""
        with self._changed:
            return sum(len(a.running) for tp, a in self._assignments.items() if tp in partitions)

    def fence(self, partitions: Collection[TopicPartition]) -> None:
        """End the assignments of these partitions: acknowledgements have no effect any more."""
        with self._changed:
            for partition in partitions:
                self._fence(partition)
            self._changed.notify()

    def uncommitted(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> dict[TopicPartition, Progress]:
        """Return the progress of each partition that Kafka does not know of yet."""
        with self._changed:
            return {
                tp: progress
                for tp, assignment in self._assignments.items()
                if (partitions is None or tp in partitions)
                and (progress := assignment.uncommitted()) is not None
            }

    def note_committed(self, committed: Mapping[TopicPartition, Progress]) -> None:
        """Note what Kafka acknowledged."""
        with self._changed:
            for partition, progress in committed.items():
                if partition in self._assignments:
                    self._assignments[partition].note_committed(progress)
            was_held, self._is_held = self._is_held, False
            self._changed.notify_all()
        if was_held:
            self.on_added(self._max_in_flight)

    def note_not_committed(self, partitions: Collection[TopicPartition]) -> None:
        """Note that a commit failed, so that its progress is uncommitted again."""
        with self._changed:
            for partition in partitions:
                if partition in self._assignments:
                    self._assignments[partition].is_dirty = True

    @property
    def wakes_at(self) -> float | None:
        """When a record becomes ready by time alone (monotonic seconds)."""
        with self._changed:
            return min(self._lanes.wakes(), default=None)

    def assignments(self) -> list[PartitionAssignment]:
        """Return what is owned now; numbers read from it are a moment old."""
        with self._changed:
            return list(self._assignments.values())

    def discard_waiting(self, topics: Collection[str]) -> int:
        """Drop the records of these topics not handed out yet; return how many that were."""
        with self._changed:
            return sum(a.discard_waiting() for a in self._lanes if a.partition.topic in topics)

    def _next(self) -> Delivery | None:
        if self.is_stopping:
            return None
        in_flight = sum(assignment.in_flight for assignment in self._lanes)
        self._is_held = sum(a.unacknowledged for a in self._lanes) >= MAX_UNACKNOWLEDGED
        has_room = in_flight < self._max_in_flight and not self._is_held
        taken = self._lanes.pop(has_room=has_room)
        return Delivery(*taken, self, taken[0].offset) if taken is not None else None

    def _assign(self, partition: TopicPartition, tracker: OffsetTracker) -> None:
        self._fence(partition)
        assignment = PartitionAssignment(
            partition,
            self._make_line(),
            tracker,
            max_in_flight=self._max_in_flight_per_partition,
            buffer_records=self._buffer_records,
        )
        self._assignments[partition] = assignment
        self._lanes.add(assignment)

    def _fence(self, partition: TopicPartition) -> None:
        assignment = self._assignments.pop(partition, None)
        if assignment is not None:
            assignment.deactivate()
            assignment.is_fenced = True
            self._lanes.remove(assignment)
