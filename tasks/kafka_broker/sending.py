"""The sending half of the broker: queues, their topics, and `enqueue`.

Needed wherever tasks are sent from, a web process as well as a worker, and all that is used there.
Making one touches no network: the producer comes with the first `enqueue` of each process.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dramatiq
from dramatiq import Message
from dramatiq.errors import BrokerConnectionError, QueueNotFound
from dramatiq.middleware import Middleware, TimeLimit

from .addressing import address, due_after
from .clients import Clients
from .codec import OutgoingRecord
from .config import MAX_DEAD_LETTER_BYTES, QueueConfig, QueueOptions
from .errors import PartlyEnqueuedError
from .message import KafkaMessage
from .observer import BrokerObserver
from .producer import Publisher
from .retries import Retries
from .signals import SignallingBroker
from .topics import Topics
from .yielding_lock import YieldingLock

#: Of many messages none waits alone, and full batches are what makes them quick.
_BULK_LINGER_MS = 5


class SendingBroker(SignallingBroker):
    """A broker that sends; `resolve` turns a queue's options and name into its configuration."""

    def __init__(  # noqa: PLR0913 - what KafkaBroker's settings come down to
        self,
        middleware: list[Middleware] | None,
        *,
        own: list[Middleware],
        bootstrap_servers: str | Sequence[str],
        client_options: Mapping[str, Any],
        publish_timeout_s: float,
        observer: BrokerObserver,
        resolve: Callable[[QueueOptions, str], QueueConfig],
        queue_options: Mapping[str, QueueOptions],
    ) -> None:
        super().__init__(middleware, own=own)
        self.queues: dict[str, QueueConfig] = {}
        self._resolve = resolve
        self._queue_options = dict(queue_options)
        self._publish_timeout_s = publish_timeout_s
        self._observer = observer
        if isinstance(bootstrap_servers, str):
            bootstrap_servers = bootstrap_servers.split(",")
        self._clients = Clients(bootstrap_servers, client_options)
        self._topics = Topics(self._clients)
        self._publisher = Publisher(self._clients, timeout_s=publish_timeout_s, observer=observer)
        self._bulk_publisher = Publisher(
            self._clients, timeout_s=publish_timeout_s, observer=observer, linger_ms=_BULK_LINGER_MS
        )
        #: For what is larger than its topic takes: dead letters and delayed messages, by headers.
        self._large_publisher = Publisher(
            self._clients,
            timeout_s=publish_timeout_s,
            observer=observer,
            max_request_bytes=MAX_DEAD_LETTER_BYTES,
        )

    # Declaring

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; no network yet."""
        if queue_name in self.queues:
            return
        self.emit_before("declare_queue", queue_name)
        options = self._queue_options.get(queue_name, QueueOptions())
        self.queues[queue_name] = self._resolve(options, queue_name)
        self.emit_after("declare_queue", queue_name)

    def add_middleware(self, middleware: Middleware, **position: Any) -> None:
        """Add a middleware; dramatiq's own Retries is replaced by ours with the same options."""
        if type(middleware) is dramatiq.middleware.Retries:
            middleware = Retries.like(middleware)
        if isinstance(middleware, TimeLimit) and hasattr(middleware.manager, "mu"):
            # Taken twice for each task, by every thread.
            middleware.manager.mu = YieldingLock()
        super().add_middleware(middleware, **position)

    def ensure_topics(self) -> None:
        """Create the topics of all declared queues, or let them grow, as far as needed."""
        self._topics.ensure(self.queues.values(), timeout_s=self._publish_timeout_s)

    # Sending

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Return once Kafka has the message; `delay` is in milliseconds, its end the option `eta`.

        Raise ConnectionClosed or ConnectionFailed if not; the whole call takes `publish_timeout_s`
        at most. After an error the message may be on Kafka all the same.
        """
        deadline = time.monotonic() + self._publish_timeout_s
        message = due_after(message, delay)
        self.emit_before("enqueue", message, delay)
        outgoing = self._outgoing(message)
        try:
            publisher = self._large_publisher if delay else self._publisher
            publisher.publish(outgoing, deadline=deadline)
        except BrokerConnectionError:
            ending = self.message_being_ended
            if ending is None:
                raise
            self.logger.warning("Message %r is sent later.", message.message_id, exc_info=True)
            ending.unsent.append(outgoing)
        if isinstance(message, KafkaMessage):
            self._observer.on_retry(message.record.topic, delay or 0)
        self.emit_after("enqueue", message, delay)
        return message

    def enqueue_many(
        self, messages: Iterable[Message[Any]], *, delay: int | None = None
    ) -> list[Message[Any]]:
        """Return once Kafka has all messages: one wait instead of one for each.

        Raise PartlyEnqueuedError with those that Kafka did not acknowledge in time.
        """
        messages = [due_after(message, delay) for message in messages]
        deadline = time.monotonic() + self._publish_timeout_s

        def outgoing() -> Iterator[OutgoingRecord]:
            for message in messages:
                self.emit_before("enqueue", message, delay)
                yield self._outgoing(message)

        publisher = self._large_publisher if delay else self._bulk_publisher
        failed = publisher.publish_many(outgoing(), deadline=deadline)
        for place, message in enumerate(messages):
            if place not in failed:
                self.emit_after("enqueue", message, delay)
        if failed:
            left = [messages[place] for place in sorted(failed)]
            raise PartlyEnqueuedError(left, len(messages), failed[min(failed)])
        return messages

    def is_reachable(self, timeout_s: float = 1.0) -> bool:
        """Ask Kafka for its metadata; False when it does not answer in time."""
        return self._publisher.is_reachable(timeout_s)

    def _outgoing(self, message: Message[Any]) -> OutgoingRecord:
        queue = self._queue(message.queue_name)
        self._topics.ensure([queue], timeout_s=self._publish_timeout_s)
        return address(message, queue, self.actors.get(message.actor_name))

    def _queue(self, queue_name: str) -> QueueConfig:
        try:
            return self.queues[queue_name]
        except KeyError:
            raise QueueNotFound(queue_name) from None  # type: ignore[no-untyped-call]
