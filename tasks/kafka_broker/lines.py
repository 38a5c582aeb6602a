"""In what order the waiting records of one partition go: as they came, per key, or when due.

A line belongs to one `PartitionAssignment` and is guarded by the lock of its `Inbox`; no I/O. It
holds records that were read and not handed out. `finished` tells it that one which it handed out is
done.
"""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from .codec import IncomingRecord


class Line(Protocol):
    """Where records wait for their turn."""

    @property
    def wakes_at(self) -> float | None:
        """When a record becomes ready by time alone (monotonic seconds); None when none does."""

    def __len__(self) -> int: ...

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Line up records in the order of the log."""

    def pop(self) -> IncomingRecord | None:
        """Take the next record that may go now."""

    def finished(self, record: IncomingRecord) -> None:
        """Note that a record which was taken is done."""

    def clear(self) -> list[IncomingRecord]:
        """Drop what waits, and return it."""


class LogOrder:
    """First come, first served."""

    wakes_at = None

    def __init__(self) -> None:
        self._records: deque[IncomingRecord] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Line up records in the order of the log."""
        self._records.extend(records)

    def pop(self) -> IncomingRecord | None:
        """Take the oldest."""
        return self._records.popleft() if self._records else None

    def finished(self, record: IncomingRecord) -> None:
        """Nothing waits for another here."""

    def clear(self) -> list[IncomingRecord]:
        """Drop what waits, and return it."""
        dropped = list(self._records)
        self._records.clear()
        return dropped


class KeyOrder:
    """One record of a key at a time, the others of it behind that one; keys do not wait for keys.

    Records without a key are free.
    """

    wakes_at = None

    def __init__(self) -> None:
        self._records: deque[IncomingRecord] = deque()
        #: What waits behind the record of each key that was taken or may be taken next.
        self._behind: dict[bytes, deque[IncomingRecord]] = {}
        #: Those whose predecessor is done.
        self._next: deque[IncomingRecord] = deque()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Line up records in the order of the log."""
        self._records.extend(records)
        self._waiting += len(records)

    def pop(self) -> IncomingRecord | None:
        """Take the oldest whose key is free."""
        if self._next:
            self._waiting -= 1
            return self._next.popleft()
        while self._records:
            record = self._records.popleft()
            if record.key is not None and record.key in self._behind:
                self._behind[record.key].append(record)
                continue
            if record.key is not None:
                self._behind[record.key] = deque()
            self._waiting -= 1
            return record
        return None

    def finished(self, record: IncomingRecord) -> None:
        """Let the next of the key go."""
        if record.key is None:
            return
        if behind := self._behind.get(record.key):
            self._next.append(behind.popleft())
        else:
            self._behind.pop(record.key, None)

    def clear(self) -> list[IncomingRecord]:
        """Drop what waits, and return it."""
        dropped = [*self._next, *self._records]
        for behind in self._behind.values():
            dropped.extend(behind)
            behind.clear()
        for record in self._next:
            self._behind.pop(record.key or b"", None)
        self._next.clear()
        self._records.clear()
        self._waiting = 0
        return dropped


class DueOrder:
    """Each record when its time has come; `due_at` gives seconds since 1970."""

    def __init__(
        self,
        due_at: Callable[[IncomingRecord], float],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._due_at = due_at
        self._clock = clock
        self._heap: list[tuple[float, int, IncomingRecord]] = []

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def wakes_at(self) -> float | None:
        """When the first is due, on the monotonic clock; asked anew, for the other one may jump."""
        if not self._heap:
            return None
        return time.monotonic() + max(0.0, self._heap[0][0] - self._clock())

    def add(self, records: Sequence[IncomingRecord]) -> None:
        """Line up records by their time."""
        for record in records:
            heapq.heappush(self._heap, (self._due_at(record), record.offset, record))

    def pop(self) -> IncomingRecord | None:
        """Take the first if it is due."""
        if self._heap and self._heap[0][0] <= self._clock():
            return heapq.heappop(self._heap)[2]
        return None

    def finished(self, record: IncomingRecord) -> None:
        """Nothing waits for another here."""

    def clear(self) -> list[IncomingRecord]:
        """Drop what waits, and return it."""
        dropped = [record for _, _, record in self._heap]
        self._heap.clear()
        return dropped
