"""Reads one dead-letter topic for the length of one call, and notes what was handled.

Its consumer is assigned the partitions and never subscribes: it is no member of a group, moves no
partition away from anyone, and only borrows the group `<topic>.handled` to keep marks in. Owned by
one thread (or greenlet).
"""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from .clients import Clients
from .codec import IncomingRecord
from .errors import connection_closed
from .handled import Handled, decode
from .log_range import read_range

#: What was handled in this time is handled again after a crash.
_COMMIT_INTERVAL_S = 0.2


class LetterReader:
    """A context manager, because it holds a connection; what is marked is committed at its end.

    Every method raises ConnectionClosed when Kafka does not answer within `timeout_s`.
    """

    def __init__(self, clients: Clients, topic: str, *, timeout_s: float) -> None:
        self._topic = topic
        self._timeout_s = timeout_s
        self._timeout_ms = int(1000 * timeout_s)
        self._consumer: Any = clients.consumer(
            group_id=f"{topic}.handled", bootstrap_timeout_s=timeout_s
        )
        #: What was marked here and is not committed yet.
        self._marked: dict[int, list[range]] = {}
        self._committed_at = time.monotonic()
        #: The offsets that each partition held at first; without partitions there is no such topic.
        self.bounds: dict[int, range] = {}
        self.handled: dict[int, Handled] = {}

    def __enter__(self) -> Self:
        try:
            self._look()
        except KafkaError as error:
            self._consumer.close(autocommit=False)
            raise connection_closed(f"asking about {self._topic}", error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.commit()
        finally:
            self._consumer.close(autocommit=False)

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

    def read(self, partition: int, offsets: range) -> Iterator[IncomingRecord]:
        """Yield the records of a partition that lie in `offsets` and were there at first."""
        bounds = self.bounds[partition]
        present = range(max(offsets.start, bounds.start), min(offsets.stop, bounds.stop))
        return read_range(self._consumer, self._tp(partition), present, timeout_s=self._timeout_s)

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

    def _look(self) -> None:
        numbers = self._consumer.partitions_for_topic(self._topic)
        self.handled = {number: self._fetch_handled(number) for number in sorted(numbers)}

    def _fetch_handled(self, partition: int) -> Handled:
        tp, timeout_ms = self._tp(partition), self._timeout_ms
        # The position before the end: one behind it belongs to a topic that was deleted, not to
        # somebody who was quicker than we are.
        commit = self._consumer.committed(tp, metadata=True, timeout_ms=timeout_ms)
        begin = self._consumer.beginning_offsets([tp], timeout_ms=timeout_ms)[tp]
        end = self._consumer.end_offsets([tp], timeout_ms=timeout_ms)[tp]
        self.bounds.setdefault(partition, range(begin, end))
        committed = None if commit is None else (commit.offset, commit.metadata)
        return decode(committed, begin=begin, end=end)

    def _encode(self, partition: int) -> OffsetAndMetadata:
        next_offset, metadata = self.handled[partition].encode()
        return OffsetAndMetadata(next_offset, metadata, -1)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
