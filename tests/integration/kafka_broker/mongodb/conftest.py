"""A broker in memory and a worker of it: the backends are for any dramatiq broker."""

# mypy: allow-untyped-calls

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import dramatiq
    from dramatiq.brokers.stub import StubBroker
    from pymongo.database import Database

    from tasks.kafka_broker.mongodb import MongoRateLimiterBackend, MongoResultBackend


@pytest.fixture
def results(database: "Database[Any]") -> "MongoResultBackend":
    from tasks.kafka_broker.mongodb import MongoResultBackend

    return MongoResultBackend(database)


@pytest.fixture
def limits(database: "Database[Any]") -> "MongoRateLimiterBackend":
    from tasks.kafka_broker.mongodb import MongoRateLimiterBackend

    return MongoRateLimiterBackend(database)


@pytest.fixture
def stub_broker(
    results: "MongoResultBackend",
    limits: "MongoRateLimiterBackend",
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[StubBroker]":
    from dramatiq.brokers.stub import StubBroker
    from dramatiq.middleware import GroupCallbacks
    from dramatiq.results import Results

    broker = StubBroker()
    broker.add_middleware(Results(backend=results))
    broker.add_middleware(GroupCallbacks(limits))
    monkeypatch.setattr("dramatiq.broker.global_broker", broker)
    yield broker
    broker.flush_all()
    broker.close()


@pytest.fixture
def stub_worker(stub_broker: "StubBroker") -> "Iterator[dramatiq.Worker]":
    import dramatiq

    worker = dramatiq.Worker(stub_broker, worker_timeout=100, worker_threads=8)
    worker.start()
    yield worker
    worker.stop()
