"""The queue as the service's dashboard asks about it: what is left, who works, which lanes pause.

For gevent web processes: each question to Kafka makes its own short-lived clients, at most one of a
kind is under way in a process, and an answer holds for `HOLDS_S`. A Kafka that does not answer is
an answer too: None, within a second or two.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from dramatiq.errors import BrokerConnectionError
from pymongo.database import Database

from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.control import Control

T = TypeVar("T")

HOLDS_S = 2.0
_TIMEOUT_S = 1.0


class PartitionLag(NamedTuple):
    """What is left of a partition."""

    topic: str
    partition: int
    lag: int


class DeadLetterCounts(NamedTuple):
    """Dead letters on Kafka, and those of them that nobody dealt with."""

    total: int
    unhandled: int


class QueueState:
    """One per process; safe for concurrent calls. None: Kafka does not answer."""

    def __init__(self, broker: KafkaBroker, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._queues = _Kept(lambda: broker.lag(timeout_s=_TIMEOUT_S), clock)
        self._workers = _Kept(lambda: broker.workers(timeout_s=_TIMEOUT_S), clock)

    def lag(self) -> list[PartitionLag] | None:
        """Return what is left of each partition of each lane."""
        queues = self._queues.get()
        if queues is None:
            return None
        partitions = [partition for queue in queues for partition in queue.partitions]
        return [PartitionLag(one.topic, one.partition, one.unfinished) for one in partitions]

    def dead_letters(self) -> DeadLetterCounts | None:
        """Count the dead letters of all queues."""
        queues = self._queues.get()
        if queues is None:
            return None
        # Queues may share a topic.
        counts = {queue.dead_letter_topic: queue.dead_letters for queue in queues}.values()
        return DeadLetterCounts(sum(c.total for c in counts), sum(c.unhandled for c in counts))

    def workers(self) -> list[dict[str, Any]] | None:
        """Return what each living worker last said of itself, and how long ago (`age_s`)."""
        reports = self._workers.get()
        if reports is None:
            return None
        return [{**asdict(report.state), "age_s": report.age_s} for report in reports]


@dataclass(frozen=True)
class LaneState:
    """A lane and whether it is paused; who changed that last, why and when."""

    name: str
    topic: str
    is_paused: bool
    by: str
    reason: str
    at: datetime | None


class Lanes:
    """The lanes of one queue, for all workers; one per process, safe for concurrent calls."""

    def __init__(self, broker: KafkaBroker, database: Database[Any], queue_name: str) -> None:
        self._control = Control(broker, database)
        self._queue_name = queue_name

    def all(self) -> list[LaneState]:
        """Return every lane, the most urgent first."""
        return [
            LaneState(lane.name, lane.topic, lane.is_paused, lane.by, lane.reason, lane.at)
            for lane in self._control.lanes()
            if lane.queue == self._queue_name
        ]

    def pause(self, name: str, operator: str, reason: str) -> bool:
        """Let no more tasks of a lane begin; False when it was paused. KeyError: no such lane."""
        return not self._control.pause(self._queue_name, name, by=operator, reason=reason)

    def unpause(self, name: str, operator: str, reason: str) -> bool:
        """Let it go on; False when it was not paused. KeyError: no such lane."""
        return not self._control.unpause(self._queue_name, name, by=operator, reason=reason)


class _Kept(Generic[T]):
    """An answer that holds for a while; who asks while it is being fetched waits for the same."""

    def __init__(self, ask: Callable[[], T], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._holds_until = float("-inf")

    def get(self) -> T | None:
        with self._lock:
            if self._clock() >= self._holds_until:
                try:
                    self._answer = self._ask()
                except BrokerConnectionError:
                    self._answer = None
                # From when it came: a Kafka that is slow to fail is not asked without a pause.
                self._holds_until = self._clock() + HOLDS_S
            return self._answer
