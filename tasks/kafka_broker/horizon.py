"""How far a queue's workers are: when the oldest record was published that is not done.

Whatever was published earlier has been dealt with, so whoever still waits for its effect may send
it again without adding to a backlog. For command lines and services alike: the call makes its own
short-lived clients.
"""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from .backlog import Backlog, PartitionBacklog
from .clients import Clients
from .config import QueueConfig
from .errors import connection_closed
from .log_range import read_range


def handled_until(clients: Clients, queue: QueueConfig, *, timeout_s: float) -> datetime | None:
    """Return the time of the oldest record that is not done, over all lanes; None: all are done.

    By the clock that stamped it: the producer's, unless the topic says LogAppendTime. Raise
    ConnectionFailed or ConnectionClosed when Kafka does not answer.
    """
    with Backlog(clients, queue) as backlog:
        behind = [p for p in backlog.partitions() if p.unfinished]
    if not behind:
        return None
    consumer = clients.visitor(group_id=queue.group_id, timeout_s=timeout_s)
    with closing(_Closable(consumer)):
        try:
            times = [_first_time_ms(consumer, partition, timeout_s) for partition in behind]
        except KafkaError as error:
            raise connection_closed(f"reading {queue.topic}", error) from error
    known = [time_ms for time_ms in times if time_ms is not None]
    return datetime.fromtimestamp(min(known) / 1000, UTC) if known else None


def _first_time_ms(consumer: Any, partition: PartitionBacklog, timeout_s: float) -> int | None:
    """Return when the first record behind the group's position was published, if there is one."""
    tp = TopicPartition(partition.topic, partition.partition)
    first = max(partition.begin, partition.committed or 0)
    records = read_range(consumer, tp, range(first, partition.end), timeout_s=timeout_s)
    with closing(records):  # type: ignore[type-var] # a generator
        record = next(records, None)
    return None if record is None else record.timestamp


class _Closable:
    """A consumer that was assigned its partition: it leaves no group and commits nothing."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def close(self) -> None:
        self._consumer.close(autocommit=False)
