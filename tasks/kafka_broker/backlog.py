"""What an operator or a test asks of a queue as a whole: how much is left, and drop it.

Works on the offsets that Kafka stores, so it sees the whole group, whichever process does the work.
"""

from types import TracebackType
from typing import Self

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.config import QueueConfig
from tasks.kafka_broker.errors import connection_closed

_TIMEOUT_S = 30.0


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
        """Count the offsets between the group's position and the end of the topic."""
        timeout_ms = 1000 * _TIMEOUT_S
        try:
            begins = self._consumer.beginning_offsets(self._partitions(), timeout_ms=timeout_ms)
            ends = self._ends()
            committed = {
                tp: self._consumer.committed(tp, timeout_ms=timeout_ms) or 0 for tp in ends
            }
        except KafkaError as error:
            raise connection_closed(f"asking about {self._queue.topic}", error) from error
        return sum(max(0, end - max(begins[tp], committed[tp])) for tp, end in ends.items())

    def drop(self) -> None:
        """Delete every record that is in the topic now."""
        admin = self._clients.admin(timeout_s=_TIMEOUT_S)
        try:
            admin.delete_records(self._ends())
        except KafkaError as error:
            raise connection_closed(f"dropping {self._queue.topic}", error) from error
        finally:
            admin.close()

    def _ends(self) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(
            self._partitions(), timeout_ms=1000 * _TIMEOUT_S
        )
        return ends

    def _partitions(self) -> list[TopicPartition]:
        topic = self._queue.topic
        return [TopicPartition(topic, p) for p in self._consumer.partitions_for_topic(topic)]
