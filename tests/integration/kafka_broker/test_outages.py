"""What a Kafka that does not answer for longer than a send may take leaves behind."""

from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest

from devstack.kafka import Kafka
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker


@pytest.fixture
def frozen(own_kafka: Kafka) -> Iterator[Kafka]:
    """A Kafka that can be paused: it answers nobody then, with all connections open."""
    yield own_kafka
    own_kafka.unpause()


def test_a_producer_that_gave_up_a_record_under_way_sends_the_next_ones(
    frozen: Kafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """kafka-python's never sends again: each `send` of the process would fail until it restarts."""
    broker = make_broker(bootstrap_servers=[frozen.bootstrap], publish_timeout_s=2.0)
    seen: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.append(number)

    def sends(number: int, **options: Any) -> bool:
        try:
            go.send_with_options(args=(number,), **options)
        except dramatiq.errors.BrokerConnectionError:
            return False
        return True

    eventually(lambda: sends(0), within_s=20, why="a Kafka that has just started takes a record")
    frozen.pause()
    # A signal takes a moment to stop all threads of a JVM, which may still take a record.
    eventually(lambda: not sends(1), within_s=20, why="it stands still")
    assert not sends(1)
    frozen.unpause()
    eventually(lambda: sends(2), within_s=20, why="the producer sends again")
    eventually(lambda: sends(3), within_s=20)
    eventually(lambda: sends(4, delay=10), within_s=20)
    start_worker(broker)
    eventually(lambda: {0, 2, 3, 4} <= set(seen), within_s=20)
