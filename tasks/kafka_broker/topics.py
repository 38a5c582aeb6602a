"""Create the topics of queues, with the right partitions, instead of letting Kafka guess.

A topic that exists keeps its data and settings: it only gains partitions, never loses any. Several
processes may do this at once. Each process checks a queue once.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from typing import Any

from kafka.errors import (
    InvalidPartitionsError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from .clients import Clients
from .config import MAX_DEAD_LETTER_BYTES, QueueConfig
from .delays import DELAY_RETENTION_MS, TIERS_S
from .errors import connection_closed, connection_failed

log = logging.getLogger(__name__)

TopicSpec = dict[str, Any]


class Topics:
    """Makes sure that topics exist before they are first used."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._checked: set[str] = set()
        self._lock = threading.Lock()

    def ensure(self, queues: Collection[QueueConfig], *, timeout_s: float) -> None:
        """Create what is missing; returns at once for queues this process has seen to."""
        if all(queue.topic in self._checked for queue in queues):
            return
        unchecked = [queue for queue in queues if queue.topic not in self._checked]
        if not unchecked:
            return
        deadline = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=timeout_s):
            raise connection_failed("creating topics", TimeoutError(f"not within {timeout_s} s"))
        try:
            # Another thread may have been at it while we waited.
            unchecked = [queue for queue in unchecked if queue.topic not in self._checked]
            if unchecked:
                self._ensure(unchecked, deadline)
                self._checked.update(queue.topic for queue in unchecked)
        finally:
            self._lock.release()

    def _ensure(self, queues: list[QueueConfig], deadline: float) -> None:
        specs: dict[str, TopicSpec] = {}
        for queue in queues:
            specs |= topic_specs(queue)
        admin = self._clients.admin(timeout_s=deadline - time.monotonic())
        try:
            _create_missing(admin, specs)
            admin.wait_for_topics(list(specs), timeout_ms=_remaining_ms(deadline))
            _grow(admin, specs)
        except KafkaError as error:
            raise connection_closed(f"creating the topics {', '.join(specs)}", error) from error
        finally:
            admin.close()


def topic_specs(queue: QueueConfig) -> dict[str, TopicSpec]:
    """Describe the topics of a queue as kafka-python's `create_topics` wants it."""
    options = queue.options
    # -1: as the cluster is set up.
    replication_factor = options.replication_factor or -1
    retention = {} if options.retention_ms is None else {"retention.ms": str(options.retention_ms)}
    lane = {
        "num_partitions": queue.num_partitions,
        "replication_factor": replication_factor,
        "configs": retention,
    }
    return {
        **dict.fromkeys(queue.lane_topics.values(), lane),
        queue.delay_topic: {
            "num_partitions": len(TIERS_S),
            "replication_factor": replication_factor,
            "configs": {
                "retention.ms": str(DELAY_RETENTION_MS),
                "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
            },
        },
        queue.dead_letter_topic: {
            "num_partitions": 1,
            "replication_factor": replication_factor,
            "configs": {
                "retention.ms": str(options.dead_letter_retention_ms),
                # A record of the largest size must fit in with the headers it gains.
                "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
            },
        },
    }


def _create_missing(admin: Any, specs: dict[str, TopicSpec]) -> None:
    existing = _partition_counts(admin, specs)
    missing = {topic: spec for topic, spec in specs.items() if topic not in existing}
    if not missing:
        return
    response = admin.create_topics(missing, raise_errors=False)
    for topic in response["topics"]:
        error = for_code(topic["error_code"])
        # Another process was quicker: as good.
        if error not in (NoError, TopicAlreadyExistsError):
            raise error(f"topic {topic['name']}: {topic.get('error_message')}")
        log.info("Created topic %s.", topic["name"])


def _grow(admin: Any, specs: dict[str, TopicSpec]) -> None:
    for topic, actual in _partition_counts(admin, specs).items():
        wanted = specs[topic]["num_partitions"]
        if actual < wanted:
            log.info("Topic %s grows from %d to %d partitions.", topic, actual, wanted)
            try:
                admin.create_partitions({topic: wanted})
            except InvalidPartitionsError:
                log.info("Topic %s was grown by another process.", topic)
        elif actual > wanted:
            log.info("Topic %s keeps its %d partitions; %d are asked for.", topic, actual, wanted)


def _partition_counts(admin: Any, topics: Iterable[str]) -> dict[str, int]:
    counts = {}
    for topic in admin.describe_topics(list(topics)):
        error = for_code(topic["error_code"])
        if error is NoError:
            counts[topic["name"]] = len(topic["partitions"])
        elif error is not UnknownTopicOrPartitionError:
            raise error(topic["name"])
    return counts


def _remaining_ms(deadline: float) -> int:
    return max(1, int((deadline - time.monotonic()) * 1000))
