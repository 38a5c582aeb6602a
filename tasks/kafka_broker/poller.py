"""The thread that owns a KafkaConsumer: it reads, commits, pauses and takes part in rebalances.

It is apart from dramatiq's consumer thread because `poll` blocks as long as a rebalance lasts, and
the partitions that stay have records waiting meanwhile. kafka-python calls the listener on its own
I/O thread while this one is inside `poll` or `close`; no lock of ours is held there.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from kafka import AsyncConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.structs import MemberState, OffsetAndMetadata, TopicPartition

from tasks.kafka_broker.config import QueueConfig
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.observer import BrokerObserver

log = logging.getLogger(__name__)

_POLL_S = 0.25
#: While a full partition is paused, nothing but the next turn notices that it has room again.
_PAUSED_POLL_S = 0.025
_COMMIT_INTERVAL_S = 1.0
_COMMIT_RECORDS = 500
_CLOSE_TIMEOUT_S = 5.0


class Poller:
    """Moves records from Kafka to an inbox and the inbox's progress to Kafka."""

    def __init__(
        self,
        consumer: Any,
        queue: QueueConfig,
        inbox: Inbox,
        *,
        drain_timeout_s: float,
        observer: BrokerObserver,
    ) -> None:
        self._consumer = consumer
        self._queue = queue
        self._inbox = inbox
        self._drain_timeout_s = drain_timeout_s
        self._observer = observer
        self._is_closing = False
        self._commit_is_under_way = False
        self._committed_at = time.monotonic()
        self._committed_count = 0
        self._thread = threading.Thread(
            target=self._run, name=f"kafka-poll-{queue.name}", daemon=True
        )
        #: Why reading ended, if it did not end on request.
        self.error: Exception | None = None
        #: When Kafka was last asked for records (monotonic seconds).
        self.polled_at = time.monotonic()
        #: True while the consumer has its place in the group, with or without partitions.
        self.is_member = False

    def start(self) -> None:
        """Join the group and begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Commit, leave the group and end the thread; safe to call again."""
        self._is_closing = True
        self._thread.join(self._drain_timeout_s + 2 * _CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("The consumer of %s does not close; it is left behind.", self._queue.topic)

    def _run(self) -> None:
        try:
            listener = RebalanceListener(self._inbox, self._revoke, self._on_rebalance)
            self._consumer.subscribe([self._queue.topic], listener=listener)
            while not self._is_closing:
                self._turn()
        except Exception as error:
            # The outermost edge of this thread: dramatiq's consumer thread raises it again, closes
            # us and makes a new consumer.
            log.exception("Reading from %s failed.", self._queue.topic)
            self.error = error
        finally:
            self._leave()

    def _turn(self) -> None:
        is_paused = self._update_pauses()
        batches = self._consumer.poll(1000 * (_PAUSED_POLL_S if is_paused else _POLL_S))
        self.polled_at = time.monotonic()
        self.is_member = self._consumer.group_metadata().state == MemberState.STABLE
        for partition, records in batches.items():
            self._inbox.add(partition, records)
        if self._commit_is_due():
            self._commit()

    def _update_pauses(self) -> bool:
        # Worked out anew each time, because a partition comes back from a rebalance unpaused.
        full = self._inbox.full_partitions()
        paused = self._consumer.paused()
        self._consumer.pause(*(full - paused))
        self._consumer.resume(*(paused - full))
        return bool(full)

    def _commit_is_due(self) -> bool:
        if self._commit_is_under_way:
            return False
        return (
            time.monotonic() - self._committed_at >= _COMMIT_INTERVAL_S
            or self._inbox.count_finished() - self._committed_count >= _COMMIT_RECORDS
            or (self._inbox.count_finished() > self._committed_count and self._inbox.is_idle())
        )

    def _commit(self) -> None:
        self._committed_at = time.monotonic()
        self._committed_count = self._inbox.count_finished()
        self._look_around()
        next_offsets = self._inbox.committable()
        if next_offsets:
            self._commit_is_under_way = True
            self._consumer.commit_async(_to_kafka(next_offsets), callback=self._on_committed)

    def _look_around(self) -> None:
        for partition in self._inbox.partitions():
            position = self._consumer.position(partition, timeout_ms=0)
            if position is not None:
                self._inbox.advance(partition, position)
            end = self._consumer.highwater(partition)
            next_offset = self._inbox.next_offset(partition)
            if end is not None and next_offset is not None:
                lag = max(0, end - next_offset)
                self._observer.on_lag(partition.topic, partition.partition, lag)

    def _on_committed(self, offsets: Mapping[TopicPartition, Any], response: Any) -> None:
        self._commit_is_under_way = False
        if isinstance(response, Exception):
            # Nothing is lost: what is committable stays so, and the next turn tries again.
            log.warning("A commit for %s failed: %s", self._queue.topic, response)
            return
        self._note_committed({tp: offset.offset for tp, offset in offsets.items()})

    def _note_committed(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        self._inbox.note_committed(next_offsets)
        for partition, next_offset in next_offsets.items():
            self._observer.on_commit(partition.topic, partition.partition, next_offset)

    async def _revoke(self, partitions: set[TopicPartition]) -> None:
        """Drain, commit, fence, in that order: fencing first would run finished tasks again."""
        self._inbox.deactivate(partitions)
        await self._drain(partitions)
        next_offsets = {tp: o for tp, o in self._inbox.committable().items() if tp in partitions}
        if next_offsets:
            try:
                await self._consumer.commit_async(_to_kafka(next_offsets))
                self._note_committed(next_offsets)
            except KafkaError as error:
                log.warning("The last commit for %s failed: %s", self._queue.topic, error)
        self._inbox.fence(partitions)

    async def _drain(self, partitions: set[TopicPartition]) -> None:
        deadline = time.monotonic() + self._drain_timeout_s
        while running := self._inbox.running(partitions):
            if self._is_closing and self._inbox.is_stopping:
                # dramatiq has waited for its workers already, for as long as it was told to.
                return
            if time.monotonic() >= deadline:
                log.warning("%d tasks outlast their partitions and will run twice.", running)
                return
            # The only sleep that lets the heartbeats go on; kafka-python has no public one.
            await self._consumer._net.sleep(0.05)  # noqa: SLF001

    def _on_rebalance(self, change: Any, partitions: set[TopicPartition]) -> None:
        numbers = sorted(partition.partition for partition in partitions)
        log.info("Partitions %s of %s: %s.", change, self._queue.topic, numbers)
        self._observer.on_rebalance(self._queue.topic, change, numbers)

    def _leave(self) -> None:
        self.is_member = False
        try:
            # Calls the listener for what is still owned, so this is the last commit as well.
            self._consumer.close(autocommit=False, timeout_ms=1000 * _CLOSE_TIMEOUT_S)
        except (KafkaError, RuntimeError) as error:
            log.warning("The consumer of %s did not close in order: %s", self._queue.topic, error)
        finally:
            self._inbox.fence(self._inbox.partitions())


class RebalanceListener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # untyped driver
    """Turns kafka-python's calls into the inbox's assignments; runs on the client's I/O thread."""

    def __init__(
        self,
        inbox: Inbox,
        revoke: Callable[[set[TopicPartition]], Any],
        on_rebalance: Callable[[str, set[TopicPartition]], None],
    ) -> None:
        self._inbox = inbox
        self._revoke = revoke
        self._on_rebalance = on_rebalance

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin with fresh assignments."""
        self._inbox.assign(assigned)
        self._on_rebalance("assigned", assigned)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Give partitions up in good order; heartbeats and the other partitions go on."""
        await self._revoke(revoked)
        self._on_rebalance("revoked", revoked)

    async def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        """Drop partitions that another member has by now: too late to commit."""
        self._inbox.fence(lost)
        self._on_rebalance("lost", lost)


def _to_kafka(next_offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
    return {tp: OffsetAndMetadata(next_offset, "", -1) for tp, next_offset in next_offsets.items()}
