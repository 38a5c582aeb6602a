"""What an operator or a test asks of a queue as a whole: how much is left, and drop it.

Works on the offsets that Kafka stores, so it sees the whole group, whichever process does the work.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.config import QueueConfig
from tasks.kafka_broker.errors import connection_closed

_TIMEOUT_S = 30.0

T = TypeVar("T")
Offsets = dict[TopicPartition, int]


class QueueAdmin:
    """Offsets of one queue; a context manager, because it holds a connection."""

    def __init__(self, clients: Clients, queue: QueueConfig) -> None:
        self._queue = queue
        self._admin = clients.admin(timeout_s=_TIMEOUT_S)

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
        """Count the offsets between the group's position and the end of the topic."""
        return self._ask(self._count_unfinished)

    def delete_records(self) -> None:
        """Delete every record that is in the topic now."""
        self._ask(lambda: self._admin.delete_records(self._offsets(OffsetSpec.LATEST)))

    def _count_unfinished(self) -> int:
        ends = self._offsets(OffsetSpec.LATEST)
        begins = self._offsets(OffsetSpec.EARLIEST)
        group = self._queue.group_id
        committed = self._admin.list_group_offsets({group: list(ends)}).get(group, {})
        return sum(
            max(0, end - max(begins[tp], committed[tp].offset if tp in committed else 0))
            for tp, end in ends.items()
        )

    def _offsets(self, spec: OffsetSpec) -> Offsets:
        found = self._admin.list_partition_offsets(dict.fromkeys(self._partitions(), spec))
        return {tp: offset.offset for tp, offset in found.items()}

    def _partitions(self) -> list[TopicPartition]:
        (topic,) = self._admin.describe_topics([self._queue.topic])
        return [
            TopicPartition(self._queue.topic, partition["partition_index"])
            for partition in topic["partitions"]
        ]

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except KafkaError as error:
            raise connection_closed(f"asking about {self._queue.topic}", error) from error
