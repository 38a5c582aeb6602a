"""Which records are done, as Kafka knows it, while tasks end in any order."""

import threading
from collections import Counter
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage
from kafka import KafkaProducer

from tasks.kafka_broker import (
    BrokerObserver,
    KafkaBroker,
    PartitionState,
    PutBack,
    QueueOptions,
    Retries,
)
from tasks.kafka_broker.message import KafkaMessage
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

LIMIT = 2


def test_the_commit_waits_for_the_slowest_task_and_not_for_the_others(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """A commit past a running task loses it when the worker dies."""
    broker = make_broker()
    slow_may_end = threading.Event()
    done: set[int] = set()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        if number == 2:
            slow_may_end.wait(60)
        done.add(number)

    for number in range(30):
        go.send(number)
    start_worker(broker)
    eventually(lambda: done == set(range(30)) - {2})
    eventually(lambda: log.committed(broker) == {0: 2})
    slow_may_end.set()
    eventually(lambda: log.committed(broker) == {0: 30})


def test_markers_of_transactions_hold_nothing_back(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log, kafka_bootstrap: str
) -> None:
    """Offsets have holes: counting them one by one would stop at the first marker."""
    broker = make_broker(queues={"default": QueueOptions(default_actor="go")})
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    broker.ensure_topics()
    producer = KafkaProducer(
        bootstrap_servers=kafka_bootstrap, transactional_id=broker.queues["default"].topic
    )
    producer.init_transactions()
    for number in range(3):
        producer.begin_transaction()
        producer.send(broker.queues["default"].topic, value=b'{"number": %d}' % number)
        producer.commit_transaction()
    producer.close(timeout=5)
    start_worker(broker)
    # Three records and three markers.
    eventually(lambda: log.committed(broker) == {0: 6})
    assert sorted(seen) == [0, 1, 2]
    broker.join("default", timeout=5000)


class Running:
    """Counts the tasks that run at a time, by partition."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[int] = Counter()
        self.most: Counter[int] = Counter()

    def begin(self, partition: int) -> None:
        with self._lock:
            self._now[partition] += 1
            self.most[partition] = max(self.most[partition], self._now[partition])

    def end(self, partition: int) -> None:
        with self._lock:
            self._now[partition] -= 1


def test_no_more_tasks_of_a_partition_run_at_a_time_than_allowed(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker(
        num_partitions=3,
        queues={"default": QueueOptions(max_in_flight_per_partition=LIMIT)},
        middleware=[CurrentMessage(), Retries(max_retries=0)],
    )
    running = Running()
    may_end = threading.Event()

    @dramatiq.actor(broker=broker)
    def go() -> None:
        message: Any = CurrentMessage.get_current_message()
        running.begin(message.record.partition)
        may_end.wait(60)
        running.end(message.record.partition)

    for number in range(60):
        go.send_with_options(key=str(number))
    start_worker(broker, threads=12)
    eventually(lambda: running.most == {0: LIMIT, 1: LIMIT, 2: LIMIT})
    may_end.set()
    broker.join("default", timeout=30_000)
    assert running.most == {0: LIMIT, 1: LIMIT, 2: LIMIT}


def test_a_task_that_puts_its_record_back_gets_it_again_and_nothing_is_committed_meanwhile(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    tries: list[int] = []
    store_is_up = threading.Event()

    @dramatiq.actor(broker=broker)
    def go() -> None:
        tries.append(1)
        if not store_is_up.is_set():
            raise PutBack

    go.send()
    start_worker(broker)
    eventually(lambda: len(tries) >= 3)
    assert log.committed(broker).get(0, 0) == 0
    store_is_up.set()
    eventually(lambda: log.committed(broker) == {0: 1})
    assert log.read(broker.queues["default"].dead_letter_topic) == []


class Deliveries(BrokerObserver):
    def __init__(self) -> None:
        self.delivered = 0
        self.finished = 0
        self.put_back = 0
        self.lags: list[int] = []
        self.commits: list[int] = []

    def on_delivered(self, topic: str, partition: int) -> None:  # noqa: ARG002
        self.delivered += 1

    def on_finished(self, topic: str, partition: int, duration_s: float) -> None:  # noqa: ARG002
        self.finished += 1

    def on_put_back(self, topic: str, partition: int) -> None:  # noqa: ARG002
        self.put_back += 1

    def on_partition(self, state: PartitionState) -> None:
        if state.lag is not None:
            self.lags.append(state.lag)

    def on_commit(self, topic: str, partition: int, next_offset: int) -> None:  # noqa: ARG002
        self.commits.append(next_offset)


def test_the_observer_sees_each_step_and_the_lag_return_to_zero(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    observer = Deliveries()
    broker = make_broker(observer=observer)
    may_end = threading.Event()
    was_put_back: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        may_end.wait(60)
        if number == 0 and not was_put_back:
            was_put_back.append(number)
            raise PutBack

    for number in range(5):
        go.send(number)
    start_worker(broker)
    eventually(lambda: 5 in observer.lags)
    may_end.set()
    eventually(lambda: observer.lags[-1] == 0 and observer.commits[-1:] == [5])
    # It may hear of the commit before it hears of what was committed.
    eventually(
        lambda: (observer.delivered, observer.finished, observer.put_back) == (6, 5, 1),
    )
    assert observer.commits == sorted(observer.commits)


def _take(consumer: Any) -> KafkaMessage:
    message = eventually(lambda: next(consumer), why="a message")
    assert isinstance(message, KafkaMessage)
    return message


@pytest.fixture
def one_task(make_broker: MakeBroker) -> KafkaBroker:
    """A broker with one task on Kafka."""
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    go.send()
    return broker


def test_an_acknowledgement_given_to_another_consumer_than_its_own_is_harmless(
    one_task: KafkaBroker, log: Log
) -> None:
    """Trap 3: after a restart dramatiq acknowledges old messages through the new consumer."""
    first = one_task.consume("default", prefetch=1, timeout=100)
    late = _take(first)
    first.close()
    second = one_task.consume("default", prefetch=1, timeout=100)
    again = _take(second)
    second.ack(late)
    assert next(second) is None
    assert log.committed(one_task).get(0, 0) == 0
    second.ack(again)
    eventually(lambda: log.committed(one_task) == {0: 1})


def test_what_is_read_again_after_a_restart_is_only_what_was_not_done(
    make_broker: MakeBroker,
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None: ...

    for number in range(3):
        go.send(number)
    first = broker.consume("default", prefetch=10, timeout=100)
    messages = [_take(first) for _ in range(3)]
    first.ack(messages[0])
    first.close()
    second = broker.consume("default", prefetch=10, timeout=100)
    assert [_take(second).args for _ in range(2)] == [(1,), (2,)]
