"""Composition root of the worker process; the only place that starts a dramatiq Worker.

`python worker.py` runs until SIGTERM or SIGINT: no new task is begun then, running ones get
`jobs.shutdown_timeout`, what is not finished is delivered again. A second signal ends at once.
"""

import os
import socket
import sys
import threading
from typing import Any

import dramatiq
import structlog
from dramatiq.middleware import CurrentMessage
from pymongo.database import Database

from composition import connect_database, make_broker, stop_on_signals
from observability import configure_logging, exposition
from resumes.backoff import Backoff
from resumes.parse import ParseResume
from resumes.run_operation import RunOperation
from settings import Settings, load_settings_or_exit
from settings_sections import ServicesSettings
from store.breakers import MongoBreakerStore
from store.connection import disconnect, is_reachable
from store.job_actions import MongoJobActions
from store.operation_runs import MongoOperationRuns
from store.work import MongoWorkStore
from tasks.actors import LetterNote, ParseResumeRunner, declare_parse_resume, log_claim
from tasks.broker import OPERATIONS_AT_A_TIME
from tasks.circuit_breaker import ParserBreaker
from tasks.kafka_broker import KafkaBroker
from tasks.kafka_broker.control import ObeyControl
from tasks.kafka_broker.runs import RunRecorder
from tasks.leases import LeaseKeeper
from tasks.operations import OperationRunner, declare_run_operation
from tasks.parser_client import GuardedParser
from tasks.probe_server import start_probe_server
from tasks.queue import ActorParseQueue, JobLetters

log = structlog.get_logger(__name__)

#: A worker may wait for a failover: it has nobody to answer within seconds.
_SELECT_TIMEOUT_S = 10
_STORE_TIMEOUT_S = 30
#: Longer than the longest rebalance: whoever has not polled for so long hangs.
_HUNG_AFTER_S = 60
#: Beyond the timeouts of its call, a probe has died.
_PROBE_MARGIN_S = 2
#: How long an idle thread waits before it looks whether it should stop.
_IDLE_LOOK_MS = 200


def main() -> int:
    """Run until told to stop."""
    settings = load_settings_or_exit()
    configure_logging(settings.app.log_level, process="worker")
    stopping = threading.Event()
    stop_on_signals(stopping)
    run(settings, stopping)
    return 0


def run(settings: Settings, stopping: threading.Event) -> None:
    """Put the worker process together and run it until `stopping` is set."""
    database = connect_database(
        settings, select_timeout_s=_SELECT_TIMEOUT_S, timeout_s=_STORE_TIMEOUT_S
    )
    jobs, services = settings.jobs, settings.services
    store = MongoWorkStore(
        database, lease=jobs.lease, failed_file_retention=jobs.failed_file_retention
    )
    leases = LeaseKeeper(store, lease_s=jobs.lease.total_seconds())
    broker = make_broker(settings)
    # Lets a task know its record, for the job's history.
    broker.add_middleware(CurrentMessage())
    broker.add_middleware(LetterNote(store.note_letter))
    broker.add_middleware(ObeyControl(database))
    # Last: nothing else's time counts as the task's.
    broker.add_middleware(RunRecorder(database))
    parse_resume = ParseResume(
        jobs=store,
        parser=_parser(services, MongoBreakerStore(database, "parser")),
        leases=leases,
        letters=JobLetters(broker, settings.kafka.resume_parse_topic),
        backoff=Backoff(
            jobs.retry_backoff_min.total_seconds(), jobs.retry_backoff_max.total_seconds()
        ),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        pause=stopping.wait,
        on_claimed=log_claim,
    )
    actor = declare_parse_resume(
        broker, settings.kafka.resume_parse_topic, ParseResumeRunner(parse_resume)
    )
    _declare_operations(settings, database, broker, ActorParseQueue(actor), stopping)
    # One process may own all partitions; the broker keeps each to `num_workers` at a time.
    threads = settings.kafka.num_partitions * settings.kafka.num_workers + OPERATIONS_AT_A_TIME
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=_IDLE_LOOK_MS)
    if settings.app.port is not None:
        start_probe_server(
            settings.app.port,
            # Not "has its place in the group": a Kafka that is away must not restart the worker.
            alive=lambda: broker.seconds_since_poll() < _HUNG_AFTER_S,
            checks={"kafka": broker.is_consuming, "mongodb": lambda: is_reachable(database)},
            exposition=exposition(settings.app.metrics_dir),
        )
    leases.start()
    worker.start()
    log.info("worker.started", threads=threads, topic=settings.kafka.resume_parse_topic)
    stopping.wait()
    log.info("worker.stopping")
    worker.stop(timeout=int(jobs.shutdown_timeout.total_seconds() * 1000))
    leases.close()
    broker.close()
    disconnect()
    log.info("worker.stopped")


def _declare_operations(
    settings: Settings,
    database: Database[dict[str, Any]],
    broker: KafkaBroker,
    queue: ActorParseQueue,
    stopping: threading.Event,
) -> None:
    runner = OperationRunner(
        RunOperation(
            operations=MongoOperationRuns(database),
            jobs=MongoJobActions(database, max_attempts=settings.jobs.max_attempts),
            queue=queue,
            is_queue_reachable=broker.is_reachable,
            breaker=MongoBreakerStore(database, "parser").read,
            breaker_pause_s=settings.services.parser_breaker_pause.total_seconds(),
            pause=stopping.wait,
        )
    )
    declare_run_operation(broker, settings.kafka.resume_parse_topic, runner)


def _parser(services: ServicesSettings, store: MongoBreakerStore) -> GuardedParser:
    connect_timeout_s = services.parser_connect_timeout.total_seconds()
    timeout_s = services.parser_timeout.total_seconds()
    breaker = ParserBreaker(
        store,
        failures=services.parser_breaker_failures,
        pause_s=services.parser_breaker_pause.total_seconds(),
        probe_s=connect_timeout_s + timeout_s + _PROBE_MARGIN_S,
    )
    return GuardedParser(
        str(services.resume_parser_url),
        breaker,
        connect_timeout_s=connect_timeout_s,
        timeout_s=timeout_s,
    )


if __name__ == "__main__":
    sys.exit(main())
