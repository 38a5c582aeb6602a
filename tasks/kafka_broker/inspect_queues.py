"""What an operator asks of queues: how they lie on Kafka, and what is left in them.

Each function makes its own short-lived clients and changes nothing. They raise dramatiq's
ConnectionFailed or ConnectionClosed when Kafka does not answer.
"""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from .backlog import Backlog, PartitionBacklog
from .clients import Clients
from .config import QueueConfig
from .dead_letter_queue import Counts, dead_letter_queues
from .errors import connection_closed


@dataclass(frozen=True)
class TopicState:
    """A topic of a queue."""

    queue: str
    #: high, normal, low, or "dead letters".
    lane: str
    topic: str
    #: 0 when there is no such topic yet.
    partitions: int
    replicas: int
    #: None: for ever, or unknown.
    retention_ms: int | None


@dataclass(frozen=True)
class QueueLag:
    """What is left in a queue."""

    queue: str
    group_id: str
    partitions: list[PartitionBacklog]
    dead_letter_topic: str
    dead_letters: Counts

    @property
    def unfinished(self) -> int:
        """Records on Kafka that are not done."""
        return sum(partition.unfinished for partition in self.partitions)


def describe_queues(
    clients: Clients, queues: Iterable[QueueConfig], *, timeout_s: float = 10.0
) -> list[TopicState]:
    """Describe the topics of queues."""
    places = {
        (queue.name, lane, topic): None
        for queue in queues
        for lane, topic in [*queue.lane_topics.items(), ("dead letters", queue.dead_letter_topic)]
    }
    topics = sorted({topic for _, _, topic in places})
    if not topics:
        return []
    with closing(clients.admin(timeout_s=timeout_s)) as admin:
        try:
            partitions = {t["name"]: t["partitions"] for t in admin.describe_topics(topics)}
            existing = [topic for topic in topics if partitions.get(topic)]
            retention = _retention_ms(admin, existing)
        except KafkaError as error:
            raise connection_closed("describing topics", error) from error
    return [
        TopicState(
            queue=queue,
            lane=lane,
            topic=topic,
            partitions=len(partitions.get(topic, ())),
            replicas=min((len(p["replica_nodes"]) for p in partitions.get(topic, ())), default=0),
            retention_ms=retention.get(topic),
        )
        for queue, lane, topic in places
    ]


def measure_lag(
    clients: Clients, queues: Iterable[QueueConfig], *, timeout_s: float = 10.0
) -> list[QueueLag]:
    """Measure what is left in each queue, for its group."""
    queues = list(queues)
    dead = {
        letters.topic: letters.count()
        for letters in dead_letter_queues(clients, queues, timeout_s=timeout_s)
    }
    lags = []
    for queue in queues:
        with Backlog(clients, queue, timeout_s=timeout_s) as backlog:
            lags.append(
                QueueLag(
                    queue=queue.name,
                    group_id=queue.group_id,
                    partitions=backlog.partitions(),
                    dead_letter_topic=queue.dead_letter_topic,
                    dead_letters=dead[queue.dead_letter_topic],
                )
            )
    return lags


def _retention_ms(admin: Any, topics: list[str]) -> dict[str, int | None]:
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, t, ["retention.ms"]) for t in topics]
    # Without the filter, what a topic took over from the cluster would be missing.
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    values = {topic: configs[topic].get("retention.ms", {}).get("value") for topic in topics}
    return {topic: _none_for_ever(value) for topic, value in values.items()}


def _none_for_ever(value: str | None) -> int | None:
    return None if value is None or int(value) < 0 else int(value)
