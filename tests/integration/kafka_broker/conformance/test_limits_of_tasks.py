"""Limits that middleware sets to a task: its age, its time, and what it may know and await."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.middleware import CurrentMessage, TimeLimitExceeded

from tasks.kafka_broker import KafkaBroker

Done = Callable[[], None]
Buried = Callable[[dramatiq.Message[Any]], bool]


def test_a_message_that_is_too_old_is_a_dead_letter(
    broker: KafkaBroker, done: Done, buried: Buried
) -> None:
    ran: list[str] = []

    @dramatiq.actor(max_age=60_000)
    def go(name: str) -> None:
        ran.append(name)

    old = go.message("old").copy(message_timestamp=int(time.time() * 1000) - 61_000)
    own = go.message_with_options(args=("own limit",), max_age=300_000)
    own = own.copy(message_timestamp=old.message_timestamp)
    for message in (old, own, go.message("new")):
        broker.enqueue(message)
    done()
    assert sorted(ran) == ["new", "own limit"]
    assert buried(old)


def test_a_task_that_takes_too_long_is_stopped(done: Done, buried: Buried) -> None:
    stopped: list[str] = []

    @dramatiq.actor(time_limit=100, max_retries=0)
    def go(name: str) -> None:
        try:
            for _ in range(200):
                time.sleep(0.05)
        except TimeLimitExceeded:
            stopped.append(name)
            raise

    by_actor = go.send("actor")
    by_message = go.send_with_options(args=("message",), time_limit=50)
    done()
    assert sorted(stopped) == ["actor", "message"]
    assert buried(by_actor)
    assert buried(by_message)


def test_every_thread_has_its_own_current_message(done: Done) -> None:
    meet = threading.Barrier(2)
    seen: dict[int, str] = {}

    @dramatiq.actor
    def go(number: int) -> None:
        meet.wait(20)
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen[number] = message.message_id

    sent = {number: go.send(number).message_id for number in (1, 2)}
    done()
    assert seen == sent
    assert CurrentMessage.get_current_message() is None


def test_coroutines_are_actors_and_share_a_loop(done: Done, buried: Buried) -> None:
    loops: list[object] = []

    @dramatiq.actor
    async def go() -> None:
        await asyncio.sleep(0.01)
        loops.append(asyncio.get_running_loop())

    @dramatiq.actor(max_retries=0)
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    for _ in range(3):
        go.send()
    failed = fail.send()
    done()
    assert len(loops) == 3
    assert len(set(map(id, loops))) == 1
    assert buried(failed)


def test_the_more_important_actor_runs_first_among_what_was_prefetched(
    broker: KafkaBroker, done: Done
) -> None:
    order: list[str] = []
    may_begin = threading.Event()
    lock = threading.Lock()

    @dramatiq.actor
    def block() -> None:
        may_begin.wait(20)

    @dramatiq.actor(priority=100)
    def later() -> None:
        with lock:
            order.append("later")
            time.sleep(0.02)

    @dramatiq.actor(priority=0)
    def sooner() -> None:
        with lock:
            order.append("sooner")
            time.sleep(0.02)

    # The worker has 8 threads and prefetches as many messages again.
    broker.enqueue_many([block.message() for _ in range(8)])
    broker.enqueue_many(
        [*(later.message() for _ in range(4)), *(sooner.message() for _ in range(4))]
    )
    threading.Timer(0.5, may_begin.set).start()
    done()
    assert len(order) == 8
    assert order.index("later") > 0
    assert sum(place for place, name in enumerate(order) if name == "sooner") < 14
