"""What an operator or a test asks of queues as a whole: how much is left, and drop it.

Works on the offsets that Kafka stores, so it sees the whole group, whichever process does the work,
and the topics of all lanes. A queue's delay topic is asked about as a queue of its own.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from . import progress
from .clients import Clients
from .config import QueueConfig
from .errors import connection_closed

_TIMEOUT_S = 30.0
_RETRY_S = 0.1


@dataclass(frozen=True)
class PartitionBacklog:
    """What one partition holds and how far the group is with it."""

    lane: str
    topic: str
    partition: int
    #: The first offset that Kafka still has.
    begin: int
    #: Behind the last one.
    end: int
    #: The group's position; None before its first commit.
    committed: int | None
    #: Records above the position that are done as well.
    done_ahead: int

    @property
    def unfinished(self) -> int:
        """Offsets that are on Kafka and not done; markers of transactions count until passed."""
        return max(0, self.end - max(self.begin, self.committed or 0) - self.done_ahead)


class Backlog:
    """The records of some queues on Kafka; a context manager, because it holds a connection."""

    def __init__(
        self, clients: Clients, *queues: QueueConfig, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._clients = clients
        self._queues = queues
        self._timeout_s = timeout_s
        self._admin = clients.admin(timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._admin.close()

    def count_unfinished(self) -> int:
        """Count the records of the queues that are not done; 0: for a moment there was none at all.

        A record counts until Kafka has that it is done, which is a little later.
        """
        return sum(partition.unfinished for partition in self.partitions())

    def partitions(self) -> list[PartitionBacklog]:
        """Look at each partition of each lane of each queue."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._look()
            except KafkaError as error:
                if not error.retriable or time.monotonic() >= deadline:
                    raise connection_closed(f"asking about {self._names}", error) from error
            # The admin client never looks again for a group's coordinator that has moved.
            time.sleep(_RETRY_S)
            self._admin.close()
            self._admin = self._clients.admin(timeout_s=self._timeout_s)

    def drop(self) -> None:
        """Delete every record that is in the queues' topics now."""
        try:
            partitions = [tp for queue in self._queues for tp in self._partitions_of(queue)]
            if ends := self._offsets(partitions, OffsetSpec.LATEST):
                self._admin.delete_records(ends)
        except KafkaError as error:
            raise connection_closed(f"dropping {self._names}", error) from error

    def _look(self) -> list[PartitionBacklog]:
        by_queue = [(queue, self._partitions_of(queue)) for queue in self._queues]
        everything = [tp for _, lanes in by_queue for tp in lanes]
        # All positions before any end: if they agree everywhere, then between the two looks nothing
        # was left and nothing came, not even from one queue to the other.
        commits = self._commits({queue.group_id: list(lanes) for queue, lanes in by_queue if lanes})
        begins = self._offsets(everything, OffsetSpec.EARLIEST)
        ends = self._offsets(everything, OffsetSpec.LATEST)
        return [
            _partition_backlog(lane, tp, begins[tp], ends[tp], commits[queue.group_id].get(tp))
            for queue, lanes in by_queue
            for tp, lane in lanes.items()
        ]

    def _partitions_of(self, queue: QueueConfig) -> dict[TopicPartition, str]:
        lanes = {topic: lane for lane, topic in queue.lane_topics.items()}
        described = {t["name"]: t["partitions"] for t in self._admin.describe_topics([*lanes])}
        return {
            TopicPartition(topic, number): lane
            for topic, lane in lanes.items()
            for number in sorted(p["partition_index"] for p in described.get(topic, ()))
        }

    def _commits(
        self, partitions: Mapping[str, list[TopicPartition]]
    ) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
        return self._admin.list_group_offsets(partitions) if partitions else {}

    def _offsets(self, partitions: Any, spec: OffsetSpec) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        found = self._admin.list_partition_offsets(dict.fromkeys(partitions, spec))
        return {tp: place.offset for tp, place in found.items()}

    @property
    def _names(self) -> str:
        return ", ".join(queue.topic for queue in self._queues)


def _partition_backlog(
    lane: str, tp: TopicPartition, begin: int, end: int, commit: OffsetAndMetadata | None
) -> PartitionBacklog:
    if commit is None or commit.offset < 0:
        return PartitionBacklog(lane, tp.topic, tp.partition, begin, end, None, 0)
    done = progress.decode_done(commit.offset, commit.metadata)
    done_ahead = sum(offset >= begin for offset in done)
    return PartitionBacklog(lane, tp.topic, tp.partition, begin, end, commit.offset, done_ahead)
