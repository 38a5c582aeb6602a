"""What the service's dashboard asks about the queue: kept for a moment, and None without Kafka."""

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
from pymongo.database import Database

from devstack import ports
from tasks.kafka_broker import KafkaBroker
from tasks.queue_state import HOLDS_S, Lanes, QueueState
from tests.eventually import eventually


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def broker(kafka_bootstrap: str, topic_prefix: str) -> Iterator[KafkaBroker]:
    broker = KafkaBroker(
        bootstrap_servers=[kafka_bootstrap], namespace=topic_prefix, num_partitions=2
    )

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    broker.ensure_topics()
    yield broker
    broker.close()


def test_lag_is_told_by_partition_and_holds_for_a_moment(
    broker: KafkaBroker, clock: _Clock
) -> None:
    state = QueueState(broker, clock=clock)
    topic = broker.queues["default"].topic

    def lag_later() -> list[Any] | None:
        clock.now += HOLDS_S
        return state.lag()  # None where Kafka takes longer than a page may wait for it

    eventually(lambda: lag_later() == [(topic, 0, 0), (topic, 1, 0)], within_s=30)
    broker.get_actor("go").send()
    assert sum(lag for _, _, lag in state.lag() or ()) == 0
    eventually(lambda: sum(lag for _, _, lag in lag_later() or ()) == 1, within_s=30)
    assert state.dead_letters() == (0, 0)


def test_workers_are_told_as_they_say(broker: KafkaBroker, clock: _Clock) -> None:
    state = QueueState(broker, clock=clock)

    def alive() -> list[dict[str, Any]] | None:
        clock.now += HOLDS_S
        return state.workers()

    eventually(lambda: alive() == [], within_s=30)
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=2)
    worker.start()
    (one,) = eventually(alive, within_s=30) or [{}]
    assert (one["threads"], one["queues"]) == (2, ["default"])
    assert one["age_s"] < 15
    worker.stop()


def test_a_kafka_that_does_not_answer_is_an_answer(clock: _Clock) -> None:
    broker = KafkaBroker(bootstrap_servers=[f"{ports.LOOPBACK}:{ports.free_port()}"])
    broker.declare_queue("default")
    state = QueueState(broker, clock=clock)
    assert (state.lag(), state.dead_letters(), state.workers()) == (None, None, None)


def test_lanes_are_paused_once_and_say_by_whom(
    broker: KafkaBroker, database: Database[Any]
) -> None:
    lanes = Lanes(broker, database, "default")
    (normal,) = lanes.all()
    assert (normal.name, normal.is_paused, normal.at) == ("normal", False, None)
    assert lanes.pause("normal", "ann", "deploy")
    assert not lanes.pause("normal", "bob", "")
    (normal,) = lanes.all()
    assert (normal.is_paused, normal.by, normal.reason) == (True, "ann", "deploy")
    assert lanes.unpause("normal", "bob", "")
    assert not lanes.unpause("normal", "bob", "")
    with pytest.raises(KeyError):
        lanes.pause("high", "ann", "")
