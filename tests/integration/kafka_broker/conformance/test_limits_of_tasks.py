"""Limits that middleware sets to a task: its age, its time, and what it may know and await."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.middleware import CurrentMessage, TimeLimitExceeded

from tasks.kafka_broker import BrokerObserver, KafkaBroker, PartitionState
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker

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

    # Long enough to have begun to `try`.
    @dramatiq.actor(time_limit=1_000, max_retries=0)
    def go(name: str) -> None:
        try:
            for _ in range(200):
                time.sleep(0.05)
        except TimeLimitExceeded:
            stopped.append(name)
            raise

    by_actor = go.send("actor")
    by_message = go.send_with_options(args=("message",), time_limit=500)
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


class Waiting(BrokerObserver):
    """How many messages were read and not handed out; reported about once a second."""

    def __init__(self) -> None:
        self.count = 0

    def on_partition(self, state: PartitionState) -> None:
        self.count = state.waiting


def test_the_more_important_actor_runs_first_among_what_was_prefetched(
    make_broker: MakeBroker,
) -> None:
    """One thread, or the order in which they ran would be the threads' own."""
    waiting = Waiting()
    broker = make_broker(observer=waiting)
    order: list[str] = []
    began, may_end = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def block() -> None:
        began.set()
        may_end.wait(60)

    @dramatiq.actor(broker=broker, priority=100)
    def later() -> None:
        order.append("later")

    @dramatiq.actor(broker=broker, priority=0)
    def sooner() -> None:
        order.append("sooner")

    block.send()
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=100)
    worker.queue_prefetch = 16
    worker.start()
    assert began.wait(20)
    broker.enqueue_many(
        [*(later.message() for _ in range(4)), *(sooner.message() for _ in range(4))]
    )
    eventually(lambda: waiting.count == 8, within_s=20)
    may_end.set()
    broker.join("default", timeout=20_000)
    worker.stop()
    assert order == ["sooner"] * 4 + ["later"] * 4
