"""Barriers, and the callbacks of groups that need them."""

# mypy: allow-untyped-calls

import threading
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from dramatiq.rate_limits import Barrier

from tasks.kafka_broker.mongodb import MongoRateLimiterBackend


def test_the_last_party_opens_a_barrier_that_is_made_once(limits: MongoRateLimiterBackend) -> None:
    barrier = Barrier(limits, "barrier")
    assert barrier.create(parties=3)
    assert not barrier.create(parties=10)
    assert [barrier.wait(block=False) for _ in range(3)] == [False, False, True]


def test_all_parties_go_on_together(limits: MongoRateLimiterBackend) -> None:
    barrier = Barrier(limits, "barrier")
    barrier.create(parties=8)
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(barrier.wait, timeout=20_000) for _ in range(7)]
        assert not any(wait.done() for wait in waits)
        assert barrier.wait(timeout=20_000)
        assert all(wait.result() for wait in waits)


def test_who_waits_for_a_party_that_never_comes_gives_up(limits: MongoRateLimiterBackend) -> None:
    barrier = Barrier(limits, "barrier")
    barrier.create(parties=2)
    assert not barrier.wait(timeout=20)


def test_a_wait_without_a_timeout_lasts_until_it_is_notified(
    limits: MongoRateLimiterBackend,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(limits.wait, "event", None)
        limits.wait_notify("event", 60_000)
        assert wait.result(20)
    assert limits.wait("event", 0), "who comes late is let through as well"


def test_an_ended_notification_lets_nobody_through(limits: MongoRateLimiterBackend) -> None:
    limits.wait_notify("event", 0)
    assert not limits.wait("event", 0)


@pytest.mark.usefixtures("stub_worker")
def test_a_group_calls_back_once_when_all_of_it_is_done(stub_broker: StubBroker) -> None:
    done: list[int] = []
    called = threading.Semaphore(0)

    @dramatiq.actor(broker=stub_broker)
    def go(number: int) -> None:
        done.append(number)

    @dramatiq.actor(broker=stub_broker)
    def finish() -> None:
        assert len(done) == 20
        called.release()

    group = dramatiq.group([go.message(n) for n in range(20)], broker=stub_broker)
    group.add_completion_callback(finish.message())
    group.run()
    assert called.acquire(timeout=20)
    stub_broker.join("default")
    assert not called.acquire(blocking=False)
