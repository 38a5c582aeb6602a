"""Moves delayed records on when their time has come: one thread in each process that consumes.

The pumps of all processes share a consumer group, so each tier has one owner at a time, and any
process may die. A record is done in its tier once Kafka has it in the next place: a crash between
the two repeats it, and never loses it.
"""

import logging
import threading
import time

from dramatiq.errors import BrokerConnectionError

from . import delays
from .clients import Clients
from .codec import record_id
from .config import NORMAL, QueueConfig
from .dead_letters import DeadLetters
from .delivery import Delivery
from .errors import DecodeError, RecordTooLargeError
from .inbox import Inbox
from .lines import DueOrder
from .observer import BrokerObserver
from .poller import Poller
from .producer import Publisher

log = logging.getLogger(__name__)

#: Records sent on and not acknowledged yet.
_MAX_IN_FLIGHT = 500
_TICK_S = 0.5
_RETRY_S = 1.0
_CONNECT_TIMEOUT_S = 30.0
_RECONNECT_S = 3.0
_CLOSE_TIMEOUT_S = 10.0

#: Little is fetched ahead: what is not due yet only takes up room.
_CLIENT_OPTIONS = {"max_partition_fetch_bytes": 32 * 1024}
_BUFFER_RECORDS = 100


class DelayPump:
    """Sends the delayed messages of some queues on their way."""

    def __init__(
        self, clients: Clients, publisher: Publisher, observer: BrokerObserver, *, group_id: str
    ) -> None:
        self._clients = clients
        self._publisher = publisher
        self._group_id = group_id
        self._observer = observer
        #: By delay topic: whose it is, and where its undeliverable records go.
        self._queues: dict[str, QueueConfig] = {}
        self._dead_letters: dict[str, DeadLetters] = {}
        self._poller: Poller | None = None
        self._inbox: Inbox | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-delays", daemon=True)
        #: Each queue is added by its consumer's thread, and they begin at once.
        self._adding = threading.Lock()

    def add(self, queue: QueueConfig) -> None:
        """See to one more queue; the first one starts the thread."""
        with self._adding:
            if queue.delay_topic in self._queues:
                return
            letters = DeadLetters(queue, self._publisher, self._observer)
            self._dead_letters[queue.delay_topic] = letters
            self._queues[queue.delay_topic] = queue
            if (poller := self._poller) is not None:
                poller.read(list(self._queues))
            if self._thread.ident is None:
                self._thread.start()

    def discard_waiting(self, queue: QueueConfig) -> None:
        """Drop what was read of a queue and is not due yet."""
        if (inbox := self._inbox) is not None:
            inbox.discard_waiting([queue.delay_topic])

    def close(self) -> None:
        """Commit what was sent on and leave the group."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(2 * _CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._pump()
            except BrokerConnectionError as error:
                log.warning("Delayed messages wait for Kafka: %s", error)
            except Exception:
                # The outermost edge of this thread: without it nothing delayed would ever run.
                log.exception("Moving delayed messages failed.")
            self._closing.wait(_RECONNECT_S)

    def _pump(self) -> None:
        inbox = Inbox(
            lane_topics={NORMAL: ""},
            make_line=lambda: DueOrder(delays.release_at),
            max_in_flight=_MAX_IN_FLIGHT,
            put_back_delay_s=_RETRY_S,
            buffer_records=_BUFFER_RECORDS,
        )
        consumer = self._clients.consumer(
            group_id=self._group_id, bootstrap_timeout_s=_CONNECT_TIMEOUT_S, **_CLIENT_OPTIONS
        )
        poller = Poller(
            consumer,
            list(self._queues),
            inbox,
            drain_timeout_s=_CLOSE_TIMEOUT_S,
            observer=BrokerObserver(),
        )
        self._poller, self._inbox = poller, inbox
        # Once more: a queue that was added in between saw no poller.
        poller.read(list(self._queues))
        poller.start()
        try:
            while not self._closing.is_set() and poller.error is None:
                delivery = inbox.take(_TICK_S)
                if delivery is not None:
                    self._send_on(delivery)
        finally:
            self._poller = self._inbox = None
            # Waits for what is under way, so that a stop in good order repeats nothing.
            poller.close()
        if poller.error is not None:
            log.warning("Reading delayed messages begins anew.")

    def _send_on(self, delivery: Delivery) -> None:
        # So that a partition that goes waits for what is under way.
        if not delivery.inbox.begin(delivery):
            return
        record = delivery.record
        try:
            out = delays.onward(
                record, queue=self._queues[record.topic], now_ms=int(time.time() * 1000)
            )
        except DecodeError as error:
            self._give_up(delivery, error)
            return

        def sent(error: Exception | None) -> None:
            if error is None:
                delivery.inbox.finish(delivery)
            elif isinstance(error, RecordTooLargeError):
                # On a thread of its own: this one must not wait for itself.
                threading.Thread(target=self._give_up, args=[delivery, error], daemon=True).start()
            else:
                log.warning("A delayed message could not go on and will be tried again: %s", error)
                delivery.inbox.put_back(delivery)

        self._publisher.publish_later(out, sent)

    def _give_up(self, delivery: Delivery, error: Exception) -> None:
        record = delivery.record
        log.warning("Delayed record %s cannot go on: %s", record_id(record), error)
        try:
            self._dead_letters[record.topic].write(record, error, message_id=record_id(record))
        except BrokerConnectionError as broken:
            log.warning("A dead letter could not be written and will be tried again: %s", broken)
            delivery.inbox.put_back(delivery)
        else:
            delivery.inbox.finish(delivery)
