"""One partition for as long as this process owns it: what was read, what runs, what is done.

A partition that goes and comes back gets a new `PartitionAssignment`. Records carry the one they
came with, so an acknowledgement that is late by an owner, a rebalance or a restart of the consumer
reaches a fenced object and changes nothing. Not thread-safe: guarded by the lock of its `Inbox`.

A task that runs for hours would hold the group's position back until reading must stop. Its record
is carried forward instead: copied to the end of the partition, where the copy stands for the
running task, and the old place is done. Should this owner die, the next one finds the copy.
"""

import time
from collections import deque
from collections.abc import Sequence

from kafka.structs import TopicPartition

from .codec import IncomingRecord, carried_from
from .delivery import Delivery
from .lines import Line
from .observer import PartitionState
from .offsets import OffsetTracker

#: Reading of a partition stops at this many waiting records and goes on below half of it. More
#: made a worker larger and not faster (12 MiB at 500).
BUFFER_RECORDS = 200
#: Reading stops as well when this many offsets lie between what is safe and what was read: what is
#: done among them must fit in the text of a commit.
MAX_SPAN = 16_384

#: The group's position in a partition and the text beside it.
Progress = tuple[int, str]


class PartitionAssignment:
    """The records of one partition between Kafka and the workers."""

    def __init__(
        self,
        partition: TopicPartition,
        line: Line,
        tracker: OffsetTracker,
        *,
        max_in_flight: int | None,
        buffer_records: int = BUFFER_RECORDS,
    ) -> None:
        self.partition = partition
        self.tracker = tracker
        #: What Kafka has as the group's position, with the text beside it.
        self.committed: Progress | None = None
        if tracker.committable is not None:
            self.committed = (tracker.committable, tracker.describe_done())
        self._committed_at = time.monotonic()
        #: True when the tracker moved since `committed` was last compared with it.
        self.is_dirty = False
        #: Handed out and neither finished nor given back to Kafka.
        self.in_flight = 0
        #: Done, and Kafka has not acknowledged it.
        self.unacknowledged = 0
        #: How many of those the commit under way tells of.
        self._told = 0
        #: Those of `in_flight` whose task has begun, by offset.
        self.running: dict[int, Delivery] = {}
        #: False from the moment the partition is to go: nothing is handed out or begun.
        self.is_active = True
        #: True when it is gone: what still ends here is somebody else's business.
        self.is_fenced = False
        self._max_in_flight = max_in_flight
        self._buffer_records = buffer_records
        self._line = line
        self._put_back: deque[tuple[float, IncomingRecord]] = deque()
        self._is_full = False
        #: Offsets whose copy was sent and has not come back, and whether Kafka has it.
        self._carrying: dict[int, bool] = {}
        #: Those of them that count as done although their task has not ended.
        self._let_gone: set[int] = set()

    @property
    def waiting(self) -> int:
        """How many records were read and not handed out."""
        return len(self._line)

    @property
    def wakes_at(self) -> float | None:
        """When a record becomes ready by time alone (monotonic seconds)."""
        put_back_at = self._put_back[0][0] if self._put_back else None
        line_at = self._line.wakes_at
        if put_back_at is None or line_at is None:
            return put_back_at if line_at is None else line_at
        return min(put_back_at, line_at)

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Keep records just read, without those that are known to be done."""
        fresh = [record for record in records if self.tracker.add(record.offset)]
        self._line.add([record for record in fresh if not self._is_carried_here(record)])
        self.is_dirty = True

    def pop(self, *, has_room: bool) -> IncomingRecord | None:
        """Hand out the next record that may go now, if any.

        A record that was put back kept its place among those in flight, so it needs no room.
        """
        if self._put_back and self._put_back[0][0] <= time.monotonic():
            return self._put_back.popleft()[1]
        if not has_room or self.in_flight == self._max_in_flight:
            return None
        record = self._line.pop()
        if record is not None:
            self.in_flight += 1
        return record

    def finish(self, delivery: Delivery) -> bool:
        """Mark a record done; False when it was already."""
        if delivery.offset in self._let_gone:
            self._let_gone.remove(delivery.offset)
        elif not self.tracker.finish(delivery.offset):
            return False
        self._line.finished(delivery.record)
        self.in_flight -= 1
        self.unacknowledged += 1
        self.is_dirty = True
        return True

    def put_back(self, record: IncomingRecord, *, due_at: float) -> None:
        """Keep a record until `due_at`; all have the same delay, so they come due in order."""
        self._put_back.append((due_at, record))

    def deactivate(self) -> None:
        """Hand out nothing more; what waits here stays unfinished, for the next owner."""
        self.is_active = False
        self._line.clear()
        self._put_back.clear()

    def discard_waiting(self) -> int:
        """Drop what was not handed out yet as if it were done; return how many that were."""
        dropped = self._line.clear()
        for record in dropped:
            self.tracker.finish(record.offset)
        self.is_dirty = True
        return len(dropped)

    def uncommitted(self) -> Progress | None:
        """Return the progress that Kafka does not know of yet, once."""
        next_offset = self.tracker.committable
        if not self.is_dirty or next_offset is None:
            return None
        self.is_dirty = False
        self._told = self.unacknowledged
        progress = (next_offset, self.tracker.describe_done())
        if progress == self.committed:
            # There is nothing more to tell: what is done too far above does not fit in the text.
            self.unacknowledged = 0
            return None
        return progress

    def note_committed(self, progress: Progress) -> None:
        """Note what Kafka acknowledged."""
        self.unacknowledged -= self._told
        self._told = 0
        self.committed = progress
        self._committed_at = time.monotonic()

    def state(self, *, end: int | None, is_paused: bool) -> PartitionState:
        """Describe the partition, whose log ends at `end`."""
        now = time.monotonic()
        next_offset = self.tracker.committable
        is_known = end is not None and next_offset is not None
        is_behind = self.committed is None or self.committed[0] != next_offset
        return PartitionState(
            topic=self.partition.topic,
            partition=self.partition.partition,
            lag=max(0, (end or 0) - (next_offset or 0)) if is_known else None,
            waiting=self.waiting,
            in_flight=self.in_flight,
            oldest_running_s=max((now - d.taken_at for d in self.running.values()), default=0.0),
            span=self.tracker.span,
            commit_age_s=now - self._committed_at if is_behind else 0.0,
            is_paused=is_paused,
        )

    def to_carry(self) -> list[Delivery]:
        """Return the running tasks to carry forward now, each of them once."""
        held_back = (self.tracker.position or 0) - MAX_SPAN // 2
        found = [
            delivery
            for offset, delivery in self.running.items()
            if offset < held_back and offset not in self._carrying
        ]
        self._carrying.update((delivery.offset, False) for delivery in found)
        return found

    def carried(self, offset: int, *, is_safe: bool) -> None:
        """Note whether Kafka has the copy of a record."""
        if is_safe and offset in self._carrying:
            self._carrying[offset] = True
        elif not is_safe:
            self._carrying.pop(offset, None)

    def _let_go(self) -> None:
        """Let tasks that run count as done whose copies are safe, and too far ahead to be read.

        A crash leaves those to do; so does the end of this assignment, though the task may have
        ended: rather a task twice than a partition that stands still.
        """
        for offset in [offset for offset, is_safe in self._carrying.items() if is_safe]:
            if offset in self.running and self.tracker.finish(offset):
                self._let_gone.add(offset)
                self.is_dirty = True

    def _is_carried_here(self, record: IncomingRecord) -> bool:
        """Let the copy of a record stand for it; False when the record is not ours to replace."""
        origin = carried_from(record)
        if origin is None:
            return False
        self._carrying.pop(origin, None)
        running = self.running.pop(origin, None)
        if running is not None:
            running.record, running.offset = record, record.offset
            self.running[record.offset] = running
            self._let_gone.discard(origin)
            self.tracker.finish(origin)
            return True
        # What was given to us waits here or has ended, unless we let it go and it was put back. Of
        # what the last owner did we know no more: its copy is what is left to do.
        is_here = self.tracker.was_given(origin) and origin not in self._let_gone
        return is_here and self.tracker.finish(record.offset)

    def is_full(self) -> bool:
        """True while reading should pause; half the buffer lies between the two, against flutter.

        Not half of the span as well: it is from there on that copies must be read.
        """
        if self.tracker.span >= MAX_SPAN:
            self._let_go()
        level = len(self._line) / self._buffer_records
        self._is_full = level >= (0.5 if self._is_full else 1.0)
        return self._is_full or self.tracker.span >= MAX_SPAN
