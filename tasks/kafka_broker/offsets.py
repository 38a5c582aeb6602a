"""Track which offsets of one partition are unfinished and how far it is safe to commit.

Workers finish records in any order; Kafka stores a single number per partition. One tracker per
assigned partition, guarded by the lock of the `Inbox` that holds it; no I/O. At-least-once:
whatever finished above a gap runs again after a crash.
"""

from collections import OrderedDict


class OffsetTracker:
    """The offsets handed to us and not finished, in order, and the position behind the last."""

    def __init__(self) -> None:
        # An OrderedDict, not a dict: finishing from the front leaves a plain dict with dead
        # entries that `next(iter())` would walk over again and again.
        self._unfinished: OrderedDict[int, None] = OrderedDict()
        self._position: int | None = None

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
        """How many offsets a crash would read again at most."""
        if self._position is None or self.committable is None:
            return 0
        return self._position - self.committable

    def add(self, offset: int) -> None:
        """Take responsibility for `offset`; offsets must come in rising order."""
        if self._position is not None and offset < self._position:
            raise ValueError(f"offset {offset} comes after position {self._position}")
        self._unfinished[offset] = None
        self._position = offset + 1

    def advance(self, position: int) -> None:
        """Note that everything below `position` was either given to us or holds no record."""
        if self._position is None or position > self._position:
            self._position = position

    def finish(self, offset: int) -> bool:
        """Mark `offset` as done; False when it was not unfinished (a second acknowledgement)."""
        if offset not in self._unfinished:
            return False
        del self._unfinished[offset]
        return True
