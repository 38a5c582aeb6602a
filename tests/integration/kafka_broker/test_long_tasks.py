"""Tasks that outlast Kafka's patience, and those that would hold their partition back."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import dramatiq

from tasks.kafka_broker import BrokerObserver, Rebalance
from tests.eventually import eventually
from tests.integration.kafka_broker import noting_process
from tests.integration.kafka_broker.support import Log, MakeBroker, StartProcess, StartWorker

#: So many done above a running task have its record carried forward: half of the bound.
MANY = 9000


class Rebalances(BrokerObserver):
    def __init__(self) -> None:
        self.seen: list[Rebalance] = []

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:  # noqa: ARG002
        self.seen.append(change)


def test_a_task_longer_than_max_poll_interval_ms_neither_leaves_the_group_nor_stops_its_partition(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """A consumer that runs its tasks between polls is put out, and its task runs again for ever."""
    rebalances = Rebalances()
    broker = make_broker(observer=rebalances, max_poll_interval_ms=5000, session_timeout_ms=5000)
    may_end = threading.Event()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        ran.append(number)
        if number == 0:
            may_end.wait(60)

    go.send(0)
    start_worker(broker, threads=2)
    eventually(lambda: ran == [0])
    outlasted_at = time.monotonic() + 8
    while time.monotonic() < outlasted_at:
        number = len(ran)
        go.send(number)
        eventually(lambda: ran[-1] == number)  # noqa: B023
    assert rebalances.seen == ["assigned"]
    eventually(lambda: log.committed(broker) == {0: 0})
    may_end.set()
    broker.join("default", timeout=60_000)
    assert ran == list(range(len(ran)))
    assert rebalances.seen == ["assigned"]


def test_a_task_that_would_hold_its_partition_back_is_carried_forward(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """Else reading would stop at the span that a commit can tell, for as long as it takes."""
    broker = make_broker(publish_timeout_s=60.0)
    may_end = threading.Event()
    ran: Counter[int] = Counter()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        ran[number] += 1
        if number == 0:
            may_end.wait(60)

    broker.enqueue_many(go.message(number) for number in range(2 * MANY))
    start_worker(broker)
    eventually(lambda: log.committed(broker).get(0, 0) >= MANY, within_s=60)
    may_end.set()
    broker.join("default", timeout=60_000)
    assert ran == Counter(range(2 * MANY))


def test_a_carried_task_whose_worker_is_killed_runs_again_and_nothing_else_does(
    kafka_bootstrap: str,
    topic_prefix: str,
    start_process: StartProcess,
    noted: Path,
    tmp_path: Path,
    log: Log,
) -> None:
    # No shorter: a worker that stands still for so long is put out, and its tasks run again.
    options = {"num_partitions": 1, "session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **options)
    may_end = tmp_path / "may end"
    with contextlib.closing(broker):
        go = noting_process.declare_go(broker, noted)
        broker.enqueue_many(
            go.message(number, until="" if number else str(may_end)) for number in range(MANY)
        )
        first = start_process(**options)
        eventually(lambda: log.committed(broker).get(0) == MANY, within_s=60)
        first.kill()
        first.wait()
        may_end.touch()
        start_process(**options)
        broker.join("default", timeout=60_000)
    times = Counter(run.number for run in noting_process.runs(noted))
    assert times == Counter(range(MANY)) + Counter([0])
