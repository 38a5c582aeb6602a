"""Publish records and wait until Kafka has them on all in-sync replicas.

One producer per process, made when first needed and shared by all threads (or greenlets), so that
records published at the same time share batches. A client made before a fork has no threads in the
child and would hang there, so the process id is checked on each use.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from dramatiq.errors import ConnectionFailed
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from .clients import Clients
from .codec import OutgoingRecord
from .errors import (
    RecordTooLargeError,
    connection_closed,
    connection_failed,
    describe,
)
from .observer import BrokerObserver

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 10

#: kafka-python 3 buffers without a bound, so whoever sends many waits for the first of them.
_MAX_UNDER_WAY = 10_000

#: Producers inherited from the parent of a fork. Closing one, which its `__del__` does, would wait
#: for threads that are not there; so they are kept for good.
_inherited: list[Any] = []


class Publisher:
    """Sends records, each call bounded by `timeout_s` in total.

    A record above `max_request_bytes` (by default 1 MiB, as Kafka's own limit) is refused before it
    is sent. A lone record waits `linger_ms` for others to share its request.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        timeout_s: float,
        observer: BrokerObserver,
        max_request_bytes: int | None = None,
        linger_ms: int = 0,
    ) -> None:
        self._clients = clients
        self._timeout_s = timeout_s
        self._observer = observer
        self._max_request_bytes = max_request_bytes
        self._linger_ms = linger_ms
        self._producer: Any = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def publish(self, record: OutgoingRecord, *, deadline: float | None = None) -> str | None:
        """Return its place, `partition:offset`, once Kafka acknowledged (None: it did not say).

        Raise dramatiq's BrokerConnectionError when it did not acknowledge. After that the record
        may or may not be on Kafka; after RecordTooLargeError it is not.
        """
        batch = self._batch(deadline)
        batch.send(0, record)
        if failed := batch.wait():
            raise failed[0]
        return batch.last_place

    def publish_many(
        self, records: Iterable[OutgoingRecord], *, deadline: float | None = None
    ) -> dict[int, Exception]:
        """Return when all are acknowledged or given up; the errors by the record's place."""
        batch = self._batch(deadline)
        for place, record in enumerate(records):
            batch.send(place, record)
        return batch.wait()

    def publish_later(
        self, record: OutgoingRecord, then: Callable[[Exception | None], None]
    ) -> None:
        """Send without waiting; `then` hears of the end on the producer's thread, or at once."""
        started_at = time.monotonic()
        try:
            producer = self._connected_producer(started_at + self._timeout_s)
            future = _send(producer, record, started_at + self._timeout_s)
        except (KafkaError, ConnectionFailed) as error:
            then(error)
            return

        def succeeded(_: Any) -> None:
            self.note_published(record, time.monotonic() - started_at)
            then(None)

        future.add_callback(succeeded)
        future.add_errback(lambda error: then(self.note_failed(record, error, producer)))

    def note_published(self, record: OutgoingRecord, duration_s: float) -> None:
        """Tell the observer of a record that Kafka has."""
        self._observer.on_published(record.topic, duration_s)

    def note_failed(self, record: OutgoingRecord, error: Exception, producer: Any) -> Exception:
        """Tell the observer, see to the producer, and return the error for the caller."""
        self._replace_if_broken(producer)
        self._observer.on_publish_failed(record.topic, error)
        if isinstance(error, MessageSizeTooLargeError):
            return RecordTooLargeError(f"a record for {record.topic}: {describe(error)}")
        return connection_closed(
            f"Kafka did not take a record for {record.topic} within {self._timeout_s} s", error
        )

    def is_reachable(self, timeout_s: float) -> bool:
        """Ask Kafka for its metadata; False when it does not answer in time."""
        deadline = time.monotonic() + timeout_s
        try:
            producer = self._connected_producer(deadline)
        except ConnectionFailed:
            return False
        answered = threading.Event()
        # No public call makes a round trip without waiting for `max_block_ms`.
        update = producer._metadata.request_update()  # noqa: SLF001
        update.add_both(lambda _: answered.set())
        return answered.wait(max(0.0, deadline - time.monotonic())) and bool(update.succeeded())

    def close(self) -> None:
        """Send what is buffered and stop; a later `publish` would begin anew."""
        if self._pid != os.getpid() or self._producer is None:
            return
        producer = self._producer
        self._forget_producer()
        _close(producer)

    def _batch(self, deadline: float | None) -> "_Batch":
        if deadline is None:
            deadline = time.monotonic() + self._timeout_s
        return _Batch(self, self._connected_producer(deadline), deadline)

    def _connected_producer(self, deadline: float) -> Any:
        if self._pid != os.getpid():
            _inherited.append(self._producer)
            self._forget_producer()
        if self._producer is None:
            self._connect(deadline)
        return self._producer

    def _connect(self, deadline: float) -> None:
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise connection_failed("Kafka is not reachable", TimeoutError("still connecting"))
        try:
            if self._producer is None:
                self._producer = self._clients.producer(
                    bootstrap_timeout_s=deadline - time.monotonic(),
                    publish_timeout_s=self._timeout_s,
                    max_request_bytes=self._max_request_bytes,
                    linger_ms=self._linger_ms,
                )
        finally:
            self._lock.release()

    def _replace_if_broken(self, producer: Any) -> None:
        # One record that Kafka refuses for good (topic's size limit, authorization) puts an
        # idempotent producer of kafka-python 3.0.12 in a state in which it refuses all others.
        if not producer._transaction_manager.has_fatal_error():  # noqa: SLF001
            return
        with self._lock:
            if self._producer is not producer:
                return
            self._producer = None
        log.warning("The producer is beyond repair; the next record gets a new one.")
        threading.Thread(target=_close, args=[producer], daemon=True).start()

    def _forget_producer(self) -> None:
        self._producer = None
        self._pid = os.getpid()
        # Another thread of the parent may have held the old one at the moment of the fork.
        self._lock = threading.Lock()


class _Batch:
    """Records that one call sends and waits for; the oldest first when they are too many."""

    def __init__(self, publisher: Publisher, producer: Any, deadline: float) -> None:
        self._publisher = publisher
        self._producer = producer
        self._deadline = deadline
        self._started_at = time.monotonic()
        self._under_way: deque[tuple[int, OutgoingRecord, Any]] = deque()
        self._failed: dict[int, Exception] = {}
        self.last_place: str | None = None

    def send(self, place: int, record: OutgoingRecord) -> None:
        try:
            self._under_way.append((place, record, _send(self._producer, record, self._deadline)))
        except KafkaError as error:
            self._failed[place] = self._publisher.note_failed(record, error, self._producer)
        if len(self._under_way) >= _MAX_UNDER_WAY:
            self._wait_for_first()

    def wait(self) -> dict[int, Exception]:
        while self._under_way:
            self._wait_for_first()
        return self._failed

    def _wait_for_first(self) -> None:
        place, record, future = self._under_way.popleft()
        try:
            if not future.succeeded():
                future.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except KafkaError as error:
            self._failed[place] = self._publisher.note_failed(record, error, self._producer)
        else:
            written = future.value
            # -1: Kafka had it already from an earlier try, and does not say where.
            if written.offset >= 0:
                self.last_place = f"{written.partition}:{written.offset}"
            self._publisher.note_published(record, time.monotonic() - self._started_at)


def _send(producer: Any, record: OutgoingRecord, deadline: float) -> Any:
    """Hand a record to the producer, which blocks in short turns while it lacks metadata."""
    # kafka-python sends no record without both, as others do: a dead letter of one gets a value.
    value = b"" if record.key is None and record.value is None else record.value
    while True:
        try:
            return producer.send(
                record.topic,
                key=record.key,
                value=value,
                headers=record.headers,
                partition=record.partition,
            )
        except KafkaTimeoutError:
            # Raised before the record was buffered, so that trying again cannot send it twice.
            if time.monotonic() >= deadline:
                raise


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=_CLOSE_TIMEOUT_S)
    except KafkaError as error:
        log.warning("The producer did not close in order: %s", error)
