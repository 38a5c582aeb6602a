"""What tests and operators ask of a broker."""

import threading

import dramatiq
import pytest
from dramatiq.errors import QueueJoinTimeout

from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker


def test_join_waits_for_the_queue_and_says_how_much_is_left(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker()
    may_end = threading.Event()

    @dramatiq.actor(broker=broker)
    def go() -> None:
        may_end.wait(60)

    for _ in range(3):
        go.send()
    start_worker(broker)
    with pytest.raises(QueueJoinTimeout, match="3 messages"):
        broker.join("default", timeout=200)
    may_end.set()
    broker.join("default")


def test_flush_drops_what_waits_and_leaves_what_runs(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    may_end = threading.Event()
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)
        may_end.wait(60)

    for number in range(100):
        go.send(number)
    start_worker(broker, threads=2)
    eventually(lambda: len(seen) == 2)
    broker.flush_all()
    go.send(100)
    may_end.set()
    eventually(lambda: 100 in seen)
    broker.join("default", timeout=10_000)
    # Two ran, and two more were prefetched by dramatiq.
    assert {0, 1, 100} <= set(seen) <= {0, 1, 2, 3, 100}
    assert len(seen) <= 5
    # What was dropped counts as done, though the two above it may still have to be told of.
    eventually(lambda: log.committed(broker) == {0: 101})


def test_a_backlog_larger_than_the_buffers_of_several_partitions_is_worked_off(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """kafka-python 3.0.12 forgets a paused partition that it had half taken (clients.py)."""
    broker = make_broker(num_partitions=3)
    seen: set[int] = set()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.add(number)

    broker.ensure_topics()
    queue = broker.queues["default"]
    headers = [("dramatiq-actor", b"go")]
    count = 6000
    for number in range(count):
        value = b'{"number":%d}' % number
        log.producer.send(queue.topic, value=value, key=b"%d" % number, headers=headers)
    log.producer.flush(30)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert seen == set(range(count))


def test_a_worker_says_whether_it_consumes(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    assert not broker.is_consuming()
    worker = start_worker(broker)
    eventually(broker.is_consuming)
    eventually(lambda: broker.seconds_since_poll() < 5)
    worker.stop()
    assert not broker.is_consuming()


def test_a_worker_that_was_paused_goes_on_where_it_was(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """dramatiq pauses by closing the consumer: the group is left and joined again."""
    broker = make_broker()
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    worker = start_worker(broker)
    go.send(1)
    eventually(lambda: seen == [1], within_s=30)
    worker.pause()
    go.send(2)
    worker.resume()
    eventually(lambda: seen == [1, 2], within_s=20)
