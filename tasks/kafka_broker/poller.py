"""The thread that owns a KafkaConsumer: it reads, pauses and rejoins its group.

It is apart from dramatiq's consumer thread so that records go out to workers, and their ends come
in, while it talks to Kafka.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import MemberState

from .commits import Commits
from .fetching import tune_fetching
from .inbox import Inbox
from .membership import Membership
from .observer import BrokerObserver
from .rebalance import Rebalancer

log = logging.getLogger(__name__)

_POLL_S = 0.25
#: While a full partition is paused, or one that is to go waits for its tasks, nothing but the next
#: turn notices that this is over.
_SHORT_POLL_S = 0.025
_LOOK_AROUND_S = 1.0
_CLOSE_TIMEOUT_S = 5.0


class Poller:
    """Moves records from topics to an inbox."""

    def __init__(
        self,
        consumer: Any,
        topics: Collection[str],
        inbox: Inbox,
        *,
        drain_timeout_s: float,
        observer: BrokerObserver,
    ) -> None:
        tune_fetching(consumer)
        self._consumer = consumer
        self._topics = list(topics)
        self._inbox = inbox
        self._observer = observer
        self._drain_timeout_s = drain_timeout_s
        self._membership = Membership(consumer)
        self._commits = Commits(consumer, self._membership, inbox, observer)
        self._rebalancer = Rebalancer(
            consumer,
            self._membership,
            inbox,
            self._commits,
            drain_timeout_s=drain_timeout_s,
            observer=observer,
        )
        self._is_closing = False
        self._thread = threading.Thread(
            target=self._run, name=f"kafka-poll-{self._topics[0]}", daemon=True
        )
        self._looked_around_at = 0.0
        #: Called about once a second.
        self.on_look_around: Callable[[], None] = lambda: None
        #: Called when reading ended, for whatever reason.
        self.on_end: Callable[[], None] = lambda: None
        #: Why reading ended, if it did not end on request.
        self.error: Exception | None = None
        #: When Kafka was last asked for records (monotonic seconds).
        self.polled_at = time.monotonic()
        #: True while the consumer has its place in the group, with or without partitions.
        self.is_member = False

    def start(self) -> None:
        """Join the group and begin to read."""
        self._thread.start()

    def read(self, topics: Collection[str]) -> None:
        """Read these topics from the next turn on."""
        self._topics = list(topics)

    def close(self) -> None:
        """Commit, leave the group and end the thread; safe to call again."""
        self._is_closing = True
        self._thread.join(self._drain_timeout_s + 2 * _CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("The consumer of %s does not close; it is left behind.", self._topics[0])

    def _run(self) -> None:
        try:
            subscribed: list[str] = []
            while not self._is_closing:
                if self._topics != subscribed:
                    subscribed = self._topics
                    self._consumer.subscribe(subscribed, listener=self._rebalancer)
                self._turn()
        except Exception as error:
            # The outermost edge of this thread: dramatiq's consumer thread raises it again, closes
            # us and makes a new consumer.
            log.exception("Reading from %s failed.", self._topics[0])
            self.error = error
        finally:
            self._leave()

    def _turn(self) -> None:
        is_paused = self._update_pauses()
        self._rebalancer.see_off()
        is_short = is_paused or self._rebalancer.is_seeing_off or self._membership.is_joining
        batches = self._consumer.poll(1000 * (_SHORT_POLL_S if is_short else _POLL_S))
        self.polled_at = time.monotonic()
        self.is_member = self._has_its_place()
        for partition, records in batches.items():
            self._inbox.add(partition, records)
        if batches:
            # A worker that was woken begins now, not when we have asked Kafka for more.
            time.sleep(0)
        if self.polled_at - self._looked_around_at >= _LOOK_AROUND_S:
            self._looked_around_at = self.polled_at
            self._look_around()

    def _look_around(self) -> None:
        paused = self._consumer.paused()
        for partition in self._consumer.assignment():
            position = self._consumer.position(partition, timeout_ms=0)
            if position is not None:
                self._inbox.advance(partition, position)
            end = self._consumer.highwater(partition)
            state = self._inbox.state(partition, end=end, is_paused=partition in paused)
            self._observer.on_partition(state)
        # Markers at the end of a log are nothing that a worker finishes.
        self._commits.wake()
        self.on_look_around()

    def _has_its_place(self) -> bool:
        # The state alone stays "stable" while Kafka is away.
        is_stable = self._consumer.group_metadata().state == MemberState.STABLE
        return is_stable and not self._consumer._coordinator.coordinator_unknown()  # noqa: SLF001

    def _update_pauses(self) -> bool:
        # Worked out anew each time, because a partition comes back from a rebalance unpaused.
        owned = self._consumer.assignment()
        full = self._inbox.full_partitions() & owned
        paused = self._consumer.paused()
        self._consumer.pause(*(full - paused))
        self._consumer.resume(*(paused - full))
        return bool(full)

    def _leave(self) -> None:
        self.is_member = False
        try:
            self._rebalancer.close()
            # Calls the listener for what is still owned, so this is the last commit as well.
            self._consumer.close(autocommit=False, timeout_ms=1000 * _CLOSE_TIMEOUT_S)
        except (KafkaError, RuntimeError) as error:
            log.warning("The consumer of %s did not close in order: %s", self._topics[0], error)
        finally:
            self._commits.close()
            self._inbox.fence({a.partition for a in self._inbox.assignments()})
            self.on_end()
