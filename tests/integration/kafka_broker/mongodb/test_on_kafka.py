"""Results and callbacks of groups with the broker they were made for."""

# mypy: allow-untyped-calls

import threading

import dramatiq
import pytest
from dramatiq.middleware import GroupCallbacks
from dramatiq.results import ResultFailure, Results

from tasks.kafka_broker.mongodb import MongoRateLimiterBackend, MongoResultBackend
from tests.integration.kafka_broker.support import MakeBroker, StartWorker


def test_results_and_group_callbacks_come_back_from_kafka(
    make_broker: MakeBroker,
    start_worker: StartWorker,
    results: MongoResultBackend,
    limits: MongoRateLimiterBackend,
) -> None:
    broker = make_broker()
    broker.add_middleware(Results(backend=results, store_results=True))
    broker.add_middleware(GroupCallbacks(limits))
    is_finished = threading.Event()

    @dramatiq.actor(broker=broker)
    def add(*terms: int) -> int:
        return sum(terms)

    @dramatiq.actor(broker=broker, max_retries=0)
    def fail() -> None:
        raise RuntimeError("no luck")

    @dramatiq.actor(broker=broker)
    def finish() -> None:
        is_finished.set()

    start_worker(broker)
    group = dramatiq.group([add.message(1, n) for n in range(5)], broker=broker)
    group.add_completion_callback(finish.message())
    group.run()
    assert list(group.get_results(block=True, timeout=20_000)) == [1, 2, 3, 4, 5]
    assert is_finished.wait(20)
    pipeline = dramatiq.pipeline([add.message(1, 2), add.message(3)], broker=broker).run()
    assert pipeline.get_result(block=True, timeout=20_000) == 6
    with pytest.raises(ResultFailure, match="no luck"):
        results.get_result(fail.send(), block=True, timeout=20_000)
