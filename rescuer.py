"""Composition root of the rescuer process: puts jobs whose record is lost into the queue again.

`python rescuer.py` does a round every `jobs.rescue_interval` until SIGTERM or SIGINT. Beside the
rounds, a thread keeps the dashboard's figures. Any number may run: each step is a compare-and-set.
"""

import sys
import threading
import time
from datetime import timedelta

import structlog

from composition import connect_database, make_broker, stop_on_signals
from observability import configure_logging, exposition
from resumes.errors import PublishFailedError, QueueUnavailableError, StoreUnavailableError
from resumes.rescue import RescueJobs
from resumes.upkeep import CloseLetters, ResendOperations
from settings import Settings, load_settings_or_exit
from store.closed_letters import MongoClosedLetters
from store.connection import disconnect, is_reachable
from store.operation_runs import MongoOperationRuns
from store.rescue import MongoRescueStore
from store.statistics import StatisticsFold
from tasks.actors import declare_parse_resume
from tasks.metrics import (
    JOBS_RESCUED,
    RESCUE_ROUNDS,
    STATISTICS_EVENTS,
    STATISTICS_LAST_ANSWER,
)
from tasks.operations import ActorOperationQueue, declare_run_operation
from tasks.probe_server import start_probe_server
from tasks.queue import ActorParseQueue, JobLetters

log = structlog.get_logger(__name__)

_SELECT_TIMEOUT_S = 10
_STORE_TIMEOUT_S = 30
#: Longer than any round with all its timeouts.
_HUNG_AFTER_S = 180
_FIGURES_STALE_AFTER_S = 60
#: How long dropped jobs may stay in the figures.
_COUNT_EVERY = timedelta(hours=24)
#: What is cut off in the middle is done again by the next.
_FOLD_ENDS_WITHIN_S = 2


class Rounds:
    """Does rounds, and knows when the last one began."""

    def __init__(
        self,
        rescue: RescueJobs,
        *,
        operations: ResendOperations,
        letters: CloseLetters,
        interval_s: float,
    ) -> None:
        self._rescue = rescue
        self._operations = operations
        self._letters = letters
        self._interval_s = interval_s
        self.began_at = time.monotonic()

    def run_until(self, stopping: threading.Event) -> None:
        """Do one round after the other, whatever is away for a while."""
        while not stopping.wait(self._interval_s):
            self.began_at = time.monotonic()
            try:
                self._run_once()
            except (StoreUnavailableError, QueueUnavailableError, PublishFailedError) as error:
                RESCUE_ROUNDS.labels(error.code).inc()
                log.warning("rescue.round_cut_short", code=error.code)
            else:
                RESCUE_ROUNDS.labels("whole").inc()

    def _run_once(self) -> None:
        done = self._rescue.run_once()
        JOBS_RESCUED.labels("published").inc(done.published)
        JOBS_RESCUED.labels("given_up").inc(done.given_up)
        if done.published or done.given_up or done.files_cleared:
            log.warning(
                "rescue.round",
                published=done.published,
                given_up=done.given_up,
                files_cleared=done.files_cleared,
            )
        if sent := self._operations.run_once():
            log.warning("rescue.operations_sent", count=sent)
        if closed := self._letters.run_once():
            log.info("rescue.letters_closed", count=closed)


def main() -> int:
    """Run until told to stop."""
    settings = load_settings_or_exit()
    configure_logging(settings.app.log_level, process="rescuer")
    stopping = threading.Event()
    stop_on_signals(stopping)
    run(settings, stopping)
    return 0


def run(settings: Settings, stopping: threading.Event) -> None:
    """Put the rescuer process together and run it until `stopping` is set."""
    jobs, kafka = settings.jobs, settings.kafka
    database = connect_database(
        settings, select_timeout_s=_SELECT_TIMEOUT_S, timeout_s=_STORE_TIMEOUT_S
    )
    broker = make_broker(settings)
    actor = declare_parse_resume(broker, kafka.resume_parse_topic, _not_a_worker)
    rescue = RescueJobs(
        jobs=MongoRescueStore(database, failed_file_retention=jobs.failed_file_retention),
        queue=ActorParseQueue(actor),
        grace_s=jobs.rescue_after.total_seconds(),
    )
    rounds = Rounds(
        rescue,
        operations=ResendOperations(
            operations=MongoOperationRuns(database),
            queue=ActorOperationQueue(
                declare_run_operation(broker, kafka.resume_parse_topic, _not_a_runner)
            ),
            grace_s=jobs.rescue_after.total_seconds(),
        ),
        letters=CloseLetters(
            MongoClosedLetters(database), JobLetters(broker, kafka.resume_parse_topic)
        ),
        interval_s=jobs.rescue_interval.total_seconds(),
    )
    fold = StatisticsFold(
        database, on_folded=_note_folded, count_every=_COUNT_EVERY if jobs.retention else None
    )
    if settings.app.port is not None:
        start_probe_server(
            settings.app.port,
            alive=lambda: time.monotonic() - rounds.began_at < _HUNG_AFTER_S,
            checks={
                "kafka": broker.is_reachable,
                "mongodb": lambda: is_reachable(database),
                "statistics": lambda: fold.age_s() < _FIGURES_STALE_AFTER_S,
            },
            exposition=exposition(settings.app.metrics_dir),
        )
    folding = threading.Thread(
        target=fold.run_until, args=(stopping,), name="statistics", daemon=True
    )
    folding.start()
    log.info("rescuer.started", topic=kafka.resume_parse_topic)
    rounds.run_until(stopping)
    folding.join(_FOLD_ENDS_WITHIN_S)
    broker.close()
    disconnect()
    log.info("rescuer.stopped")


def _note_folded(count: int) -> None:
    STATISTICS_EVENTS.inc(count)
    STATISTICS_LAST_ANSWER.set_to_current_time()


def _not_a_runner(operation_id: str, turn: int) -> None:
    raise AssertionError(f"operation {operation_id}, turn {turn}, was run in a rescuer")


def _not_a_worker(job_id: str, user_id: str) -> None:
    raise AssertionError(f"job {job_id} of user {user_id} was run in a rescuer")


if __name__ == "__main__":
    sys.exit(main())
