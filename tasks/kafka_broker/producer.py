"""Publish records and wait until Kafka has them on all in-sync replicas.

One producer per process, made when first needed and shared by all threads (or greenlets), so that
records published at the same time share batches. A client made before a fork has no threads in the
child and would hang there, so the process id is checked on each use.
"""

import logging
import os
import threading
import time
from typing import Any

from dramatiq.errors import ConnectionFailed
from kafka.errors import KafkaError, KafkaTimeoutError

from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.errors import connection_closed, connection_failed
from tasks.kafka_broker.observer import BrokerObserver

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 10

#: Producers inherited from the parent of a fork. Closing one, which its `__del__` does, would wait
#: for threads that are not there; so they are kept for good.
_inherited: list[Any] = []


class Publisher:
    """Sends one record at a time, each call bounded by `timeout_s` in total.

    A record above `max_request_bytes` (by default 1 MiB, as Kafka's own limit) is refused before it
    is sent.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        timeout_s: float,
        observer: BrokerObserver,
        max_request_bytes: int | None = None,
    ) -> None:
        self._clients = clients
        self._timeout_s = timeout_s
        self._observer = observer
        self._max_request_bytes = max_request_bytes
        self._producer: Any = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def publish(self, record: OutgoingRecord, *, deadline: float | None = None) -> None:
        """Return once Kafka acknowledged; raise dramatiq's BrokerConnectionError when it did not.

        After an error the record may or may not be on Kafka.
        """
        started_at = time.monotonic()
        if deadline is None:
            deadline = started_at + self._timeout_s
        producer = self._connected_producer(deadline)
        try:
            future = _send(producer, record, deadline)
            future.get(timeout=max(0.0, deadline - time.monotonic()))
        except KafkaError as error:
            self._replace_if_broken(producer)
            self._observer.on_publish_failed(record.topic, error)
            raise connection_closed(
                f"Kafka did not take a record for {record.topic} within {self._timeout_s} s", error
            ) from error
        self._observer.on_published(record.topic, time.monotonic() - started_at)

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


def _send(producer: Any, record: OutgoingRecord, deadline: float) -> Any:
    """Hand a record to the producer, which blocks in short turns while it lacks metadata."""
    while True:
        try:
            return producer.send(
                record.topic, key=record.key, value=record.value, headers=record.headers
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
