"""Join and flush: what they wait for, what they drop, and how the queue goes on."""

import threading
from collections.abc import Callable

import dramatiq
import pytest

from tasks.kafka_broker import KafkaBroker
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker

Done = Callable[[], None]


def test_flush_drops_what_waits_delayed_messages_too_and_the_queue_goes_on(
    broker: KafkaBroker, done: Done
) -> None:
    may_end = threading.Event()
    ran: list[str] = []

    @dramatiq.actor
    def block() -> None:
        may_end.wait(20)

    @dramatiq.actor
    def go(name: str) -> None:
        ran.append(name)

    for _ in range(8):
        block.send()
    for number in range(50):
        go.send(f"waits {number}")
    for delay in (700, 1200, 3000):
        go.send_with_options(args=(f"delayed {delay}",), delay=delay)
    broker.flush_all()
    may_end.set()
    done()
    go.send("after")
    for delay in (10, 1500):
        go.send_with_options(args=(f"after {delay}",), delay=delay)
    done()
    # As many as there are threads may have been prefetched by then.
    assert len([name for name in ran if name.startswith("waits")]) <= 8
    assert sorted(name for name in ran if not name.startswith("waits")) == [
        "after",
        "after 10",
        "after 1500",
    ]


def test_join_waits_for_what_is_delayed_retried_and_sent_by_others(done: Done) -> None:
    ran: list[str] = []

    @dramatiq.actor(min_backoff=200, max_backoff=200)
    def go(name: str, left: int) -> None:
        ran.append(name)
        if name == "retried" and ran.count(name) < 3:
            raise ValueError("once more")
        if left:
            go.send_with_options(args=(name, left - 1), delay=left * 50)

    go.send("retried", 0)
    go.send("chain", 4)
    done()
    assert sorted(ran) == ["chain"] * 5 + ["retried"] * 3


def test_join_gives_up_after_its_time_and_waits_for_nothing_that_is_not_there(
    make_broker: MakeBroker,
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    broker.join("default", timeout=20_000)
    go.send_with_options(delay=60_000)
    with pytest.raises(dramatiq.QueueJoinTimeout, match="1 messages on queue 'default'"):
        broker.join("default", timeout=10)
    broker.flush("default")
    broker.join("default", timeout=20_000)


def test_flushing_reaches_the_workers_of_this_process_only_for_its_own_queue(
    broker: KafkaBroker, done: Done
) -> None:
    seen = threading.Event()

    @dramatiq.actor
    def go() -> None:
        seen.set()

    go.send_with_options(delay=300)
    broker.declare_queue("flushed")
    broker.flush("flushed")
    done()
    eventually(seen.is_set)
