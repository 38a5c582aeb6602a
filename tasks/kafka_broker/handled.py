"""Which dead letters of one partition are dealt with.

Kept where Kafka keeps a group's positions, in the group `<dead-letter topic>.handled`: the lowest
offset that is not handled, and beside it a bitmap of those above (`progress.py`). Pure; owned by
one operator's call at a time.
"""

from collections.abc import Iterable

from . import progress


class Handled:
    """A set of offsets that can be written down in one commit.

    `next_offset`: everything below is handled, or gone from Kafka.
    """

    def __init__(self, next_offset: int, done: Iterable[int] = ()) -> None:
        self.next_offset = next_offset
        self._done = set(done)
        self._advance()

    def __contains__(self, offset: int) -> bool:
        return offset < self.next_offset or offset in self._done

    def __len__(self) -> int:
        """Count those above `next_offset`."""
        return len(self._done)

    def has_room_for(self, offset: int) -> bool:
        """False when `offset` is too far above the oldest that is not handled."""
        return offset - self.next_offset < progress.MAX_BITS

    def add(self, offsets: range) -> None:
        """Note that these are handled, or hold no record (Kafka's markers of transactions)."""
        if offsets.start <= self.next_offset:
            # Compaction leaves holes of millions: walk over none of them.
            self.next_offset = max(self.next_offset, offsets.stop)
            self._done = {offset for offset in self._done if offset >= self.next_offset}
        else:
            limit = self.next_offset + progress.MAX_BITS
            self._done.update(range(offsets.start, min(offsets.stop, limit)))
        self._advance()

    def encode(self) -> tuple[int, str]:
        """Return the offset and the text to commit."""
        return self.next_offset, progress.encode_done(self.next_offset, self._done)

    def _advance(self) -> None:
        while self.next_offset in self._done:
            self._done.remove(self.next_offset)
            self.next_offset += 1


def decode(committed: tuple[int, str] | None, *, begin: int, end: int) -> Handled:
    """Read what was committed; `begin` and `end` are the first offset on Kafka and behind the last.

    A position behind the end belongs to a topic of the same name that was deleted.
    """
    if committed is None or committed[0] > end:
        return Handled(begin)
    offset, metadata = committed
    handled = Handled(offset, progress.decode_done(offset, metadata))
    handled.add(range(begin))
    return handled
