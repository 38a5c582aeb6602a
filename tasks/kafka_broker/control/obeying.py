"""How workers hear what people asked for: which copies to skip, and which lanes to leave alone.

One thread in each worker process looks into MongoDB every second; on worker threads a task costs a
look at a set. While MongoDB is away the last that was heard holds. A worker that starts asks first
and then begins; when it gets no answer it begins without, since a store of wishes must not stop the
work.
"""

import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pymongo
from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware, SkipMessage
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..broker import KafkaBroker
from ..copies import copy_id
from ..worker_thread import WorkerThread
from .decisions import Decisions
from .pauses import LanePauses

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
_LOOK_TIMEOUT_S = 5.0


class ObeyControl(Middleware):
    """Add it to the broker of workers; `database` is `Control`'s, its client made after a fork."""

    def __init__(self, database: Database[Any], *, interval_s: float = INTERVAL_S) -> None:
        self._decisions = Decisions(database)
        self._pauses = LanePauses(database)
        self._interval_s = interval_s
        #: Copies to skip, and until when that is worth remembering.
        self._skipped: dict[str, datetime] = {}
        self._heard_until: datetime | None = None
        self._is_away = False
        self._thread = WorkerThread("obey-control")

    # On worker threads

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Skip a copy that was cancelled, or has run already because it was brought forward."""
        if self._skipped and copy_id(message) in self._skipped:
            raise SkipMessage("it was cancelled or brought forward")

    # On the process's main thread

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Ask before the first task begins; of several workers in a process the first one asks."""
        if self._thread.worker is None:
            self._look(broker)
            self._thread.start(worker, partial(self._run, broker))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Ask no more."""
        self._thread.stop(worker)

    # On its own thread

    def _run(self, broker: Broker) -> None:
        while not self._thread.stopping.wait(self._interval_s):
            self._look(broker)

    def _look(self, broker: Broker) -> None:
        try:
            with pymongo.timeout(_LOOK_TIMEOUT_S):
                self._hear_of_pauses(broker)
                self._hear_of_decisions()
                self._is_away = False
        except PyMongoError as error:
            # Once for each time that it is away.
            level = logging.DEBUG if self._is_away else logging.WARNING
            log.log(level, "What was asked of this worker's tasks is heard later: %s", error)
            self._is_away = True
        except Exception:
            # The outermost edge of this thread, which tries again after its interval.
            log.exception("What was asked of this worker's tasks cannot be heard.")

    def _hear_of_pauses(self, broker: Broker) -> None:
        # Other brokers have no lanes.
        if isinstance(broker, KafkaBroker):
            broker.hold(self._pauses.paused())

    def _hear_of_decisions(self) -> None:
        news = self._decisions.news(self._heard_until)
        now = datetime.now(UTC)
        for copy, changed_at, expires_at in news:
            self._skipped[copy] = expires_at
            self._heard_until = max(changed_at, self._heard_until or changed_at)
        for copy in [copy for copy, end in self._skipped.copy().items() if end < now]:
            del self._skipped[copy]
