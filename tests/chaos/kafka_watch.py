"""Kafka as an administrator sees it: the group's positions all along, the topics' records after.

Asks the brokers directly, never through a proxy that a fault is about.
"""

import threading
import time
import warnings
from contextlib import closing, suppress
from typing import Any

from tests.chaos.history import Commit, History, LogRecord
from tests.services.topics import TopicReader

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.errors import KafkaError

_LOOK_EVERY_S = 0.2
_REQUEST_TIMEOUT_MS = 3000


class CommitWatch:
    """Notes the position of a group in a topic all the time; a Kafka that is away is waited for."""

    def __init__(self, bootstrap: str, group_id: str, topic: str, history: History) -> None:
        self._bootstrap = bootstrap
        self._group_id = group_id
        self._topic = topic
        self._history = history
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commit-watch", daemon=True)
        self._seen: dict[int, int] = {}

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(KafkaError, OSError, ValueError, TimeoutError):
                self._look_on()
            self._stopping.wait(_LOOK_EVERY_S)

    def _look_on(self) -> None:
        with closing(admin_client(self._bootstrap)) as admin:
            while not self._stopping.wait(_LOOK_EVERY_S):
                positions = committed(admin, self._group_id)
                now = time.time()
                for partition, next_offset in positions.items():
                    if partition.topic == self._topic:
                        self._note(Commit(now, partition.partition, next_offset))

    def _note(self, commit: Commit) -> None:
        # What did not move says nothing new, and a run has thousands of looks.
        if self._seen.get(commit.partition) != commit.next_offset:
            self._seen[commit.partition] = commit.next_offset
            self._history.commits.append(commit)


def admin_client(bootstrap: str) -> Any:
    """Return a client that does not wait long for an answer."""
    return KafkaAdminClient(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=_REQUEST_TIMEOUT_MS,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )


def committed(admin: Any, group_id: str) -> dict[Any, int]:
    """Return the group's position by topic and partition."""
    offsets = admin.list_group_offsets([group_id])[group_id]
    return {partition: at.offset for partition, at in offsets.items() if at.offset >= 0}


def ends(bootstrap: str, topic: str) -> dict[Any, int]:
    """Return where each partition of the topic ends."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False)
    with closing(consumer):
        partitions = consumer.partitions_for_topic(topic) or ()
        found: dict[Any, int] = consumer.end_offsets(
            [TopicPartition(topic, number) for number in partitions]
        )
        return found


def lag_of(bootstrap: str, group_id: str, topic: str) -> int:
    """Return how many records of the topic the group has not acknowledged."""
    with closing(admin_client(bootstrap)) as admin:
        at = committed(admin, group_id)
    return sum(end - at.get(partition, 0) for partition, end in ends(bootstrap, topic).items())


def read_log(bootstrap: str, topic: str) -> list[LogRecord]:
    """Return each record of the topic, with its key."""
    return [
        LogRecord(record.partition, record.offset, _text(record.key))
        for record in TopicReader(bootstrap, topic).records()
    ]


def read_letters(bootstrap: str, topic: str) -> list[str]:
    """Return the keys of all dead letters."""
    return [_text(record.key) for record in TopicReader(bootstrap, f"{topic}.dlq").records()]


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
