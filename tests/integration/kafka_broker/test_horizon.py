"""Guards how far a queue's workers are said to be: no further than the oldest unfinished task."""

import threading
import time
from datetime import UTC, datetime, timedelta

import dramatiq
import pytest

from tasks.kafka_broker import KafkaBroker, LetterFilter
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker


@pytest.fixture
def broker(make_broker: MakeBroker) -> KafkaBroker:
    return make_broker(num_partitions=3)


def now() -> datetime:
    """Return the time as Kafka keeps it: whole milliseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_nobody_waits_for_an_empty_queue_or_one_that_is_done(
    broker: KafkaBroker, start_worker: StartWorker
) -> None:
    @dramatiq.actor(broker=broker)
    def go() -> None:
        pass

    broker.ensure_topics()
    assert broker.handled_until("default") is None
    go.send()
    start_worker(broker)
    broker.join("default", timeout=20_000)
    assert broker.handled_until("default") is None


def test_it_is_when_the_oldest_unfinished_task_was_sent(
    broker: KafkaBroker, start_worker: StartWorker
) -> None:
    first_may_end, begun = threading.Event(), threading.Event()
    done: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        if number == 0:
            begun.set()
            assert first_may_end.wait(30)
        done.append(number)

    least = now()
    go.send(0)
    most = now()
    start_worker(broker)
    assert begun.wait(20)
    time_of_others = time.time() + 2
    eventually(lambda: time.time() > time_of_others, within_s=5)
    for number in range(1, 10):
        go.send(number)
    eventually(lambda: len(done) == 9, within_s=20)
    until = broker.handled_until("default")
    assert until is not None
    assert least <= until <= most, "the first one still runs"
    first_may_end.set()
    broker.join("default", timeout=20_000)
    assert broker.handled_until("default") is None


def test_without_workers_it_stays_at_the_first_record(broker: KafkaBroker) -> None:
    @dramatiq.actor(broker=broker)
    def go() -> None:
        pass

    least = now()
    go.send()
    most = now()
    for _ in range(3):
        go.send()
        until = broker.handled_until("default")
        assert until is not None
        assert least <= until <= most


def test_a_worker_can_look_through_its_dead_letters(
    broker: KafkaBroker, start_worker: StartWorker
) -> None:
    @dramatiq.actor(broker=broker, max_retries=0)
    def fail() -> None:
        raise ValueError("no")

    since = datetime.now(UTC) - timedelta(seconds=5)
    fail.send_with_options(key="k-1")
    start_worker(broker)
    letters = broker.dead_letters("default")
    wanted = LetterFilter(key="k-1", since=since)
    eventually(lambda: len(letters.page(wanted).letters) == 1, within_s=20)
    assert letters.page(LetterFilter(key="k-2", since=since)).letters == []
