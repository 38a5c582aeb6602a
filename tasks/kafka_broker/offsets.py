"""Track which offsets of one partition are unfinished and how far it is safe to commit.

Workers finish records in any order; Kafka stores a single number per partition, and beside it a
text in which we name what is done above it. One tracker per assigned partition, guarded by the lock
of the `Inbox` that holds it; no I/O. At least once: what finished since the last commit runs again
after a crash.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from itertools import chain

from . import progress


class OffsetTracker:
    """The offsets handed to us and not finished, in order, and the position behind the last.

    `done`: offsets at or above `next_offset` that somebody finished before us.
    """

    def __init__(self, next_offset: int | None = None, done: Collection[int] = ()) -> None:
        # An OrderedDict, not a dict: finishing from the front leaves a plain dict with dead
        # entries that `next(iter())` would walk over again and again.
        self._unfinished: OrderedDict[int, None] = OrderedDict()
        self._position = self._start = next_offset
        self._done_at_start = frozenset(done)
        self._done_before = set(done)
        #: Behind the highest offset that is done.
        self._done_end = max(done, default=-1) + 1

    def __len__(self) -> int:
        return len(self._unfinished)

    @property
    def position(self) -> int | None:
        """The next offset that is expected from Kafka; None before anything is known."""
        return self._position

    @property
    def committable(self) -> int | None:
        """The next offset to read after a restart; None while nothing is known.

        Not `highest finished + 1`: transactions and compaction leave holes in a log, so only
        records we were really given may hold it back.
        """
        return next(iter(self._unfinished), self._position)

    @property
    def span(self) -> int:
        """How many offsets lie between what is safe and what was read."""
        if self._position is None or self.committable is None:
            return 0
        return self._position - self.committable

    def add(self, offset: int) -> bool:
        """Take responsibility for `offset`; False when it was done before.

        Offsets must come in rising order.
        """
        if self._position is not None and offset < self._position:
            raise ValueError(f"offset {offset} comes after position {self._position}")
        if self._start is None:
            self._start = offset
        self._position = offset + 1
        if offset in self._done_before:
            self._done_before.remove(offset)
            return False
        self._unfinished[offset] = None
        return True

    def was_given(self, offset: int) -> bool:
        """Tell whether `offset` became our responsibility, finished since or not."""
        if self._start is None or self._position is None:
            return False
        return self._start <= offset < self._position and offset not in self._done_at_start

    def advance(self, position: int) -> bool:
        """Note that everything below `position` was either given to us or holds no record.

        False when that is known.
        """
        if self._position is not None and position <= self._position:
            return False
        self._position = position
        return True

    def finish(self, offset: int) -> bool:
        """Mark `offset` as done; False when it was not unfinished (a second acknowledgement)."""
        if offset not in self._unfinished:
            return False
        del self._unfinished[offset]
        self._done_end = max(self._done_end, offset + 1)
        return True

    def describe_done(self) -> str:
        """Name what is done above `committable`, as the text of a commit."""
        next_offset = self.committable
        if next_offset is None or self._done_end <= next_offset:
            return ""
        unfinished = chain(self._unfinished, self._unread())
        return progress.encode_all_but(unfinished, next_offset, self._done_end)

    def _unread(self) -> Iterator[int]:
        """Name what lies above the position and was not done before us."""
        if self._done_before and self._position is not None:
            for offset in range(self._position, self._done_end):
                if offset not in self._done_before:
                    yield offset
