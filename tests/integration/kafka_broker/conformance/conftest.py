"""One broker and one worker for the whole folder, as an application would have them.

The tests run one after another and each declares its own actors, so they may share a queue; what a
test does to workers themselves it does to one of its own (`make_broker`, `start_worker`).
"""

# mypy: allow-untyped-calls

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import dramatiq
    from dramatiq.middleware import Middleware
    from pymongo.database import Database

    from tasks.kafka_broker import KafkaBroker
    from tasks.kafka_broker.mongodb import MongoRateLimiterBackend, MongoResultBackend


@pytest.fixture(scope="session")
def site_database(mongo_uri: str) -> "Iterator[Database[dict[str, Any]]]":
    import pymongo

    name = f"t_{secrets.token_hex(6)}"
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client[name]
        client.drop_database(name)


@pytest.fixture(scope="session")
def results(site_database: "Database[Any]") -> "MongoResultBackend":
    from tasks.kafka_broker.mongodb import MongoResultBackend

    return MongoResultBackend(site_database)


@pytest.fixture(scope="session")
def limits(site_database: "Database[Any]") -> "MongoRateLimiterBackend":
    from tasks.kafka_broker.mongodb import MongoRateLimiterBackend

    return MongoRateLimiterBackend(site_database)


@pytest.fixture(scope="session")
def site(
    kafka_bootstrap: str, results: "MongoResultBackend", limits: "MongoRateLimiterBackend"
) -> "Iterator[KafkaBroker]":
    """A broker with all of dramatiq's middleware, and its worker."""
    import dramatiq
    from dramatiq.middleware import AsyncIO, CurrentMessage, GroupCallbacks
    from dramatiq.results import Results

    from tasks.kafka_broker import KafkaBroker

    broker = KafkaBroker(
        bootstrap_servers=kafka_bootstrap,
        namespace=f"t-{secrets.token_hex(6)}",
        num_partitions=1,
        put_back_delay_s=0.2,
    )
    for middleware in (CurrentMessage(), AsyncIO(), Results(backend=results)):
        broker.add_middleware(middleware)
    broker.add_middleware(GroupCallbacks(limits))
    # As dramatiq's command does; TimeLimit begins to watch here.
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=8, worker_timeout=100)
    worker.start()
    yield broker
    worker.stop()
    broker.close()


@pytest.fixture
def broker(site: "KafkaBroker", monkeypatch: pytest.MonkeyPatch) -> "Iterator[KafkaBroker]":
    """The shared broker, without actors, and dramatiq's default one for now."""
    monkeypatch.setattr("dramatiq.broker.global_broker", site)
    yield site
    site.actors.clear()


@pytest.fixture
def done(broker: "KafkaBroker") -> Callable[[], None]:
    """Wait until nothing is left of the shared queue."""
    return lambda: broker.join("default", timeout=20_000)


@pytest.fixture
def add_middleware(broker: "KafkaBroker") -> "Iterator[Callable[[Middleware], None]]":
    """Add a middleware for the time of a test."""
    before = list(broker.middleware)
    yield broker.add_middleware
    broker.middleware[:] = before


@pytest.fixture
def buried(broker: "KafkaBroker", log: Any) -> Callable[["dramatiq.Message[Any]"], bool]:
    """Tell whether a message is a dead letter."""

    def is_buried(message: "dramatiq.Message[Any]") -> bool:
        letters = log.read(broker.queues[message.queue_name].dead_letter_topic)
        ids = {dict(letter.headers)["dramatiq-message-id"].decode() for letter in letters}
        return message.message_id in ids

    return is_buried
