"""The way from a queue's inbox to dramatiq's worker threads, without a stop in between.

dramatiq moves each message through a thread of its own and a sorted queue: two changes of threads
and a third of the processor time that a small task costs. A worker whose broker is ours gets this
queue instead, and each of its threads takes its next message out of the inbox itself. dramatiq's
consumer thread stays for what else it does: it opens, closes and reopens the consumer.
"""

import heapq
import itertools
import logging
import threading
import time
from queue import Empty, PriorityQueue
from typing import Any, Protocol

from dramatiq import Worker

from .message import KafkaMessage
from .yielding_lock import YieldingCondition, YieldingLock

log = logging.getLogger(__name__)


class Source(Protocol):
    """What messages come from: the consumer of one queue."""

    def take(self) -> KafkaMessage | None:
        """Return a message that may run now, if there is one."""

    @property
    def wakes_at(self) -> float | None:
        """When one becomes ready by time alone (monotonic seconds)."""


class Item:
    """What dramatiq's worker thread takes from its queue."""

    __slots__ = ("message",)

    def __init__(self, message: KafkaMessage) -> None:
        self.message = message


class WorkQueue(PriorityQueue[Any]):
    """A dramatiq worker's queue that is filled by being asked."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.mutex = YieldingLock()  # type: ignore[assignment] # quacks like one
        self.all_tasks_done = YieldingCondition(self.mutex)  # type: ignore[arg-type] # the same
        self._worker = worker
        self._broker = worker.broker
        self._prefetch = worker.queue_prefetch
        self._sources: list[Source] = []
        self._turn = 0
        self._woken = YieldingCondition()
        #: Grows with each wake-up, so that none is missed between a look and a wait.
        self._wakes = 0
        #: Only used when actors differ in priority, which dramatiq keeps among what it prefetched.
        self._by_priority: list[tuple[int, int, KafkaMessage]] = []
        self._arrivals = itertools.count()
        self._actor_count = 0
        self._is_mixed = False

    def add_source(self, source: Source) -> None:
        """Serve one more queue."""
        self._sources = [*self._sources, source]
        self.wake()

    def remove_source(self, source: Source) -> None:
        """Serve it no longer."""
        self._sources = [one for one in self._sources if one is not source]

    def wake(self, count: int = 1) -> None:
        """Let as many waiting threads look again."""
        with self._woken:
            self._wakes += 1
            self._woken.notify(count)

    def replace_dead_threads(self) -> None:
        """Start a thread for each that died, or a worker without any would look healthy.

        dramatiq's threads die of a TimeLimitExceeded or Shutdown that comes between a task's
        exception and the middleware that hears of it.
        """
        with self.mutex:
            for thread in list(self._worker.workers):
                if thread.running and not thread.is_alive():
                    log.error("The worker thread %s died and is replaced.", thread.name)
                    self._worker.workers.remove(thread)
                    self._worker._add_worker()  # noqa: SLF001 - the worker has no public way

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """Return the next message; Empty when none came within `timeout` seconds."""
        if not block:
            # dramatiq asks so for what it must give back at its end: nothing, all is in the inbox.
            raise Empty
        deadline = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        while True:
            wakes = self._wakes
            message = self._take()
            if message is not None:
                with self.mutex:
                    self.unfinished_tasks += 1
                return Item(message)
            self._wait(wakes, deadline)

    def _wait(self, wakes: int, deadline: float) -> None:
        now = time.monotonic()
        if now >= deadline:
            raise Empty
        until = min([deadline, *(at for s in self._sources if (at := s.wakes_at) is not None)])
        with self._woken:
            if self._wakes == wakes:
                self._woken.wait(max(until - now, 0.001))

    def _take(self) -> KafkaMessage | None:
        if self._has_priorities():
            return self._take_by_priority()
        sources = self._sources
        self._turn += 1
        for place in range(len(sources)):
            message = sources[(self._turn + place) % len(sources)].take()
            if message is not None:
                return message
        return None

    def _has_priorities(self) -> bool:
        actors = self._broker.actors
        if len(actors) != self._actor_count:
            self._actor_count = len(actors)
            self._is_mixed = len({actor.priority for actor in actors.values()}) > 1
        return self._is_mixed

    def _take_by_priority(self) -> KafkaMessage | None:
        with self._woken:
            for source in self._sources:
                while len(self._by_priority) < self._prefetch and (message := source.take()):
                    priority = self._broker.actors[message.actor_name].priority
                    heapq.heappush(self._by_priority, (priority, next(self._arrivals), message))
            return heapq.heappop(self._by_priority)[2] if self._by_priority else None
