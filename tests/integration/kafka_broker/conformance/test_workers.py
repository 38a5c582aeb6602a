"""Workers: which queues they read, how many threads they have, and how they pause and stop."""

import gc
import logging
import threading
import time
import weakref
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import Shutdown

from tasks.kafka_broker import KafkaBroker
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker


class Ran:
    """Notes what ran."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def declare(self, broker: KafkaBroker, queue_name: str) -> dramatiq.Actor[[str], None]:
        @dramatiq.actor(broker=broker, queue_name=queue_name, actor_name=f"go-{queue_name}")
        def go(name: str) -> None:
            self.names.append(name)

        return go


@pytest.fixture
def ran() -> Ran:
    return Ran()


def test_a_worker_reads_all_queues_also_those_declared_after_it_began(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    broker = make_broker()
    go_a, go_b = ran.declare(broker, "a"), ran.declare(broker, "b")
    worker = start_worker(broker)
    go_c = ran.declare(broker, "c")
    for actor in (go_a, go_b, go_c):
        actor.send(actor.queue_name)
    for queue_name in ("a", "b", "c"):
        broker.join(queue_name, timeout=20_000)
    assert sorted(ran.names) == ["a", "b", "c"]
    assert broker.get_declared_queues() == {"a", "b", "c"}
    assert worker.consumers.keys() == {"a", "b", "c"}


def test_a_worker_of_some_queues_leaves_the_others(
    make_broker: MakeBroker, ran: Ran, log: Log
) -> None:
    broker = make_broker()
    go_a, go_b = ran.declare(broker, "a"), ran.declare(broker, "b")
    worker = dramatiq.Worker(broker, queues={"a"}, worker_threads=2, worker_timeout=100)
    worker.start()
    go_c = ran.declare(broker, "c")
    for actor in (go_b, go_c, go_a):
        actor.send(actor.queue_name)
    broker.join("a", timeout=20_000)
    with pytest.raises(dramatiq.QueueJoinTimeout):
        broker.join("b", timeout=1)
    worker.stop()
    assert ran.names == ["a"]
    assert worker.consumers.keys() == {"a"}
    assert len(log.read(broker.queues["c"].topic)) == 1


def test_as_many_tasks_run_at_once_as_there_are_threads(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker()
    meet = threading.Barrier(5)
    running, most = [0], [0]
    lock = threading.Lock()

    @dramatiq.actor(broker=broker)
    def go() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        meet.wait(20)
        with lock:
            running[0] -= 1

    broker.enqueue_many([go.message() for _ in range(20)])
    start_worker(broker, threads=5)
    broker.join("default", timeout=20_000)
    assert most == [5]


def test_no_more_is_prefetched_than_the_worker_says(
    make_broker: MakeBroker, log: Log, ran: Ran
) -> None:
    """What is taken and not begun goes back when the worker stops, unlike what ran."""
    broker = make_broker()
    go = ran.declare(broker, "default")
    broker.enqueue_many([go.message(str(number)) for number in range(20)])
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=100)
    worker.queue_prefetch = 1
    worker.start()
    eventually(lambda: ran.names)
    worker.stop()
    assert ran.names == [str(number) for number in range(len(ran.names))]
    assert log.committed(broker) == {0: len(ran.names)}


def test_a_paused_worker_begins_nothing_and_goes_on_when_told(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.01)
    broker = make_broker()
    go = ran.declare(broker, "default")
    worker = start_worker(broker)
    go.send("before")
    broker.join("default", timeout=20_000)
    for round_ in ("first", "second"):
        worker.pause()
        go.send(round_)
        with pytest.raises(dramatiq.QueueJoinTimeout):
            broker.join("default", timeout=300)
        assert round_ not in ran.names
        worker.resume()
        broker.join("default", timeout=20_000)
        worker.join()
    assert ran.names == ["before", "first", "second"]


def test_a_stopping_worker_ends_what_runs_and_gives_the_rest_to_the_next(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    began, may_end = threading.Event(), threading.Event()
    runs: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        began.set()
        may_end.wait(60)
        runs.append(number)

    for number in range(4):
        go.send(number)
    first = start_worker(broker, threads=1)
    assert began.wait(20)
    stopping = threading.Thread(target=first.stop)
    stopping.start()
    eventually(lambda: not any(thread.running for thread in first.workers))
    may_end.set()
    stopping.join(30)
    assert runs == [0]
    assert log.committed(broker) == {0: 1}
    go.send(4)
    start_worker(broker)
    broker.join("default", timeout=20_000)
    assert sorted(runs) == [0, 1, 2, 3, 4]


def test_a_worker_that_was_stopped_takes_nothing_of_a_queue_declared_later(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    broker = make_broker()
    ran.declare(broker, "default")
    first = start_worker(broker)
    first.stop()
    start_worker(broker)
    later = ran.declare(broker, "later")
    for number in range(10):
        later.send(str(number))
    broker.join("later", timeout=20_000)
    assert first.consumers.keys() == {"default"}
    assert len(ran.names) == 10


@pytest.mark.parametrize("max_retries", [0, 3])
def test_a_task_is_told_of_the_shutdown_and_then_failed_or_run_by_the_next_worker(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log, max_retries: int
) -> None:
    broker = make_broker()
    began = threading.Event()
    ends: list[str] = []

    @dramatiq.actor(broker=broker, max_retries=max_retries, notify_shutdown=True)
    def go() -> None:
        try:
            began.set()
            for _ in range(1000 if not ends else 0):
                time.sleep(0.02)
        except Shutdown:
            ends.append("shutdown")
            raise
        ends.append("done")

    go.send()
    first = start_worker(broker)
    assert began.wait(20)
    first.stop()
    assert ends == ["shutdown"]
    start_worker(broker)
    broker.join("default", timeout=20_000)
    assert ends == (["shutdown", "done"] if max_retries else ["shutdown"])
    letters = log.read(broker.queues["default"].dead_letter_topic)
    assert len(letters) == (0 if max_retries else 1)


def test_a_broker_that_was_closed_can_be_used_again(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    broker = make_broker()
    go = ran.declare(broker, "default")
    broker.close()
    go.send("first")
    start_worker(broker).stop()
    broker.close()
    broker.close()
    go.send_with_options(args=("second",), delay=100)
    start_worker(broker)
    broker.join("default", timeout=20_000)
    assert sorted(ran.names) == ["first", "second"]


def test_no_exception_of_a_task_is_kept_in_memory(
    make_broker: MakeBroker, start_worker: StartWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """A cycle through its traceback would keep the task's variables until the next collection."""
    caplog.set_level(logging.CRITICAL)  # what is logged keeps its exception

    left: list[weakref.ref[BaseException]] = []

    class TaskError(Exception):
        def __init__(self) -> None:
            left.append(weakref.ref(self))

    broker = make_broker()

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=1)
    def go() -> None:
        raise TaskError

    gc.disable()
    try:
        worker = start_worker(broker, threads=1)
        go.send()
        broker.join("default", timeout=20_000)
        worker.join()
        assert len(left) == 2
        eventually(lambda: all(error() is None for error in left))
    finally:
        gc.enable()
