"""Reads one dead-letter topic for the length of one call, and notes what was handled.

It borrows the group `<topic>.handled` to keep marks in. Owned by one thread (or greenlet).
"""

import time
from types import TracebackType

from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from .clients import Clients
from .errors import connection_closed
from .group_view import GroupView

#: What was handled in this time is handled again after a crash.
_COMMIT_INTERVAL_S = 0.2


class LetterReader(GroupView):
    """What is marked is committed at its end."""

    def __init__(self, clients: Clients, topic: str, *, timeout_s: float) -> None:
        super().__init__(clients, topic, group_id=f"{topic}.handled", timeout_s=timeout_s)
        #: What was marked here and is not committed yet.
        self._marked: dict[int, list[range]] = {}
        self._committed_at = time.monotonic()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.commit()
        finally:
            super().__exit__(kind, error, traceback)

    def offsets_since(self, timestamp_ms: int) -> dict[int, int]:
        """Return for each partition the first offset of that time or later."""
        times = {self._tp(partition): max(0, timestamp_ms) for partition in self.bounds}
        try:
            found = self._consumer.offsets_for_times(times, timeout_ms=self._timeout_ms)
        except KafkaError as error:
            raise connection_closed(f"asking about {self._topic}", error) from error
        return {
            partition: place.offset if place else self.bounds[partition].stop
            for partition, place in ((tp.partition, found.get(tp)) for tp in times)
        }

    def mark(self, partition: int, offsets: range) -> None:
        """Note that these are handled, or hold no record; soon and at the end it is committed."""
        self.handled[partition].add(offsets)
        self._marked.setdefault(partition, []).append(offsets)
        if time.monotonic() - self._committed_at >= _COMMIT_INTERVAL_S:
            self.commit()

    def commit(self) -> None:
        """Add what was marked to what the group has by now, which others may have added to.

        Of two operators who commit in the same moment one may lose marks, but never a letter.
        """
        if not self._marked:
            return
        marked, self._marked = self._marked, {}
        try:
            for partition, marks in marked.items():
                self.handled[partition] = self._fetch_handled(partition)
                for offsets in marks:
                    self.handled[partition].add(offsets)
            commits = {self._tp(partition): self._encode(partition) for partition in marked}
            self._consumer.commit(commits, timeout_ms=self._timeout_ms)
        except KafkaError as error:
            raise connection_closed(
                f"noting what was handled in {self._topic} (it may be handled again)", error
            ) from error
        self._committed_at = time.monotonic()

    def _encode(self, partition: int) -> OffsetAndMetadata:
        next_offset, metadata = self.handled[partition].encode()
        return OffsetAndMetadata(next_offset, metadata, -1)
