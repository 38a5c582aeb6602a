"""What dramatiq documents of rate limiters holds in MongoDB, for any number of threads."""

# mypy: allow-untyped-calls

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from dramatiq import RateLimitExceeded
from dramatiq.rate_limits import (
    BucketRateLimiter,
    ConcurrentRateLimiter,
    RateLimiter,
    WindowRateLimiter,
)
from pymongo.database import Database

from tasks.kafka_broker.mongodb import MongoRateLimiterBackend
from tests.eventually import eventually

TTL_MS = 60_000
THREADS = 16


def granted(attempt: Callable[[int], bool], *, attempts: int) -> int:
    """How many of the attempts, made by many threads at once, were granted."""
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(attempt, range(attempts)))


def acquired(limiter: RateLimiter) -> bool:
    with limiter.acquire(raise_on_failure=False) as is_acquired:
        return bool(is_acquired)


def test_a_counter_begins_once(limits: MongoRateLimiterBackend) -> None:
    assert granted(lambda _: limits.add("key", 1, TTL_MS), attempts=50) == 1


def test_a_counter_never_passes_its_maximum(limits: MongoRateLimiterBackend) -> None:
    assert granted(lambda _: limits.incr("key", 2, 21, TTL_MS), attempts=50) == 10
    assert limits.incr("key", 1, 21, TTL_MS)


def test_a_counter_never_passes_its_minimum(limits: MongoRateLimiterBackend) -> None:
    limits.add("key", 10, TTL_MS)
    assert granted(lambda _: limits.decr("key", 1, 3, TTL_MS), attempts=50) == 7


def test_a_counter_that_never_began_is_0(limits: MongoRateLimiterBackend) -> None:
    assert not limits.decr("key", 1, 0, TTL_MS)
    assert not limits.incr("key", 2, 1, TTL_MS)
    assert limits.add("key", 1, TTL_MS), "what was refused began nothing"


def test_a_counter_ends_with_its_time_though_mongodb_still_has_it(
    limits: MongoRateLimiterBackend, database: Database[Any]
) -> None:
    assert limits.add("key", 5, 0)
    assert limits.add("key", 7, TTL_MS)
    assert not limits.add("key", 9, TTL_MS)
    assert limits.decr("key", 1, 6, 0), "the 7, not the 5"
    assert limits.incr("key", 1, 1, TTL_MS)
    assert database["dramatiq_rate_limits"].count_documents({}) == 1


def test_only_what_is_granted_makes_a_counter_live_longer(
    limits: MongoRateLimiterBackend, database: Database[Any]
) -> None:
    def end() -> Any:
        counter = database["dramatiq_rate_limits"].find_one({"_id": "key"})
        return counter and counter["expires_at"]

    limits.add("key", 1, TTL_MS)
    first_end = end()
    assert not limits.incr("key", 1, 1, 2 * TTL_MS)
    assert end() == first_end
    assert limits.incr("key", 1, 2, 2 * TTL_MS)
    assert end() > first_end


def test_mongodb_tidies_up_by_an_index(
    limits: MongoRateLimiterBackend, database: Database[Any]
) -> None:
    assert database.list_collection_names() == []
    limits.decr("key", 1, 0, TTL_MS)
    index = database["dramatiq_rate_limits"].index_information()["expires_at_1"]
    assert index["expireAfterSeconds"] == 0
    assert database["dramatiq_rate_limits"].count_documents({"expires_at": None}) == 0


def test_a_sum_never_passes_its_maximum(limits: MongoRateLimiterBackend) -> None:
    keys = ["a", "b@1", "b@2", "c"]

    def raise_one(number: int) -> bool:
        return limits.incr_and_sum(keys[number % 4], lambda: keys, 1, 10, TTL_MS)

    assert granted(raise_one, attempts=60) == 10


def test_processes_that_raise_different_counters_of_a_sum_do_not_miss_each_other(
    database: Database[Any],
) -> None:
    """Each backend stands for a process: they share nothing but MongoDB."""
    backends = [MongoRateLimiterBackend(database) for _ in range(8)]
    for backend in backends:
        backend.add("index", 0, TTL_MS)
    for turn in range(5):
        keys = [f"{turn}-{number}" for number in range(8)]
        start = threading.Barrier(8)

        def raise_own(number: int) -> bool:
            start.wait(20)  # noqa: B023 - all are done before the next turn
            return backends[number].incr_and_sum(keys[number], lambda: keys, 1, 1, TTL_MS)  # noqa: B023

        assert granted(raise_own, attempts=8) == 1


def test_a_sum_counts_only_what_lives(limits: MongoRateLimiterBackend) -> None:
    limits.add("a", 5, TTL_MS)
    limits.add("b", 5, 0)
    assert not limits.incr_and_sum("c", lambda: ["a", "b", "c"], 6, 10, TTL_MS)
    assert limits.incr_and_sum("c", lambda: ["a", "b", "c"], 5, 10, TTL_MS)
    assert not limits.incr_and_sum("d", lambda: ["a", "c"], 1, 10, TTL_MS)


def test_a_mutex_is_held_by_one_and_then_by_the_next(limits: MongoRateLimiterBackend) -> None:
    mutex = ConcurrentRateLimiter(limits, "mutex", limit=1)
    with mutex.acquire():
        assert not acquired(mutex)
        with pytest.raises(RateLimitExceeded), mutex.acquire():
            pass
    assert acquired(mutex)


def test_as_many_run_at_a_time_as_the_limit_says(limits: MongoRateLimiterBackend) -> None:
    limiter = ConcurrentRateLimiter(limits, "concurrent", limit=3)
    with limiter.acquire(), limiter.acquire(), limiter.acquire():
        assert granted(lambda _: acquired(limiter), attempts=20) == 0


def test_a_bucket_holds_its_limit(limits: MongoRateLimiterBackend) -> None:
    limiter = BucketRateLimiter(limits, "bucket", limit=10, bucket=3_600_000)
    before = time.time() // 3600
    count = granted(lambda _: acquired(limiter), attempts=40)
    assert count == 10 or time.time() // 3600 != before


def test_a_window_holds_its_limit_and_moves_on(limits: MongoRateLimiterBackend) -> None:
    limiter = WindowRateLimiter(limits, "window", limit=10, window=60)
    assert granted(lambda _: acquired(limiter), attempts=40) == 10
    short = WindowRateLimiter(limits, "short", limit=1, window=1)
    assert acquired(short)
    assert eventually(lambda: acquired(short), within_s=5)
