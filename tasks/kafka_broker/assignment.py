"""One partition for as long as this process owns it: what was read, what runs, what is done.

A partition that goes and comes back gets a new `PartitionAssignment`. Records carry the one they
came with, so an acknowledgement that is late by an owner, a rebalance or a restart of the consumer
reaches a fenced object and changes nothing. Not thread-safe: guarded by the lock of its `Inbox`.
"""

import time
from collections import deque
from collections.abc import Sequence

from kafka.structs import TopicPartition

from tasks.kafka_broker.codec import IncomingRecord
from tasks.kafka_broker.offsets import OffsetTracker

#: Reading of a partition stops at this many waiting records and goes on below half of it.
BUFFER_RECORDS = 500
#: Reading stops as well when a crash would repeat this many records: one slow task must not let
#: the others run ahead without end.
MAX_SPAN = 16_384


class PartitionAssignment:
    """The records of one partition between Kafka and the workers."""

    def __init__(self, partition: TopicPartition, *, max_in_flight: int | None) -> None:
        self.partition = partition
        self.tracker = OffsetTracker()
        self.committed: int | None = None
        #: Handed out and neither finished nor given back to Kafka.
        self.in_flight = 0
        #: Those of them whose task has begun.
        self.running = 0
        #: False from the moment the partition is to go: nothing is handed out or begun.
        self.is_active = True
        #: True when it is gone: what still ends here is somebody else's business.
        self.is_fenced = False
        self._max_in_flight = max_in_flight
        self._ready: deque[IncomingRecord] = deque()
        self._put_back: deque[tuple[float, IncomingRecord]] = deque()
        self._is_full = False

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Keep records just read."""
        for record in records:
            self.tracker.add(record.offset)
        self._ready.extend(records)

    def pop(self, *, has_room: bool) -> IncomingRecord | None:
        """Hand out the next record that may go now, if any.

        A record that was put back kept its place among those in flight, so it needs no room.
        """
        if self._put_back and self._put_back[0][0] <= time.monotonic():
            return self._put_back.popleft()[1]
        if not self._ready or not has_room or self.in_flight == self._max_in_flight:
            return None
        self.in_flight += 1
        return self._ready.popleft()

    def finish(self, offset: int) -> bool:
        """Mark a record done; False when it was already."""
        if not self.tracker.finish(offset):
            return False
        self.in_flight -= 1
        return True

    def put_back(self, record: IncomingRecord, *, due_at: float) -> None:
        """Keep a record until `due_at`; all have the same delay, so they come due in order."""
        self._put_back.append((due_at, record))

    @property
    def put_back_due_at(self) -> float | None:
        """When the next record that was put back may go."""
        return self._put_back[0][0] if self._put_back else None

    def deactivate(self) -> None:
        """Hand out nothing more; what waits here stays unfinished, for the next owner."""
        self.is_active = False
        self._ready.clear()
        self._put_back.clear()

    def discard_waiting(self) -> int:
        """Drop what was not handed out yet as if it were done; return how many that were."""
        for record in self._ready:
            self.tracker.finish(record.offset)
        dropped = len(self._ready)
        self._ready.clear()
        return dropped

    def is_full(self) -> bool:
        """True while reading should pause; half the bound lies between the two, against flutter."""
        level = max(len(self._ready) / BUFFER_RECORDS, self.tracker.span / MAX_SPAN)
        self._is_full = level >= (0.5 if self._is_full else 1.0)
        return self._is_full
