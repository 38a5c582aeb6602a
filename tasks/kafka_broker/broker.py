"""dramatiq on Kafka: the broker that actors are declared on.

Making one touches no network and starts no thread: clients come with the first `enqueue` or
`consume` of each process, so it may be built at import and before a fork. `enqueue` returns when
Kafka has the record on all in-sync replicas; delivery is at least once, in any order.
"""

import functools
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from dramatiq.middleware import Middleware

from .config import (
    QueueOptions,
    resolve,
)
from .consumer import KafkaQueueConsumer
from .consuming import CONNECT_TIMEOUT_S, open_consumer
from .dead_letter_queue import DeadLetterQueue, dead_letter_queues
from .delay_pump import DelayPump
from .delays import delay_queue
from .held_topics import HeldTopics
from .horizon import handled_until
from .inspect_queues import QueueLag, measure_lag
from .joining import drop, wait_until_done
from .middleware import OwnershipGuard
from .observer import BrokerObserver
from .sending import SendingBroker
from .status_topic import Report, StatusWriter, read_reports, status_topic_name
from .waiting import WaitingTasks
from .work_queue import WorkQueue
from .worker_status import WorkerStatus


class KafkaBroker(SendingBroker):
    """A dramatiq broker whose queues are Kafka topics.

    `client_options` are kafka-python's (security_protocol, sasl_*, ssl_*, ...): each client gets
    those it knows. `drain_timeout_s` is how long a partition that moves away waits for its running
    tasks, `put_back_delay_s` when a record that was put back is handed out again.
    """

    def __init__(  # noqa: PLR0913 - a broker's settings, all named
        self,
        *,
        bootstrap_servers: str | Sequence[str] = ("localhost:9092",),
        namespace: str = "",
        group_id: str = "dramatiq",
        num_partitions: int = 12,
        queues: Mapping[str, QueueOptions] | None = None,
        publish_timeout_s: float = 30.0,
        drain_timeout_s: float = 20.0,
        put_back_delay_s: float = 5.0,
        observer: BrokerObserver | None = None,
        middleware: list[Middleware] | None = None,
        **client_options: Any,
    ) -> None:
        status = WorkerStatus(write=self._write_status, assigned=self._assigned)
        super().__init__(
            middleware,
            own=[OwnershipGuard(stop_handing_out=self.stop_handing_out), status],
            bootstrap_servers=bootstrap_servers,
            client_options=client_options,
            publish_timeout_s=publish_timeout_s,
            observer=observer or BrokerObserver(),
            resolve=functools.partial(
                resolve, namespace=namespace, group_id=group_id, num_partitions=num_partitions
            ),
            queue_options=queues or {},
        )
        self.namespace = namespace
        self.group_id = group_id
        self._drain_timeout_s = drain_timeout_s
        self._put_back_delay_s = put_back_delay_s
        self._delay_group_id = f"{group_id}.{namespace}.delay" if namespace else f"{group_id}.delay"
        self._delay_pump = self._make_delay_pump()
        self._status_topic = status_topic_name(namespace=namespace, group_id=group_id)
        self._status = StatusWriter(
            self._clients, self._status_topic, publish=self._publisher.publish
        )
        self._consumers: dict[str, KafkaQueueConsumer] = {}
        self._held = HeldTopics()

    # Receiving

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 30_000
    ) -> KafkaQueueConsumer:
        """Join the queue's group and return its messages; `timeout` is in milliseconds."""
        queue = self._queue(queue_name)
        self._topics.ensure([queue], timeout_s=CONNECT_TIMEOUT_S)
        consumer = open_consumer(
            queue,
            self._clients,
            self._large_publisher,
            self._observer,
            prefetch=prefetch,
            timeout_s=timeout / 1000,
            put_back_delay_s=self._put_back_delay_s,
            drain_timeout_s=self._drain_timeout_s,
            held=self._held,
        )
        thread = threading.current_thread()
        if isinstance(getattr(thread, "work_queue", None), WorkQueue):
            consumer.feed(thread)
        self._consumers[queue_name] = consumer
        self._delay_pump.add(queue)
        return consumer

    def hold(self, topics: Collection[str]) -> None:
        """Begin no tasks of these topics (lanes) in this process, and of all others again.

        What runs may finish; idle workers take up what is let go within their `worker_timeout`.
        """
        self._held.replace(topics)

    def stop_handing_out(self) -> None:
        """Let no more tasks begin in this process; those that run may finish."""
        for consumer in list(self._consumers.values()):
            consumer.stop_handing_out()

    def close(self) -> None:
        """Leave the groups and send what is buffered."""
        for consumer in list(self._consumers.values()):
            consumer.close()
        self._consumers.clear()
        self._delay_pump.close()
        self._delay_pump = self._make_delay_pump()
        for publisher in (self._publisher, self._bulk_publisher, self._large_publisher):
            publisher.close()

    # Asking

    def is_consuming(self) -> bool:
        """True when every queue consumed here has its place in its group."""
        consumers = list(self._consumers.values())
        return bool(consumers) and all(consumer.is_member for consumer in consumers)

    def seconds_since_poll(self) -> float:
        """How long ago the slowest consumer here last asked Kafka for records; 0 without any.

        A rebalance with tasks to wait for takes `drain_timeout_s` at most; much more is a hang.
        """
        return max((c.seconds_since_poll for c in list(self._consumers.values())), default=0.0)

    def handled_until(self, queue_name: str, *, timeout_s: float = 10.0) -> datetime | None:
        """Return when the oldest record was published that is not done; None: all are done.

        Whatever was to come of an older record has come, or will not.
        """
        return handled_until(self._clients, self._queue(queue_name), timeout_s=timeout_s)

    def dead_letters(self, queue_name: str, *, timeout_s: float = 10.0) -> DeadLetterQueue:
        """Return the queue's dead letters, to look through, replay or discard."""
        queue = self._queue(queue_name)
        return dead_letter_queues(self._clients, [queue], timeout_s=timeout_s)[0]

    def waiting(self, queue_name: str, *, timeout_s: float = 10.0) -> WaitingTasks:
        """Return what waits in the queue, delayed or for a worker, to look through."""
        queue = self._queue(queue_name)
        delays = delay_queue(queue, self._delay_group_id)
        return WaitingTasks(self._clients, queue, delays, timeout_s=timeout_s)

    def lag(self, *, timeout_s: float = 10.0) -> list[QueueLag]:
        """Measure what is left in each declared queue."""
        return measure_lag(self._clients, self.queues.values(), timeout_s=timeout_s)

    def workers(self, *, timeout_s: float = 10.0) -> list[Report]:
        """Return what each living worker process last said of itself."""
        return read_reports(self._clients, self._status_topic, timeout_s=timeout_s)

    # Tests and operations

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until nothing is left of the queue on Kafka, delayed messages included.

        Raise QueueJoinTimeout after `timeout` milliseconds. A dead letter counts as done.
        """
        wait_until_done(
            self._clients,
            self._queue(queue_name),
            delay_group_id=self._delay_group_id,
            timeout_s=None if timeout is None else timeout / 1000,
        )

    def flush(self, queue_name: str) -> None:
        """Drop all messages of the queue that are not with a worker; dead letters stay."""
        queue = self._queue(queue_name)
        drop(self._clients, queue, delay_group_id=self._delay_group_id)
        self._delay_pump.discard_waiting(queue)
        if queue_name in self._consumers:
            self._consumers[queue_name].discard_waiting()

    def flush_all(self) -> None:
        """Drop all messages of all declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def _write_status(self, worker_id: str, state: Mapping[str, Any] | None) -> None:
        self._status.write(worker_id, state)

    def _assigned(self) -> set[tuple[str, int]]:
        return {place for c in list(self._consumers.values()) for place in c.partitions()}

    def _make_delay_pump(self) -> DelayPump:
        return DelayPump(
            self._clients, self._large_publisher, self._observer, group_id=self._delay_group_id
        )
