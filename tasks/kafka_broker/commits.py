"""Tell Kafka how far a queue's partitions are done.

Lives on kafka-python's I/O thread, as the rebalance listener does, so that commits leave in the
order in which they were made: one that came late would move a partition back which has another
owner by then. A commit that fails loses nothing: its progress is committed later, or is read and
run again. What finished since the last commit is repeated by a crash, so a commit goes out as soon
as something is finished and the last one came back.
"""

import contextlib
import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from . import progress
from .assignment import Progress
from .inbox import Inbox
from .membership import Membership
from .observer import BrokerObserver
from .offsets import OffsetTracker

log = logging.getLogger(__name__)

#: The pause between commits: they cost both sides some processor time. What had just ended when a
#: worker is killed is repeated, so it is short while few tasks end, each of which may have been
#: long, and longer when so many end that each must have been short.
_PAUSE_S = 0.0005
_MANY = 16
_PAUSE_AFTER_MANY_S = 0.005
#: Longer while a commit says much, because an old task still runs: 0.1 s at 2,500 characters.
_PAUSE_S_PER_CHAR = 0.00004
#: Kafka refuses commits for moments of a rebalance.
_RETRY_PAUSE_S = 0.1
_TIMEOUT_MS = 5_000
#: For the commit before partitions go.
_LAST_COMMIT_S = 5.0
_TURN_S = 0.005


class Commits:
    """Commits the progress of an inbox, one request at a time."""

    def __init__(
        self, consumer: Any, membership: Membership, inbox: Inbox, observer: BrokerObserver
    ) -> None:
        self._consumer = consumer
        self._membership = membership
        self._inbox = inbox
        self._observer = observer
        #: True from the first finished record until all are committed. Written without a lock: the
        #: I/O thread looks once more after it has cleared it.
        self._is_awake = False
        self._is_closed = False
        #: How many records ended since the last commit.
        self._ended = 0
        self._is_under_way = False
        self._has_failed = False
        inbox.on_finished = self.wake

    def wake(self) -> None:
        """Have what is finished committed; cheap, and from any thread."""
        # Without a lock, so a rough number.
        self._ended += 1
        if not self._is_awake and not self._is_closed:
            self._is_awake = True
            # A consumer that was closed since does not commit any more.
            with contextlib.suppress(RuntimeError):
                self._consumer._net.call_soon_threadsafe(self._run)  # noqa: SLF001 - no public way

    def commit_last_and_wait(self, partitions: Collection[TopicPartition]) -> None:
        """Commit the progress of partitions that go; not from the I/O thread."""
        self._consumer._net.run(self.commit_last, partitions)  # noqa: SLF001

    def close(self) -> None:
        """Commit no more by itself."""
        self._is_closed = True

    async def fetch(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Any]:
        """Return the trackers to begin with, from what the last owners committed."""
        coordinator = self._consumer._coordinator  # noqa: SLF001 - the public call blocks
        try:
            committed = await coordinator.fetch_committed_offsets_async(
                partitions, timeout_ms=_TIMEOUT_MS
            )
        except KafkaError as error:
            # kafka-python finds out where to read by itself; only what is done above is repeated.
            log.warning("The progress of the last owner is not known: %s", error)
            committed = {}
        return {tp: _tracker(committed.get(tp)) for tp in partitions}

    async def commit_last(self, partitions: Collection[TopicPartition]) -> None:
        """Commit what is left of partitions that go, also when Kafka refuses it at first."""
        give_up_at = time.monotonic() + _LAST_COMMIT_S
        while pause_s := await self.commit(partitions):
            if time.monotonic() >= give_up_at or self._membership.is_expelled:
                log.warning("What was finished last in %s is not committed.", partitions)
                return
            await self._consumer._net.sleep(pause_s)  # noqa: SLF001

    async def commit(self, partitions: Collection[TopicPartition] | None = None) -> float:
        """Commit what is uncommitted, of these partitions only; return for how long to pause.

        0 when there is nothing to commit.
        """
        while self._is_under_way:
            # One at a time: they may take different ways, and one must not overtake the other.
            await self._consumer._net.sleep(_TURN_S)  # noqa: SLF001
        found = self._inbox.uncommitted(partitions)
        if not found:
            return 0.0
        self._is_under_way = True
        ended, self._ended = self._ended, 0
        try:
            await self._membership.commit(
                {tp: OffsetAndMetadata(*done, -1) for tp, done in found.items()}
            )
        except KafkaError as error:
            # Once, not ten times a second for as long as Kafka is away.
            log.log(
                logging.DEBUG if self._has_failed else logging.WARNING, "A commit failed: %s", error
            )
            self._has_failed = True
            self._inbox.note_not_committed(found)
            return _RETRY_PAUSE_S
        finally:
            self._is_under_way = False
        self._has_failed = False
        self._note(found)
        pause_s = _PAUSE_AFTER_MANY_S if ended >= _MANY else _PAUSE_S
        return pause_s + _PAUSE_S_PER_CHAR * sum(len(text) for _, text in found.values())

    async def _run(self) -> None:
        while not self._is_closed:
            pause_s = await self.commit()
            if not pause_s:
                self._is_awake = False
                # A record that was finished just before found us awake.
                pause_s = await self.commit()
                if not pause_s:
                    return
                self._is_awake = True
            await self._consumer._net.sleep(pause_s)  # noqa: SLF001

    def _note(self, committed: Mapping[TopicPartition, Progress]) -> None:
        self._inbox.note_committed(committed)
        for partition, (next_offset, _) in committed.items():
            self._observer.on_commit(partition.topic, partition.partition, next_offset)


def _tracker(committed: Any) -> OffsetTracker:
    if committed is None or committed.offset < 0:
        return OffsetTracker()
    done = progress.decode_done(committed.offset, committed.metadata or "")
    return OffsetTracker(committed.offset, done)
