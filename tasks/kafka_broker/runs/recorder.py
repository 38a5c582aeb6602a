"""Notes what each task does, and writes it to MongoDB once a second.

On worker threads a task costs a few look-ups in a dictionary of the thread's own (`tally.py`). A
thread of the recorder's adds them up and is the only one that talks to MongoDB, so that one that is
away disturbs no task: figures wait for it, within bounds, and what does not fit is counted.

Kept of single runs is what somebody will ask for: what failed (up to `MAX_FAILURES` a second), the
slowest, and some of the others. What tasks are given (arguments, which may be personal data) is not
kept unless asked for.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware
from pymongo.database import Database
from pymongo.errors import PyMongoError

from ..errors import PutBack
from ..message import KafkaMessage
from ..worker_thread import WorkerThread
from .journal import Ended, Journal
from .notes import Notes, failed, notable
from .tally import (
    DEAD,
    FAILED,
    RETRIED,
    SKIPPED,
    STARTED,
    Key,
    count_success,
    new_tally,
)

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
#: Single failures kept each second; all are counted.
MAX_FAILURES = 100


class RunRecorder(Middleware):
    """Records runs in `database`, whose client is its maker's and must not come from before a fork.

    Add it to the broker last: it must hear of a failure before `Retries` has counted it, and what
    other middleware does is not a task's time.
    `keeps_arguments`: keep what tasks were given as well. Runs are kept for `runs_days`, figures
    for `minutes_days`.
    """

    def __init__(
        self,
        database: Database[Any],
        *,
        keeps_arguments: bool = False,
        runs_days: float = 7.0,
        minutes_days: float = 30.0,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._journal = Journal(
            database,
            keeps_arguments=keeps_arguments,
            runs_days=runs_days,
            minutes_days=minutes_days,
        )
        self._interval_s = interval_s
        #: By thread; one that died leaves its numbers behind.
        self._threads: dict[int, Notes] = {}
        self._failures: deque[Ended] = deque()
        self._thread = WorkerThread("run-recorder")

    # On worker threads, for every task

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Count a task that begins."""
        mine = self._turn_to(message)
        mine.tally[STARTED] += 1
        mine.failure = None
        mine.began_at = time.monotonic()

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        """Count a task that ended; what becomes of one that raised is known later."""
        now = time.monotonic()
        mine = self._threads.get(threading.get_ident())
        if mine is None or (exception is None and message.failed):
            return
        took_s = now - mine.began_at
        if exception is not None:
            if not isinstance(exception, PutBack):
                mine.tally[FAILED] += 1
                mine.failure = failed(message, exception, took_s, now)
            return
        count_success(mine.tally, took_s)
        mine.latest = run = (took_s, now, message)
        slowest = mine.slowest  # read once: the recorder's thread may empty it
        if slowest is None or took_s > slowest[0]:
            mine.slowest = run

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Count a task that another middleware kept from running."""
        # The one before us may have done it: then we have not turned to this message yet.
        mine = self._turn_to(message)
        mine.failure = None
        if not message.failed:
            mine.tally[SKIPPED] += 1

    def after_enqueue(self, broker: Broker, message: Any, delay: int | None) -> None:  # noqa: ARG002
        """Of a task that raised: it is sent again."""
        # Only then is what is sent a message that came. Not `after_ack`: every task would pay.
        if isinstance(message, MessageProxy):
            mine = self._threads.get(threading.get_ident())
            if mine is not None and mine.failure is not None:
                mine.tally[RETRIED] += 1
                self._keep(mine, "retried")

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """It is given up; its dead letter is safe."""
        mine = self._threads.get(threading.get_ident())
        # Of a record that went to another owner he decides.
        if mine is not None and getattr(message, "is_owned", True):
            mine.tally[DEAD] += 1
            self._keep(mine, "dead")

    def _turn_to(self, message: MessageProxy) -> Notes:
        """Let this thread count for a message's actor and topic."""
        ident = threading.get_ident()
        mine = self._threads.get(ident)
        if mine is None:
            mine = self._threads[ident] = Notes()
        topic = message.delivery.record.topic if type(message) is KafkaMessage else ""
        found = mine.tallies.get((message.actor_name, topic))
        if found is None:
            found = Key(message.actor_name, message.queue_name, topic), new_tally()
            mine.tallies[message.actor_name, topic] = found
        mine.tally = found[1]
        return mine

    def _keep(self, mine: Notes, outcome: str) -> None:
        failure, mine.failure = mine.failure, None
        if failure is not None and len(self._failures) < MAX_FAILURES:
            self._failures.append(failure._replace(outcome=outcome))

    # On the process's main thread

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Begin to write; of several workers in a process the first one has the thread."""
        self._thread.start(worker, partial(self._run, broker))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Write what is left."""
        self._thread.stop(worker)

    # On its own thread

    def _run(self, broker: Broker) -> None:
        is_last = is_away = False
        while not is_last:
            is_last = self._thread.stopping.wait(self._interval_s)
            try:
                self._look(broker)
                self._journal.write()
                is_away = False
            except PyMongoError as error:
                # Once for each time that it is away.
                log.log(
                    logging.DEBUG if is_away else logging.WARNING,
                    "What tasks do is written down later: %s",
                    error,
                )
                is_away = True
            except Exception:
                # The outermost edge of this thread, which tries again after its interval.
                log.exception("What tasks do cannot be written down.")

    def _look(self, broker: Broker) -> None:
        """Hand what happened since the last look to the journal."""
        threads = self._threads.copy()
        for ident, mine in threads.items():
            for key, tally in mine.tallies.copy().values():
                self._journal.add_tally(broker, key, ident, tally.copy())
        self._journal.add_runs(_drain(self._failures))
        self._journal.add_runs(notable(list(threads.values())))


def _drain(failures: deque[Ended]) -> Iterator[Ended]:
    for _ in itertools.repeat(None, len(failures)):
        yield failures.popleft()
