"""One topic as a group sees it, for the length of one call: what it holds, and what is done.

Its consumer is assigned the partitions and never subscribes: it is no member of the group and moves
no partition away from anyone. Owned by one thread (or greenlet).
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from .clients import Clients
from .codec import IncomingRecord
from .errors import connection_closed
from .handled import Handled, decode
from .log_range import read_range


class GroupView:
    """A context manager, because it holds a connection.

    Every method raises ConnectionClosed when Kafka does not answer within `timeout_s`.
    """

    def __init__(self, clients: Clients, topic: str, *, group_id: str, timeout_s: float) -> None:
        self._topic = topic
        self._timeout_s = timeout_s
        self._timeout_ms = int(1000 * timeout_s)
        self._consumer: Any = clients.visitor(group_id=group_id, timeout_s=timeout_s)
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
        self._consumer.close(autocommit=False)

    def read(self, partition: int, offsets: range) -> Iterator[IncomingRecord]:
        """Yield the records of a partition that lie in `offsets` and were there at first."""
        bounds = self.bounds[partition]
        present = range(max(offsets.start, bounds.start), min(offsets.stop, bounds.stop))
        return read_range(self._consumer, self._tp(partition), present, timeout_s=self._timeout_s)

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

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
