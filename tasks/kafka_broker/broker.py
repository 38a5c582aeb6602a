"""dramatiq on Kafka: the broker that actors are declared on.

Making one touches no network and starts no thread: clients come with the first `enqueue` or
`consume` of each process, so it may be built at import and before a fork. `enqueue` returns when
Kafka has the record on all in-sync replicas; delivery is at least once, in any order.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dramatiq
from dramatiq import Message
from dramatiq.errors import BrokerConnectionError, QueueNotFound
from dramatiq.middleware import Middleware, default_middleware

from tasks.kafka_broker.addressing import address
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.config import (
    MAX_DEAD_LETTER_BYTES,
    QueueConfig,
    QueueOptions,
    resolve,
)
from tasks.kafka_broker.consumer import KafkaQueueConsumer
from tasks.kafka_broker.consuming import CONNECT_TIMEOUT_S, open_consumer
from tasks.kafka_broker.delay_pump import DelayPump
from tasks.kafka_broker.errors import PartlyEnqueuedError
from tasks.kafka_broker.joining import drop, wait_until_done
from tasks.kafka_broker.middleware import OwnershipGuard
from tasks.kafka_broker.observer import BrokerObserver
from tasks.kafka_broker.producer import Publisher
from tasks.kafka_broker.retries import Retries
from tasks.kafka_broker.signals import SignallingBroker
from tasks.kafka_broker.topics import Topics
from tasks.kafka_broker.work_queue import WorkQueue


class KafkaBroker(SignallingBroker):
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
        self._large_publisher = Publisher(
            self._clients,
            timeout_s=publish_timeout_s,
            observer=self._observer,
            max_request_bytes=MAX_DEAD_LETTER_BYTES,
        )
        self._delay_group_id = f"{group_id}.{namespace}.delay" if namespace else f"{group_id}.delay"
        self._delay_pump = self._make_delay_pump()
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
        """Add a middleware; dramatiq's own Retries is replaced by ours with the same options."""
        if type(middleware) is dramatiq.middleware.Retries:
            middleware = Retries.like(middleware)
        super().add_middleware(middleware, **position)

    def ensure_topics(self) -> None:
        """Create the topics of all declared queues, or let them grow, as far as needed."""
        self._topics.ensure(self.queues.values(), timeout_s=self._publish_timeout_s)

    # Sending

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Return once Kafka has the message; `delay` is in milliseconds.

        Raise ConnectionClosed or ConnectionFailed if not; the whole call takes `publish_timeout_s`
        at most. After an error the message may be on Kafka all the same.
        """
        deadline = time.monotonic() + self._publish_timeout_s
        self.emit_before("enqueue", message, delay)
        outgoing = self._outgoing(message, delay)
        try:
            self._publisher_of(delay).publish(outgoing, deadline=deadline)
        except BrokerConnectionError:
            ending = self.message_being_ended
            if ending is None:
                raise
            self.logger.warning("Message %r is sent later.", message.message_id, exc_info=True)
            ending.unsent.append(outgoing)
        self.emit_after("enqueue", message, delay)
        return message

    def enqueue_many(
        self, messages: Iterable[Message[Any]], *, delay: int | None = None
    ) -> list[Message[Any]]:
        """Return once Kafka has all messages: one wait instead of one for each.

        Raise PartlyEnqueuedError with those that Kafka did not acknowledge in time.
        """
        messages = list(messages)
        deadline = time.monotonic() + self._publish_timeout_s

        def outgoing() -> Iterator[OutgoingRecord]:
            for message in messages:
                self.emit_before("enqueue", message, delay)
                yield self._outgoing(message, delay)

        failed = self._publisher_of(delay).publish_many(outgoing(), deadline=deadline)
        for place, message in enumerate(messages):
            if place not in failed:
                self.emit_after("enqueue", message, delay)
        if failed:
            left = [messages[place] for place in sorted(failed)]
            raise PartlyEnqueuedError(left, len(messages), failed[min(failed)])
        return messages

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
        )
        thread = threading.current_thread()
        if isinstance(getattr(thread, "work_queue", None), WorkQueue):
            consumer.feed(thread)
        self._consumers[queue_name] = consumer
        self._delay_pump.add(queue)
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
        self._delay_pump.close()
        self._delay_pump = self._make_delay_pump()
        self._publisher.close()
        self._large_publisher.close()

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
        drop(self._clients, self._queue(queue_name), delay_group_id=self._delay_group_id)
        if queue_name in self._consumers:
            self._consumers[queue_name].discard_waiting()

    def flush_all(self) -> None:
        """Drop all messages of all declared queues."""
        for queue_name in self.queues:
            self.flush(queue_name)

    def _outgoing(self, message: Message[Any], delay: int | None) -> OutgoingRecord:
        queue = self._queue(message.queue_name)
        self._topics.ensure([queue], timeout_s=self._publish_timeout_s)
        return address(message, queue, self.actors.get(message.actor_name), delay_ms=delay)

    def _publisher_of(self, delay: int | None) -> Publisher:
        # A delayed record is larger by its headers than the largest that its topic takes.
        return self._large_publisher if delay else self._publisher

    def _make_delay_pump(self) -> DelayPump:
        return DelayPump(
            self._clients, self._large_publisher, self._observer, group_id=self._delay_group_id
        )

    def _queue(self, queue_name: str) -> QueueConfig:
        try:
            return self.queues[queue_name]
        except KeyError:
            raise QueueNotFound(queue_name) from None  # type: ignore[no-untyped-call]


def _default_middleware() -> list[Middleware]:
    return [kind() for kind in default_middleware]
