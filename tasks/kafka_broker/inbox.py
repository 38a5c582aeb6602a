"""Where the records of one queue wait between Kafka and the workers.

Three kinds of threads meet here, under one lock that nobody holds while talking to Kafka: the
poller adds what it read and takes what to commit; dramatiq's consumer thread takes records out;
workers begin, finish and put back. `take` wakes as soon as a record comes or a place is freed.
"""

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kafka.structs import TopicPartition

from tasks.kafka_broker.assignment import PartitionAssignment
from tasks.kafka_broker.codec import IncomingRecord

#: How long `take` waits in a stopping worker.
_STOPPING_TICK_S = 0.1


@dataclass(slots=True, eq=False)
class Delivery:
    """One record on its way through the workers, with all that its end needs to know."""

    record: IncomingRecord
    assignment: PartitionAssignment
    inbox: "Inbox"
    taken_at: float = field(default_factory=time.monotonic)
    is_running: bool = False


class Inbox:
    """The partitions of one queue that this process owns now."""

    def __init__(
        self,
        *,
        max_in_flight: int,
        max_in_flight_per_partition: int | None,
        put_back_delay_s: float,
    ) -> None:
        self._max_in_flight = max_in_flight
        self._max_in_flight_per_partition = max_in_flight_per_partition
        self._put_back_delay_s = put_back_delay_s
        self._changed = threading.Condition(threading.Lock())
        self._assignments: dict[TopicPartition, PartitionAssignment] = {}
        self._turns: deque[PartitionAssignment] = deque()
        self._finished = 0
        self._is_stopping = False

    # The consumer thread

    def take(self, timeout_s: float) -> Delivery | None:
        """Hand out one record, partitions in turn; None when none may go within the timeout."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (delivery := self._next()) is None:
                if self._is_stopping:
                    # The caller comes back at once to see whether it may go: do not spin.
                    self._changed.wait(min(timeout_s, _STOPPING_TICK_S))
                    return None
                now = time.monotonic()
                if now >= deadline:
                    return None
                self._changed.wait(max(self._wake_at(deadline) - now, 0.001))
            return delivery

    def stop(self) -> None:
        """Hand out and begin nothing more; what runs may finish."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    @property
    def is_stopping(self) -> bool:
        """True once `stop` was called."""
        return self._is_stopping

    # The workers

    def begin(self, delivery: Delivery) -> bool:
        """Claim the right to run a record; False when it is another owner's by now."""
        with self._changed:
            if self._is_stopping or not delivery.assignment.is_active:
                return False
            delivery.is_running = True
            delivery.assignment.running += 1
            return True

    def finish(self, delivery: Delivery) -> bool:
        """Mark a record done; False when that no longer matters."""
        with self._changed:
            self._end(delivery)
            assignment = delivery.assignment
            if assignment.is_fenced or not assignment.finish(delivery.record.offset):
                return False
            self._finished += 1
            self._changed.notify()
            return True

    def put_back(self, delivery: Delivery) -> None:
        """Leave a record unfinished; it is handed out again after a while if still owned."""
        with self._changed:
            self._end(delivery)
            due_at = time.monotonic() + self._put_back_delay_s
            if delivery.assignment.is_active:
                delivery.assignment.put_back(delivery.record, due_at=due_at)
            self._changed.notify()

    # The poller

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        """Begin a new assignment of each partition."""
        with self._changed:
            for partition in partitions:
                self._assign(partition)

    def add(self, partition: TopicPartition, records: Sequence[IncomingRecord]) -> None:
        """Keep records just read from a partition."""
        with self._changed:
            position = self._assignments[partition].tracker.position
            if position is not None and records[0].offset < position:
                # The log was cut or made anew: what is in flight belongs to one that is gone.
                self._assign(partition)
            self._assignments[partition].add(records)
            self._changed.notify()

    def advance(self, partition: TopicPartition, position: int) -> None:
        """Note that all records below `position` were added: the log may end in markers."""
        with self._changed:
            self._assignments[partition].tracker.advance(position)

    def partitions(self) -> set[TopicPartition]:
        """Return what is owned now."""
        with self._changed:
            return set(self._assignments)

    def full_partitions(self) -> set[TopicPartition]:
        """Return the partitions that should not be read for now."""
        with self._changed:
            return {tp for tp, assignment in self._assignments.items() if assignment.is_full()}

    def deactivate(self, partitions: Collection[TopicPartition]) -> None:
        """Hand out nothing more of these partitions."""
        with self._changed:
            for partition in partitions:
                if partition in self._assignments:
                    self._assignments[partition].deactivate()

    def running(self, partitions: Collection[TopicPartition]) -> int:
        """Count the tasks that still run on records of these partitions."""
        with self._changed:
            return sum(a.running for tp, a in self._assignments.items() if tp in partitions)

    def fence(self, partitions: Collection[TopicPartition]) -> None:
        """End the assignments of these partitions: acknowledgements have no effect any more."""
        with self._changed:
            for partition in partitions:
                self._fence(partition)
            self._changed.notify()

    def committable(
        self, partitions: Collection[TopicPartition] | None = None
    ) -> dict[TopicPartition, int]:
        """Return the next offset of each partition whose position on Kafka is out of date."""
        with self._changed:
            return {
                tp: next_offset
                for tp, assignment in self._assignments.items()
                if (partitions is None or tp in partitions)
                and (next_offset := assignment.tracker.committable) is not None
                and next_offset != assignment.committed
            }

    def note_committed(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Note what Kafka acknowledged."""
        with self._changed:
            for partition, next_offset in next_offsets.items():
                if partition in self._assignments:
                    self._assignments[partition].committed = next_offset

    def next_offset(self, partition: TopicPartition) -> int | None:
        """Return what is safe to commit for a partition, committed or not."""
        with self._changed:
            return self._assignments[partition].tracker.committable

    def count_finished(self) -> int:
        """Return how many records were ever finished."""
        return self._finished

    def is_idle(self) -> bool:
        """True when every record that was read is done."""
        with self._changed:
            return not any(len(assignment.tracker) for assignment in self._assignments.values())

    # Anybody

    def discard_waiting(self) -> int:
        """Drop the records that were not handed out yet; return how many that were."""
        with self._changed:
            return sum(assignment.discard_waiting() for assignment in self._assignments.values())

    # Under the lock

    def _next(self) -> Delivery | None:
        if self._is_stopping:
            return None
        has_room = sum(a.in_flight for a in self._turns) < self._max_in_flight
        for _ in range(len(self._turns)):
            assignment = self._turns[0]
            self._turns.rotate(-1)
            record = assignment.pop(has_room=has_room)
            if record is not None:
                return Delivery(record, assignment, self)
        return None

    def _wake_at(self, deadline: float) -> float:
        return min([deadline, *(a.put_back_due_at for a in self._turns if a.put_back_due_at)])

    def _end(self, delivery: Delivery) -> None:
        if delivery.is_running:
            delivery.is_running = False
            delivery.assignment.running -= 1

    def _assign(self, partition: TopicPartition) -> None:
        self._fence(partition)
        assignment = PartitionAssignment(partition, max_in_flight=self._max_in_flight_per_partition)
        self._assignments[partition] = assignment
        self._turns.append(assignment)

    def _fence(self, partition: TopicPartition) -> None:
        assignment = self._assignments.pop(partition, None)
        if assignment is not None:
            assignment.deactivate()
            assignment.is_fenced = True
            self._turns.remove(assignment)
