"""Find queues by what Kafka holds, for commands that were not told of a broker.

A queue is a topic `x` with an `x.dlq` beside it; its lanes are `x.high` and `x.low`; its groups are
those that committed an offset of it. Queues whose dead-letter topic has another name are not found.
"""

from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any

from kafka.errors import KafkaError

from .clients import Clients
from .config import LANES, NORMAL, QueueConfig, QueueOptions, resolve
from .errors import connection_closed

_SUFFIX = ".dlq"


def discover_queues(
    clients: Clients, *, namespace: str = "", group_id: str | None = None, timeout_s: float = 10.0
) -> list[QueueConfig]:
    """Return the queues of a namespace (or all), one for each group that works on them.

    With `group_id`, the broker's setting, groups have the names that it gives them. Raise
    dramatiq's ConnectionFailed or ConnectionClosed when Kafka does not answer.
    """
    with closing(clients.admin(timeout_s=timeout_s)) as admin:
        try:
            topics = set(admin.list_topics())
            found = sorted(_queue_topics(topics, namespace))
            groups = {} if group_id else _groups_by_topic(admin)
        except KafkaError as error:
            raise connection_closed("asking for topics and groups", error) from error
    return [
        _queue(topic, topics, namespace, group)
        for topic in found
        for group in groups.get(topic) or [f"{group_id or 'dramatiq'}.{topic}"]
    ]


def _queue_topics(topics: Collection[str], namespace: str) -> Iterator[str]:
    for name in topics:
        topic = name.removesuffix(_SUFFIX)
        if (
            topic != name
            and topic in topics
            and topic.startswith(f"{namespace}." * bool(namespace))
        ):
            yield topic


def _groups_by_topic(admin: Any) -> dict[str, list[str]]:
    names = sorted(group["group_id"] for group in admin.list_groups())
    if not names:
        return {}
    groups: dict[str, list[str]] = {}
    for group, offsets in admin.list_group_offsets(names).items():
        for topic in {partition.topic for partition in offsets}:
            groups.setdefault(topic, []).append(group)
    return groups


def _queue(topic: str, topics: Collection[str], namespace: str, group_id: str) -> QueueConfig:
    lanes = any(f"{topic}.{lane}" in topics for lane in LANES if lane != NORMAL)
    return resolve(
        QueueOptions(topic=topic, group_id=group_id, lanes=lanes),
        topic.removeprefix(f"{namespace}." * bool(namespace)),
        namespace=namespace,
        group_id=group_id,
        num_partitions=1,
    )
