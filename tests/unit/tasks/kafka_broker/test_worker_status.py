"""What a worker says of itself, without a Kafka."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from tasks.kafka_broker.errors import connection_closed
from tasks.kafka_broker.worker_status import WorkerStatus
from tests.eventually import eventually

State = Mapping[str, Any] | None


class Told:
    """What was written, in order; `fails` makes Kafka be away."""

    def __init__(self) -> None:
        self.states: list[tuple[str, State]] = []
        self.fails: Exception | None = None
        self.attempts = 0

    def write(self, worker_id: str, state: State) -> None:
        self.attempts += 1
        if self.fails is not None:
            raise self.fails
        self.states.append((worker_id, state))

    @property
    def last(self) -> State:
        return self.states[-1][1]

    def running(self) -> list[dict[str, Any]]:
        return list(self.last["running"]) if self.states and self.last else []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def broker(told: Told) -> Iterator[StubBroker]:
    status = WorkerStatus(
        write=told.write,
        assigned=lambda: {("b", 1), ("a", 2), ("b", 0)},
        interval_s=0.02,
    )
    broker = StubBroker(middleware=[status])
    broker.emit_after("process_boot")
    yield broker
    broker.close()


@pytest.fixture
def work(broker: StubBroker) -> Iterator[Callable[[], dramatiq.Worker]]:
    workers: list[dramatiq.Worker] = []

    def start() -> dramatiq.Worker:
        workers.append(dramatiq.Worker(broker, worker_timeout=10, worker_threads=2))
        workers[-1].start()
        return workers[-1]

    yield start
    for worker in workers:
        worker.stop()


def test_a_worker_says_who_it_is_and_what_it_owns(
    broker: StubBroker, work: Callable[[], dramatiq.Worker], told: Told
) -> None:
    broker.declare_queue("mails")
    work()
    eventually(lambda: len(told.states) > 2)
    assert told.last is not None
    assert "mails" in told.last["queues"]
    assert told.last["partitions"] == {"a": [2], "b": [0, 1]}
    assert told.last["threads"] == 2
    assert told.last["running"] == []
    assert len({worker_id for worker_id, _ in told.states}) == 1


def test_what_runs_is_told_while_it_runs_without_what_it_was_given(
    broker: StubBroker, work: Callable[[], dramatiq.Worker], told: Told
) -> None:
    may_end = threading.Event()

    @dramatiq.actor(broker=broker)
    def go(secret: str) -> None:  # noqa: ARG001
        may_end.wait(10)

    work()
    message = go.send("joe@example.org")
    try:
        (task,) = eventually(told.running)
        assert (task["message_id"], task["actor"]) == (message.message_id, "go")
        assert (task["queue"], task["topic"]) == ("default", None)
        assert task["running_s"] >= 0
        assert "joe@example.org" not in repr(told.states)
    finally:
        may_end.set()
    eventually(lambda: told.last is not None and not told.running())


def test_what_failed_or_was_skipped_runs_no_more(
    broker: StubBroker, work: Callable[[], dramatiq.Worker], told: Told
) -> None:
    class Skip(dramatiq.Middleware):
        def before_process_message(
            self,
            broker: dramatiq.Broker,  # noqa: ARG002 - dramatiq's signature
            message: dramatiq.MessageProxy,
        ) -> None:
            if message.args == ("skip",):
                raise dramatiq.middleware.SkipMessage

    broker.add_middleware(Skip())
    runs: list[str] = []

    @dramatiq.actor(broker=broker)
    def go(how: str) -> None:
        runs.append(how)
        raise ValueError(how)

    worker = work()
    go.send("skip")
    go.send("fail")
    broker.join("default", fail_fast=False)
    worker.join()
    assert runs == ["fail"]
    seen = len(told.states)
    eventually(lambda: len(told.states) > seen + 1)
    assert told.running() == []


def test_a_worker_that_stops_says_so_last(work: Callable[[], dramatiq.Worker], told: Told) -> None:
    worker = work()
    eventually(lambda: told.states)
    worker.stop()
    assert told.last is None


@pytest.mark.parametrize("error", [connection_closed("x", OSError()), RuntimeError("a bug")])
def test_a_kafka_that_is_away_disturbs_no_task_and_is_tried_again(
    broker: StubBroker, work: Callable[[], dramatiq.Worker], told: Told, error: Exception
) -> None:
    told.fails = error
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        runs.append(number)

    work()
    eventually(lambda: told.attempts > 2)
    go.send(1)
    broker.join("default")
    assert runs == [1]
    told.fails = None
    eventually(lambda: told.states)


def test_a_process_with_two_workers_speaks_with_one_voice(
    work: Callable[[], dramatiq.Worker], told: Told
) -> None:
    work()
    second = work()
    eventually(lambda: len(told.states) > 2)
    second.stop()
    seen = len(told.states)
    eventually(lambda: len(told.states) > seen + 2)
    assert len({worker_id for worker_id, _ in told.states}) == 1
    assert told.last is not None
