"""dramatiq on Kafka: the broker that actors are declared on.

Making one touches no network and starts no thread: clients come with the first `enqueue` or
`consume` of each process, so it may be built at import and before a fork. `enqueue` returns when
Kafka has the record on all in-sync replicas; delivery is at least once, in any order.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from dramatiq import Broker, Message
from dramatiq.errors import QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import Middleware, Retries, default_middleware

from tasks.kafka_broker import codec
from tasks.kafka_broker.backlog import Backlog
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.config import (
    MAX_DEAD_LETTER_BYTES,
    QueueConfig,
    QueueOptions,
    resolve,
)
from tasks.kafka_broker.consumer import KafkaQueueConsumer
from tasks.kafka_broker.dead_letters import DeadLetters
from tasks.kafka_broker.errors import DelayNotSupportedError, RetriesNotSupportedError
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import KeyOrder, LogOrder
from tasks.kafka_broker.middleware import DeadLetterOnFailure, OwnershipGuard
from tasks.kafka_broker.observer import BrokerObserver
from tasks.kafka_broker.poller import Poller
from tasks.kafka_broker.producer import Publisher
from tasks.kafka_broker.topics import Topics

_JOIN_INTERVAL_S = 0.1
_CONNECT_TIMEOUT_S = 30.0


class KafkaBroker(Broker):
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
        guard = OwnershipGuard(stop_handing_out=self.stop_handing_out)
        super().__init__([guard, *(_default_middleware() if middleware is None else middleware)])
        self.queues: dict[str, QueueConfig] = {}
        self._namespace = namespace
        self._group_id = group_id
        self._num_partitions = num_partitions
        self._queue_options = dict(queues or {})
        self._publish_timeout_s = publish_timeout_s
        self._drain_timeout_s = drain_timeout_s
        self._put_back_delay_s = put_back_delay_s
        self._observer = observer or BrokerObserver()
        if isinstance(bootstrap_servers, str):
            bootstrap_servers = bootstrap_servers.split(",")
        self._clients = Clients(bootstrap_servers, client_options)
        self._topics = Topics(self._clients)
        self._publisher = Publisher(
            self._clients, timeout_s=publish_timeout_s, observer=self._observer
        )
        self._dead_letter_publisher = Publisher(
            self._clients,
            timeout_s=publish_timeout_s,
            observer=self._observer,
            max_request_bytes=MAX_DEAD_LETTER_BYTES,
        )
        self._consumers: dict[str, KafkaQueueConsumer] = {}

    # Declaring

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; no network yet."""
        if queue_name in self.queues:
            return
        self.emit_before("declare_queue", queue_name)
        self.queues[queue_name] = resolve(
            self._queue_options.get(queue_name, QueueOptions()),
            queue_name,
            namespace=self._namespace,
            group_id=self._group_id,
            num_partitions=self._num_partitions,
        )
        self.emit_after("declare_queue", queue_name)

    def add_middleware(self, middleware: Middleware, **position: Any) -> None:
        """Add a middleware; RetriesNotSupportedError for dramatiq's Retries."""
        if isinstance(middleware, Retries):
            raise RetriesNotSupportedError("use DeadLetterOnFailure in place of dramatiq's Retries")
        super().add_middleware(middleware, **position)

    def ensure_topics(self) -> None:
        """Create the topics of all declared queues, or let them grow, as far as needed."""
        self._topics.ensure(self.queues.values(), timeout_s=self._publish_timeout_s)

    # Sending

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Return once Kafka has the message; raise ConnectionClosed or ConnectionFailed if not.

        The whole call takes `publish_timeout_s` at most. After an error the message may be on Kafka
        all the same.
        """
        if delay:
            raise DelayNotSupportedError(f"{message} cannot be delayed by {delay} ms")
        queue = self._queue(message.queue_name)
        deadline = time.monotonic() + self._publish_timeout_s
        self.emit_before("enqueue", message, delay)
        self._topics.ensure([queue], timeout_s=self._publish_timeout_s)
        self._publisher.publish(codec.encode(message, queue.topic), deadline=deadline)
        self.emit_after("enqueue", message, delay)
        return message

    # Receiving

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 30_000
    ) -> KafkaQueueConsumer:
        """Join the queue's group and return its messages; `timeout` is in milliseconds."""
        queue = self._queue(queue_name)
        self._topics.ensure([queue], timeout_s=_CONNECT_TIMEOUT_S)
        inbox = Inbox(
            lane_topics=queue.lane_topics,
            make_line=KeyOrder if queue.options.ordering == "key" else LogOrder,
            # What dramatiq has prefetched goes before any more urgent lane: no more than it needs.
            max_in_flight=max(1, prefetch // 2) if queue.options.lanes else prefetch,
            max_in_flight_per_partition=queue.options.max_in_flight_per_partition,
            put_back_delay_s=self._put_back_delay_s,
        )
        poller = Poller(
            self._clients.consumer(group_id=queue.group_id, bootstrap_timeout_s=_CONNECT_TIMEOUT_S),
            queue.lane_topics.values(),
            inbox,
            drain_timeout_s=self._drain_timeout_s,
            observer=self._observer,
        )
        poller.start()
        consumer = KafkaQueueConsumer(
            queue,
            inbox,
            poller,
            DeadLetters(queue, self._dead_letter_publisher, self._observer),
            timeout_s=timeout / 1000,
            observer=self._observer,
        )
        self._consumers[queue_name] = consumer
        return consumer

    def stop_handing_out(self) -> None:
        """Let no more tasks begin in this process; those that run may finish."""
        for consumer in list(self._consumers.values()):
            consumer.stop_handing_out()

    def close(self) -> None:
        """Leave the groups and send what is buffered."""
        for consumer in list(self._consumers.values()):
            consumer.close()
        self._consumers.clear()
        self._publisher.close()
        self._dead_letter_publisher.close()

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

    def is_reachable(self, timeout_s: float = 1.0) -> bool:
        """Ask Kafka for its metadata; False when it does not answer in time."""
        return self._publisher.is_reachable(timeout_s)

    # Tests and operations

    def join(self, queue_name: str, *, timeout: int | None = None) -> None:
        """Wait until the queue's group is done with all that is on Kafka now.

        Raise QueueJoinTimeout after `timeout` milliseconds. Every dead letter counts as done.
        """
        queue = self._queue(queue_name)
        deadline = None if timeout is None else time.monotonic() + timeout / 1000
        with Backlog(self._clients, queue) as backlog:
            while remaining := backlog.count_unfinished():
                if deadline is not None and time.monotonic() >= deadline:
                    left = f"{remaining} messages on queue {queue_name!r} are left"
                    raise QueueJoinTimeout(left)  # type: ignore[no-untyped-call]
                time.sleep(_JOIN_INTERVAL_S)

    def flush(self, queue_name: str) -> None:
        """Drop all messages of the queue that are not with a worker; dead letters stay."""
        queue = self._queue(queue_name)
        with Backlog(self._clients, queue) as backlog:
            backlog.drop()
        if queue_name in self._consumers:
            self._consumers[queue_name].discard_waiting()

    def flush_all(self) -> None:
        """Drop all messages of all declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def _queue(self, queue_name: str) -> QueueConfig:
        try:
            return self.queues[queue_name]
        except KeyError:
            raise QueueNotFound(queue_name) from None  # type: ignore[no-untyped-call]


def _default_middleware() -> list[Middleware]:
    return [DeadLetterOnFailure() if m is Retries else m() for m in default_middleware]
