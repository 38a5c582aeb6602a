"""What dramatiq's consumer thread iterates over: one queue's messages, ready to be run.

`__next__` belongs to that thread; `ack` and `nack` come from workers and touch nothing of Kafka's
consumer: they mark an offset, and the `Poller` commits. A record that cannot be decoded never
reaches dramatiq, which would read it again forever.
"""

import functools
import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from dramatiq import Consumer, MessageProxy
from dramatiq.errors import BrokerConnectionError

from . import codec
from .addressing import due_ms
from .config import QueueConfig
from .dead_letters import DeadLetters, readable_reason
from .delays import delayed
from .delivery import Delivery
from .errors import DecodeError, RejectedError, connection_closed
from .inbox import Inbox
from .message import KafkaMessage
from .observer import BrokerObserver
from .poller import Poller
from .producer import Publisher

log = logging.getLogger(__name__)

_STOPPING_TICK_S = 0.1


class KafkaQueueConsumer(Consumer):
    """The messages of one queue."""

    def __init__(  # noqa: PLR0913 - where its parts meet
        self,
        queue: QueueConfig,
        inbox: Inbox,
        poller: Poller,
        dead_letters: DeadLetters,
        publisher: Publisher,
        *,
        timeout_s: float,
        observer: BrokerObserver,
    ) -> None:
        self._queue = queue
        self._inbox = inbox
        self._poller = poller
        self._dead_letters = dead_letters
        self._publisher = publisher
        self._timeout_s = timeout_s
        self._observer = observer
        self._fed_thread: Any = None
        self._is_feeding = False
        #: Set when dramatiq's consumer thread should look at us.
        self._woken = threading.Event()
        poller.on_end = self._woken.set
        poller.on_look_around = self._carry_forward

    def __next__(self) -> KafkaMessage | None:
        """Return a message, or None when none may go within the timeout; never raise for a record.

        Raise ConnectionClosed when reading from Kafka ended: dramatiq then makes a new consumer.
        Always None for a worker whose threads take their messages themselves.
        """
        delivery = None
        if self._fed_thread is None:
            delivery = self._inbox.take(self._timeout_s)
        else:
            self._idle()
        if self._poller.error is not None:
            raise connection_closed(f"reading from {self._queue.topic}", self._poller.error)
        return self._open(delivery) if delivery is not None else None

    def feed(self, thread: Any) -> None:
        """Let the threads of a worker take the messages out of the inbox themselves.

        `thread` is dramatiq's consumer thread, which holds the worker's queue.
        """
        self._fed_thread = thread

    def take(self) -> KafkaMessage | None:
        """Return a message that may run now, if there is one; for a fed worker's threads."""
        while (delivery := self._inbox.take(0)) is not None:
            message = self._open(delivery)
            if message is None:
                continue
            if message.actor_name in self._fed_thread.broker.actors:
                return message
            # Knows what to do with a message of an actor that is not here.
            self._fed_thread.handle_message(message)
        return None

    def _idle(self) -> None:
        if not self._is_feeding:
            # Not before: an acknowledgement goes through the thread, which only now knows of us.
            self._is_feeding = True
            self._inbox.on_added = self._fed_thread.work_queue.wake
            self._fed_thread.work_queue.add_source(self)
        self._fed_thread.work_queue.replace_dead_threads()
        if self._woken.wait(self._timeout_s):
            # The caller comes back at once to see whether it may go: do not spin.
            time.sleep(_STOPPING_TICK_S)

    @property
    def wakes_at(self) -> float | None:
        """When a message becomes ready by time alone (monotonic seconds)."""
        return self._inbox.wakes_at

    # dramatiq gives back what `__next__` returned, and nothing else.
    def ack(self, message: KafkaMessage) -> None:  # type: ignore[override]
        """Mark the record done, unless its task put it back or nobody knows how it ended."""
        if message.is_put_back or message.is_under_way:
            self._put_back(message.delivery)
        else:
            self._send_rest(message)
            self._finish(message.delivery)

    def nack(self, message: KafkaMessage) -> None:  # type: ignore[override]
        """Write the record to the dead-letter topic, and only then mark it done.

        Raise ConnectionClosed when that failed: dramatiq tries again until it succeeds.
        """
        self._send_rest(message)
        # Of a record that went to another owner he decides: he has it again.
        if message.is_owned:
            retries = message.options.get("retries")
            message.letter_id = self._dead_letters.write(
                message.record,
                message.error or RejectedError("a middleware rejected the message"),
                message_id=message.message_id,
                attempts=retries + 1 if isinstance(retries, int) else None,
            )
        self._finish(message.delivery)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Do nothing: what is not committed is read again by the partition's next owner."""

    def close(self) -> None:
        """Commit what is done and leave the group."""
        if self._is_feeding:
            self._fed_thread.work_queue.remove_source(self)
        self._poller.close()

    def stop_handing_out(self) -> None:
        """Hand out nothing more; what runs may finish, and the group is not left yet."""
        self._inbox.stop()
        self._woken.set()

    def discard_waiting(self) -> int:
        """Drop what was read and not handed out yet."""
        return self._inbox.discard_waiting(self._queue.lane_topics.values())

    def partitions(self) -> set[tuple[str, int]]:
        """Return the topics and partitions that this process owns now."""
        return {(a.partition.topic, a.partition.partition) for a in self._inbox.assignments()}

    @property
    def is_member(self) -> bool:
        """True while it has its place in the group, with or without partitions."""
        return self._poller.is_member and self._poller.error is None

    @property
    def seconds_since_poll(self) -> float:
        """How long ago Kafka was last asked for records."""
        return time.monotonic() - self._poller.polled_at

    def _open(self, delivery: Delivery) -> KafkaMessage | None:
        record = delivery.record
        self._observer.on_delivered(record.topic, record.partition)
        try:
            message = codec.decode(
                record,
                queue_name=self._queue.name,
                default_actor=self._queue.options.default_actor,
            )
        except DecodeError as error:
            self._reject(delivery, error)
            return None
        eta = message.options.pop("eta", None)
        until_ms = due_ms(eta)
        if until_ms is not None and until_ms > time.time() * 1000:
            self._delay(delivery, until_ms)
            return None
        if until_ms is None and eta is not None:
            log.warning("Invalid eta value for message %r: %r.", message.message_id, eta)
        return KafkaMessage(message, delivery)

    def _delay(self, delivery: Delivery, until_ms: int) -> None:
        """Send a record away that says it may not run yet; dramatiq would hold it in memory."""
        record = delivery.record
        kept = [(name, value or b"") for name, value in record.headers]
        out = codec.OutgoingRecord(record.topic, record.key, record.value, kept)
        now_ms = int(time.time() * 1000)
        try:
            self._publisher.publish(
                delayed(out, delay_topic=self._queue.delay_topic, until_ms=until_ms, now_ms=now_ms)
            )
        except BrokerConnectionError as broken:
            log.warning("A message could not be delayed and will be tried again: %s", broken)
            self._put_back(delivery)
        else:
            self._finish(delivery)

    def _send_rest(self, message: KafkaMessage) -> None:
        # Raising ConnectionClosed makes dramatiq try again, so nothing that a task's end was to
        # send is lost with the acknowledgement.
        while message.unsent:
            self._publisher.publish(message.unsent[0])
            message.unsent.pop(0)

    def _carry_forward(self) -> None:
        """Send the records of tasks that run for long to the end of their partitions."""
        for delivery in self._inbox.to_carry():
            log.info("Carrying a running task forward from offset %d.", delivery.offset)
            copy = codec.carry(delivery.record, delivery.offset)
            self._publisher.publish_later(copy, functools.partial(self._carried, delivery))

    def _carried(self, delivery: Delivery, error: Exception | None) -> None:
        self._inbox.carried(delivery, is_safe=error is None)

    def _reject(self, delivery: Delivery, error: DecodeError) -> None:
        record = delivery.record
        log.warning("Record %s is no task: %s", codec.record_id(record), readable_reason(error))
        try:
            self._dead_letters.write(record, error, message_id=codec.record_id(record))
        except BrokerConnectionError as broken:
            log.warning("A dead letter could not be written and will be tried again: %s", broken)
            self._put_back(delivery)
        else:
            self._finish(delivery)

    # A delivery ends in its own inbox: dramatiq gives a message to the queue's present consumer,
    # which may not be the one that it came from.

    def _finish(self, delivery: Delivery) -> None:
        if delivery.inbox.finish(delivery):
            record, duration_s = delivery.record, time.monotonic() - delivery.taken_at
            self._observer.on_finished(record.topic, record.partition, duration_s)

    def _put_back(self, delivery: Delivery) -> None:
        delivery.inbox.put_back(delivery)
        self._observer.on_put_back(delivery.record.topic, delivery.record.partition)
