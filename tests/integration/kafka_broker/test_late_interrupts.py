"""TimeLimitExceeded and Shutdown are thrown into a thread from outside, at times too late.

dramatiq's worker thread dies of one that comes while its task is being ended, having acknowledged a
message of which nobody knows how it ended.
"""

import logging
import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import Middleware, TimeLimitExceeded

from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker


class LateOnce(Middleware):
    """Throws what an interrupt throws, after the task."""

    def __init__(self) -> None:
        self.has_thrown = False

    def after_process_message(self, *_args: object, **_kwargs: object) -> None:
        if not self.has_thrown:
            self.has_thrown = True
            raise TimeLimitExceeded


class LateInLog(logging.Filter):
    """Throws it while dramatiq logs a task's error."""

    def __init__(self) -> None:
        super().__init__()
        self.has_thrown = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.ERROR and not self.has_thrown:
            self.has_thrown = True
            raise TimeLimitExceeded
        return True


def test_trap_9_an_interrupt_that_comes_among_the_hooks_neither_loses_nor_kills(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    broker.add_middleware(LateOnce())
    threads: list[int] = []

    @dramatiq.actor(broker=broker)
    def go() -> None:
        threads.append(threading.get_ident())

    go.send()
    worker = start_worker(broker, threads=1)
    broker.join("default", timeout=20_000)
    # Nobody knows what the hook had done by then: at least once.
    assert len(threads) == 2
    assert {thread.ident for thread in worker.workers} == set(threads)
    assert log.read(broker.queues["default"].dead_letter_topic) == []


def test_trap_9_a_thread_that_dies_of_an_interrupt_is_replaced_and_its_record_runs_again(
    make_broker: MakeBroker, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    died: list[Any] = []
    monkeypatch.setattr("threading.excepthook", died.append)
    late = LateInLog()
    logger = logging.getLogger("dramatiq.worker.WorkerThread")
    broker = make_broker()
    runs: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=1)
    def go() -> None:
        runs.append(threading.get_ident())
        if len(runs) < 3:
            raise ValueError("no")

    logger.addFilter(late)
    try:
        go.send()
        worker = start_worker(broker, threads=1)
        broker.join("default", timeout=20_000)
    finally:
        logger.removeFilter(late)
    assert [one.exc_type for one in died] == [TimeLimitExceeded]
    assert len(runs) == 3
    assert len(set(runs[1:])) == 1
    assert [thread.is_alive() for thread in worker.workers] == [True]
