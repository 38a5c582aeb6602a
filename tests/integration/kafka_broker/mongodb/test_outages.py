"""What dramatiq sees while MongoDB is out of reach: its own error for that, and no false answer."""

# mypy: allow-untyped-calls

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.errors import BrokerConnectionError
from dramatiq.results import ResultTimeout
from pymongo import MongoClient
from pymongo.database import Database

from tasks.kafka_broker.mongodb import (
    MongoRateLimiterBackend,
    MongoResultBackend,
    StoreUnreachableError,
)

MESSAGE: Message[Any] = Message("default", "go", (), {}, {})


@pytest.fixture
def nowhere() -> Iterator[Database[Any]]:
    options: dict[str, Any] = {"serverSelectionTimeoutMS": 500}
    with MongoClient[dict[str, Any]]("localhost:1", **options) as client:
        yield client["nowhere"]


@pytest.mark.parametrize(
    "use",
    [
        lambda results: results.get_result(MESSAGE),
        lambda results: results.store_result(MESSAGE, 1, 1000),
    ],
)
def test_results_tell_of_an_outage(
    use: Callable[[MongoResultBackend], object], nowhere: Database[Any]
) -> None:
    with pytest.raises(StoreUnreachableError, match="Connection refused") as raised:
        use(MongoResultBackend(nowhere))
    assert isinstance(raised.value, BrokerConnectionError)


@pytest.mark.parametrize(
    "use",
    [
        lambda limits: limits.incr("key", 1, 1, 1000),
        lambda limits: limits.incr_and_sum("key", lambda: ["key"], 1, 1, 1000),
        lambda limits: limits.wait("key", 1000),
    ],
)
def test_rate_limits_tell_of_an_outage(
    use: Callable[[MongoRateLimiterBackend], object], nowhere: Database[Any]
) -> None:
    with pytest.raises(StoreUnreachableError, match="Connection refused"):
        use(MongoRateLimiterBackend(nowhere))


def test_a_wait_for_a_result_ends_in_time_whatever_the_outage() -> None:
    with MongoClient[dict[str, Any]]("localhost:1") as client:
        results = MongoResultBackend(client["nowhere"])
        with pytest.raises(ResultTimeout) as raised:
            results.get_result(MESSAGE, block=True, timeout=500)
    assert "Connection refused" in str(raised.value.__cause__)


def test_who_waits_for_a_result_does_not_notice_a_short_outage(
    mongo_uri: str, database: Database[Any], results: MongoResultBackend
) -> None:
    results.store_result(MESSAGE, 1, 60_000)
    failures = {"failCommands": ["find"], "closeConnection": True, "appName": "cut"}
    admin = database.client.admin
    admin.command("configureFailPoint", "failCommand", mode={"times": 2}, data=failures)
    with MongoClient[dict[str, Any]](mongo_uri, appname="cut", retryReads=False) as client:
        cut_off = MongoResultBackend(client[database.name])
        assert cut_off.get_result(MESSAGE, block=True) == 1
