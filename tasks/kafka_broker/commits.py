"""Tell Kafka how far a queue's partitions are done.

Belongs to the `Poller`'s thread, except for `commit_in_listener`. A commit that fails loses
nothing: what is committable stays so and is committed later, or is read and run again.
"""

import contextlib
import logging
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.observer import BrokerObserver

log = logging.getLogger(__name__)

#: A crash repeats what was finished since the last commit: a second's worth, or so many records.
_INTERVAL_S = 1.0
_RECORDS = 500
_TIMEOUT_S = 5.0


class Commits:
    """Commits the progress of an inbox, one request at a time."""

    def __init__(self, consumer: Any, inbox: Inbox, observer: BrokerObserver) -> None:
        self._consumer = consumer
        self._inbox = inbox
        self._observer = observer
        self._is_under_way = False
        self._last_at = time.monotonic()
        self._last_count = 0

    def commit_if_due(self) -> None:
        """Send a commit from time to time, after many records, and when all is done."""
        if not self._is_due():
            return
        self._last_at = time.monotonic()
        self._last_count = self._inbox.count_finished()
        self._look_around()
        next_offsets = self._inbox.committable()
        if next_offsets:
            self._is_under_way = True
            # The future that this returns may be that of another request; the callback is sure.
            self._consumer.commit_async(_to_kafka(next_offsets), callback=self._on_committed)

    def commit_now(self, partitions: Collection[TopicPartition]) -> None:
        """Commit the progress of these partitions before they go."""
        next_offsets = self._inbox.committable(partitions)
        if next_offsets:
            with _failure_logged():
                self._consumer.commit(_to_kafka(next_offsets), timeout_ms=1000 * _TIMEOUT_S)
                self._note(next_offsets)

    async def commit_in_listener(self, partitions: Collection[TopicPartition]) -> None:
        """Do the same on kafka-python's I/O thread, where nothing may block."""
        next_offsets = self._inbox.committable(partitions)
        if next_offsets:
            with _failure_logged():
                await self._consumer.commit_async(_to_kafka(next_offsets))
                self._note(next_offsets)

    def _is_due(self) -> bool:
        if self._is_under_way:
            return False
        finished = self._inbox.count_finished() - self._last_count
        return (
            time.monotonic() - self._last_at >= _INTERVAL_S
            or finished >= _RECORDS
            or (finished > 0 and self._inbox.is_idle())
        )

    def _look_around(self) -> None:
        for partition in self._consumer.assignment():
            position = self._consumer.position(partition, timeout_ms=0)
            if position is not None:
                self._inbox.advance(partition, position)
            end = self._consumer.highwater(partition)
            next_offset = self._inbox.next_offset(partition)
            if end is not None and next_offset is not None:
                lag = max(0, end - next_offset)
                self._observer.on_lag(partition.topic, partition.partition, lag)

    def _on_committed(self, offsets: Mapping[TopicPartition, Any], response: Any) -> None:
        self._is_under_way = False
        if isinstance(response, Exception):
            log.warning("A commit failed: %s", response)
        else:
            self._note({tp: committed.offset for tp, committed in offsets.items()})

    def _note(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        self._inbox.note_committed(next_offsets)
        for partition, next_offset in next_offsets.items():
            self._observer.on_commit(partition.topic, partition.partition, next_offset)


@contextlib.contextmanager
def _failure_logged() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        log.warning("A commit failed: %s", error)


def _to_kafka(next_offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
    return {tp: OffsetAndMetadata(next_offset, "", -1) for tp, next_offset in next_offsets.items()}
