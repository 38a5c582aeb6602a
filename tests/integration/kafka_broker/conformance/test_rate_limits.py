"""Rate limiters inside tasks: who is refused runs later, and nobody is lost."""

# mypy: allow-untyped-calls

import threading
import time
from collections.abc import Callable

import dramatiq
from dramatiq.rate_limits import BucketRateLimiter, ConcurrentRateLimiter, WindowRateLimiter

from tasks.kafka_broker.mongodb import MongoRateLimiterBackend

Done = Callable[[], None]


def test_a_mutex_lets_one_task_at_a_time_and_all_in_the_end(
    limits: MongoRateLimiterBackend, done: Done
) -> None:
    mutex = ConcurrentRateLimiter(limits, "conformance-mutex", limit=1)
    inside = threading.Lock()
    ran: list[int] = []

    # However long the one inside is held up.
    @dramatiq.actor(min_backoff=20, max_backoff=100, max_retries=10_000)
    def go(number: int) -> None:
        with mutex.acquire():
            assert inside.acquire(blocking=False), "two at a time"
            time.sleep(0.01)
            inside.release()
            ran.append(number)

    for number in range(6):
        go.send(number)
    done()
    assert sorted(ran) == list(range(6))


def test_a_task_may_ask_instead_of_being_refused(
    limits: MongoRateLimiterBackend, done: Done
) -> None:
    two_at_once = ConcurrentRateLimiter(limits, "conformance-two", limit=2)
    meet = threading.Barrier(3)
    answers: list[bool] = []

    @dramatiq.actor
    def go() -> None:
        with two_at_once.acquire(raise_on_failure=False) as acquired:
            meet.wait(20)
            answers.append(acquired)

    for _ in range(3):
        go.send()
    done()
    assert sorted(answers) == [False, True, True]


def test_buckets_and_windows_let_only_so_many_through(
    limits: MongoRateLimiterBackend, done: Done
) -> None:
    limiters = [
        BucketRateLimiter(limits, "conformance-bucket", limit=2, bucket=60_000),
        WindowRateLimiter(limits, "conformance-window", limit=2, window=60),
    ]
    passed: list[int] = []

    @dramatiq.actor
    def go(place: int) -> None:
        with limiters[place].acquire(raise_on_failure=False) as acquired:
            if acquired:
                passed.append(place)

    for place in (0, 0, 0, 1, 1, 1):
        go.send(place)
    done()
    # The bucket may turn over between two tasks.
    assert passed.count(1) == 2
    assert passed.count(0) in {2, 3}
