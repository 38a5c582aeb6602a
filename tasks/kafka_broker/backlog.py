"""What an operator or a test asks of a queue as a whole: how much is left, and drop it.

Works on the offsets that Kafka stores, so it sees the whole group, whichever process does the work,
and the topics of all lanes. Messages that still wait in the delay topic are not counted.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from tasks.kafka_broker import progress
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.config import QueueConfig
from tasks.kafka_broker.errors import connection_closed

_TIMEOUT_S = 30.0


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
    """The records of one queue on Kafka; a context manager, because it holds a connection."""

    def __init__(self, clients: Clients, queue: QueueConfig) -> None:
        self._clients = clients
        self._queue = queue
        # It never subscribes, so it is no member of the group. Unlike the admin client it finds the
        # group's coordinator again when that has moved.
        self._consumer = clients.consumer(group_id=queue.group_id, bootstrap_timeout_s=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close(autocommit=False)

    def count_unfinished(self) -> int:
        """Count the records of the queue that are not done."""
        return sum(partition.unfinished for partition in self.partitions())

    def partitions(self) -> list[PartitionBacklog]:
        """Look at each partition of each lane."""
        try:
            return [
                backlog
                for lane, topic in self._queue.lane_topics.items()
                for backlog in self._partitions_of(lane, topic)
            ]
        except KafkaError as error:
            raise connection_closed(f"asking about {self._queue.topic}", error) from error

    def drop(self) -> None:
        """Delete every record that is in the queue's topics now."""
        admin = self._clients.admin(timeout_s=_TIMEOUT_S)
        try:
            for topic in self._queue.lane_topics.values():
                ends = self._consumer.end_offsets(
                    self._topic_partitions(topic), timeout_ms=1000 * _TIMEOUT_S
                )
                if ends:
                    admin.delete_records(ends)
        except KafkaError as error:
            raise connection_closed(f"dropping {self._queue.topic}", error) from error
        finally:
            admin.close()

    def _partitions_of(self, lane: str, topic: str) -> list[PartitionBacklog]:
        partitions = self._topic_partitions(topic)
        # The positions before the ends: nothing that comes in between is overlooked.
        begins = self._consumer.beginning_offsets(partitions, timeout_ms=1000 * _TIMEOUT_S)
        progresses = {tp: self._progress(tp, begins[tp]) for tp in partitions}
        ends = self._consumer.end_offsets(partitions, timeout_ms=1000 * _TIMEOUT_S)
        return [
            PartitionBacklog(lane, topic, tp.partition, begins[tp], ends[tp], *progresses[tp])
            for tp in partitions
        ]

    def _progress(self, partition: TopicPartition, begin: int) -> tuple[int | None, int]:
        commit = self._consumer.committed(partition, metadata=True, timeout_ms=1000 * _TIMEOUT_S)
        if commit is None:
            return None, 0
        done = progress.decode_done(commit.offset, commit.metadata)
        return commit.offset, sum(offset >= begin for offset in done)

    def _topic_partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(topic)
        return [TopicPartition(topic, number) for number in sorted(numbers)]
