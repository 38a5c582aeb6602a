"""Each worker process tells Kafka what it is doing, so that `inspect` can show it.

Workers note in a dictionary what they run; a thread of its own writes it down every few seconds and
is the only one that talks to Kafka, so that a Kafka that is away disturbs no task. What tasks are
given (arguments, which may be personal data) is not told.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.errors import BrokerConnectionError
from dramatiq.middleware import Middleware

from .message import KafkaMessage
from .worker_thread import WorkerThread

log = logging.getLogger(__name__)

INTERVAL_S = 5.0

#: Names come from records, and so from anyone.
_MAX_NAME_CHARS = 200

Write = Callable[[str, Mapping[str, Any] | None], None]


class WorkerStatus(Middleware):
    """Writes the state of the process's worker every `interval_s`, and when it starts and stops.

    `write(worker_id, state)` is `StatusWriter.write`; `assigned()` returns the (topic, partition)
    pairs that this process owns now.
    """

    def __init__(
        self,
        *,
        write: Write,
        assigned: Callable[[], Iterable[tuple[str, int]]],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._write = write
        self._assigned = assigned
        self._interval_s = interval_s
        # By thread, which runs one task at a time: an entry that an interrupted hook left behind
        # lasts until the thread's next task. No lock: an entry is set, removed and copied whole.
        self._running: dict[int, tuple[MessageProxy, float]] = {}
        self._thread = WorkerThread("worker-status")

    # On worker threads, for every task: nothing but a dictionary.

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Note that a task runs."""
        self._running[threading.get_ident()] = (message, time.monotonic())

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: MessageProxy,  # noqa: ARG002
        *,
        result: Any = None,  # noqa: ARG002
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """Note that it ended."""
        self._running.pop(threading.get_ident(), None)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Note that it did not run after all."""
        self._running.pop(threading.get_ident(), None)

    # On the process's main thread

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Begin to tell; of several workers in a process the first one speaks for all."""
        self._thread.start(worker, partial(self._run, _identity(worker)))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Say that this worker is no more."""
        self._thread.stop(worker)

    # On its own thread

    def _run(self, identity: Mapping[str, Any]) -> None:
        wait_s = 0.0
        while not self._thread.stopping.wait(wait_s):
            self._tell(identity["worker_id"], lambda: {**identity, **self._state()})
            wait_s = self._interval_s
        self._tell(identity["worker_id"], lambda: None)

    def _tell(self, worker_id: str, state: Callable[[], Mapping[str, Any] | None]) -> None:
        try:
            self._write(worker_id, state())
        except BrokerConnectionError as error:
            log.debug("Kafka was not told what this worker does: %s", error)
        except Exception:
            # The outermost edge of this thread, which tries again after its interval.
            log.exception("This worker cannot say what it does.")

    def _state(self) -> dict[str, Any]:
        now = time.monotonic()
        partitions: dict[str, list[int]] = {}
        for topic, partition in sorted(self._assigned()):
            partitions.setdefault(topic, []).append(partition)
        running = self._running.copy().values()
        worker = self._thread.worker
        return {
            "queues": sorted(worker.consumers) if worker else [],
            "partitions": partitions,
            "running": [_task(message, now - begun_at) for message, begun_at in running],
        }


def _identity(worker: Worker) -> dict[str, Any]:
    host, pid = socket.gethostname(), os.getpid()
    return {
        "worker_id": f"{host}-{pid}-{secrets.token_hex(3)}",
        "host": host,
        "pid": pid,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": worker.worker_threads,
    }


def _task(message: MessageProxy, running_s: float) -> dict[str, Any]:
    record = message.record if isinstance(message, KafkaMessage) else None
    return {
        "message_id": message.message_id[:_MAX_NAME_CHARS],
        "actor": message.actor_name[:_MAX_NAME_CHARS],
        "queue": message.queue_name[:_MAX_NAME_CHARS],
        "topic": record.topic if record else None,
        "partition": record.partition if record else None,
        "offset": record.offset if record else None,
        "running_s": round(running_s, 3),
    }
