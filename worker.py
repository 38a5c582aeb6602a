"""Composition root of the worker process; the only place that starts a dramatiq Worker.

`python worker.py` runs until SIGTERM or SIGINT: no new task is begun then, running ones get
`jobs.shutdown_timeout`, what is not finished is delivered again. A second signal ends at once.
"""

import os
import signal
import socket
import sys
import threading
from types import FrameType

import dramatiq
import structlog

from composition import connect_database, make_broker
from observability import configure_logging, exposition
from resumes.parse import ParseResume
from settings import Settings, load_settings_or_exit
from store.connection import disconnect, is_reachable
from store.work import MongoWorkStore
from tasks.actors import ParseResumeRunner, declare_parse_resume, log_claim
from tasks.leases import LeaseKeeper
from tasks.parser_client import ParserClient
from tasks.probe_server import start_probe_server

log = structlog.get_logger(__name__)

#: A worker may wait for a failover: it has nobody to answer within seconds.
_SELECT_TIMEOUT_S = 10
_STORE_TIMEOUT_S = 30
#: Longer than the longest rebalance: whoever has not polled for so long hangs.
_HUNG_AFTER_S = 60
#: How long an idle thread waits before it looks whether it should stop.
_IDLE_LOOK_MS = 200


def main() -> int:
    """Run until told to stop."""
    settings = load_settings_or_exit()
    configure_logging(settings.app.log_level, process="worker")
    stopping = threading.Event()
    _stop_on_signals(stopping)
    run(settings, stopping)
    return 0


def run(settings: Settings, stopping: threading.Event) -> None:
    """Put the worker process together and run it until `stopping` is set."""
    database = connect_database(
        settings, select_timeout_s=_SELECT_TIMEOUT_S, timeout_s=_STORE_TIMEOUT_S
    )
    store = MongoWorkStore(database, lease=settings.jobs.lease)
    leases = LeaseKeeper(store, lease_s=settings.jobs.lease.total_seconds())
    services = settings.services
    parse_resume = ParseResume(
        jobs=store,
        parser=ParserClient(
            str(services.resume_parser_url),
            connect_timeout_s=services.parser_connect_timeout.total_seconds(),
            timeout_s=services.parser_timeout.total_seconds(),
        ),
        leases=leases,
        worker=f"{socket.gethostname()}:{os.getpid()}",
        pause=stopping.wait,
        on_claimed=log_claim,
    )
    broker = make_broker(settings)
    declare_parse_resume(broker, settings.kafka.resume_parse_topic, ParseResumeRunner(parse_resume))
    # One process may own all partitions; the broker keeps each to `num_workers` at a time.
    threads = settings.kafka.num_partitions * settings.kafka.num_workers
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
    worker.stop(timeout=int(settings.jobs.shutdown_timeout.total_seconds() * 1000))
    leases.close()
    broker.close()
    disconnect()
    log.info("worker.stopped")


def _stop_on_signals(stopping: threading.Event) -> None:
    def stop(signum: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(128 + signum)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main())
