"""Workers come, go, are stopped and are killed: nothing is lost, little is repeated."""

import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import dramatiq
import pytest

from devstack.kafka import Kafka
from tasks.kafka_broker import BrokerObserver, KafkaBroker, Rebalance
from tests.eventually import eventually
from tests.integration.kafka_broker import worker_process
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

StartProcess = Callable[..., "subprocess.Popen[bytes]"]


class Runs:
    """What the worker processes noted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self, event: str) -> Counter[int]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        noted = [line.split() for line in lines]
        return Counter(int(number) for kind, number in noted if kind == event)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def start_process(kafka_bootstrap: str, topic_prefix: str, runs: Runs) -> Iterator[StartProcess]:
    processes: list[subprocess.Popen[bytes]] = []

    def start(*, task_s: float) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", worker_process.__name__, kafka_bootstrap, topic_prefix]
        processes.append(subprocess.Popen([*command, str(runs.path), str(task_s)]))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def sender(kafka_bootstrap: str, topic_prefix: str) -> Iterator[Callable[[int], KafkaBroker]]:
    brokers = []

    def send(count: int) -> KafkaBroker:
        broker = worker_process.make_broker(kafka_bootstrap, topic_prefix)
        brokers.append(broker)

        @dramatiq.actor(broker=broker)
        def go(number: int) -> None: ...

        for number in range(count):
            go.send(number)
        return broker

    yield send
    for broker in brokers:
        broker.close()


def test_a_killed_worker_loses_nothing_and_only_what_was_not_committed_runs_again(
    sender: Callable[[int], KafkaBroker], start_process: StartProcess, runs: Runs, log: Log
) -> None:
    """kill -9 in the middle, with the default timeouts: Kafka notices after the session timeout."""
    broker = sender(120)
    first = start_process(task_s=0.1)
    eventually(lambda: len(runs.count("end")) >= 60 and log.committed(broker), within_s=30)
    first.kill()
    first.wait()
    begun = len(runs.count("begin"))
    group_id = broker.queues["default"].group_id
    # Until then Kafka may take a commit that was under way.
    eventually(
        lambda: log.admin.describe_groups([group_id])[group_id]["group_state"] == "Empty",
        within_s=30,
    )
    (lag,) = broker.lag()
    committed = 120 - lag.unfinished
    assert 0 < committed <= len(runs.count("end"))
    start_process(task_s=0.01)
    broker.join("default", timeout=30_000)
    assert set(runs.count("end")) == set(range(120))
    assert sum(runs.count("begin").values()) == 120 + begun - committed


def test_a_stopped_worker_loses_nothing_and_repeats_nothing(
    sender: Callable[[int], KafkaBroker], start_process: StartProcess, runs: Runs
) -> None:
    count = 600  # far more than are done by the time that it is told to stop
    broker = sender(count)
    first = start_process(task_s=0.1)
    eventually(lambda: len(runs.count("end")) >= 20, within_s=30)
    first.terminate()
    assert first.wait(30) == 0
    assert len(runs.count("end")) < count
    assert runs.count("begin") == runs.count("end")
    start_process(task_s=0.01)
    broker.join("default", timeout=30_000)
    assert runs.count("end") == Counter(range(count))


def test_a_worker_that_joins_and_leaves_makes_no_task_run_twice(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """A partition moves only after its running tasks were waited for and committed."""
    seen: Counter[int] = Counter()
    by_worker: Counter[str] = Counter()
    lock = threading.Lock()

    def make_worker_broker(name: str) -> KafkaBroker:
        broker = make_broker(num_partitions=4)

        @dramatiq.actor(broker=broker)
        def go(number: int) -> None:
            time.sleep(0.02)
            with lock:
                seen[number] += 1
                by_worker[name] += 1

        return broker

    first, second = make_worker_broker("first"), make_worker_broker("second")
    send = first.get_actor("go").send
    numbers = itertools.count()

    def send_more(count: int) -> bool:
        for _ in range(count):
            send(next(numbers))
        return False

    send_more(600)
    start_worker(first)
    eventually(lambda: by_worker["first"] >= 50, within_s=20)
    joined = start_worker(second)
    # All may be done before it has joined: it gets something all the same.
    eventually(lambda: by_worker["second"] >= 50 or send_more(20), within_s=30)
    joined.stop()
    first.join("default", timeout=60_000)
    assert seen == Counter(range(next(numbers)))


class Revocations(BrokerObserver):
    def __init__(self) -> None:
        self.revoked: list[int] = []

    def on_rebalance(self, topic: str, change: Rebalance, partitions: Collection[int]) -> None:  # noqa: ARG002
        if change == "revoked":
            self.revoked.extend(partitions)


def test_a_partition_that_moves_waits_for_its_running_task_and_the_others_go_on(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """While one partition is drained, new records of the others must not wait with it."""
    long_may_end = threading.Event()
    begun: set[str] = set()
    seen: Counter[str] = Counter()

    def make_worker_broker(observer: BrokerObserver) -> KafkaBroker:
        broker = make_broker(num_partitions=2, observer=observer)

        @dramatiq.actor(broker=broker)
        def go(name: str) -> None:
            begun.add(name)
            if name.startswith("long"):
                long_may_end.wait(60)
            seen[name] += 1

        return broker

    revocations = Revocations()
    first, second = make_worker_broker(revocations), make_worker_broker(BrokerObserver())
    first.ensure_topics()

    def send(name: str, partition: int) -> None:
        topic, value = first.queues["default"].topic, b'{"name":"%s"}' % name.encode()
        log.write(topic, value, partition=partition, headers=[("dramatiq-actor", b"go")])

    send("long 0", 0)
    send("long 1", 1)
    start_worker(first)
    eventually(lambda: begun == {"long 0", "long 1"}, within_s=20)
    start_worker(second)
    (leaving,) = eventually(lambda: revocations.revoked, within_s=20)
    send("leaving", leaving)
    send("staying", 1 - leaving)
    eventually(lambda: seen["staying"])
    assert seen == Counter(["staying"])
    long_may_end.set()
    first.join("default", timeout=30_000)
    assert seen == Counter(["long 0", "long 1", "leaving", "staying"])


def test_a_task_that_outlasts_the_wait_for_it_runs_again_elsewhere_and_its_end_is_ignored(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    """Duplicate beats lost, and beats a partition that nobody can take over."""
    has_begun, stuck_may_end = threading.Event(), threading.Event()
    ended: list[str] = []

    def make_worker_broker(name: str) -> KafkaBroker:
        broker = make_broker(drain_timeout_s=0.3)

        @dramatiq.actor(broker=broker)
        def go() -> None:
            if name == "first":
                has_begun.set()
                stuck_may_end.wait(60)
            ended.append(name)

        return broker

    first, second = make_worker_broker("first"), make_worker_broker("second")
    first.get_actor("go").send()
    worker = start_worker(first)
    assert has_begun.wait(20)
    eventually(lambda: log.committed(first) == {0: 0})
    start_worker(second)
    pausing = threading.Thread(target=worker.pause, daemon=True)
    pausing.start()
    eventually(lambda: ended == ["second"], within_s=20)
    eventually(lambda: log.committed(first) == {0: 1})
    stuck_may_end.set()
    pausing.join(20)
    worker.resume()
    eventually(lambda: ended == ["second", "first"])


def test_a_kafka_that_is_killed_and_comes_back_finds_its_workers_and_loses_nothing(
    own_kafka: Kafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker(bootstrap_servers=[own_kafka.bootstrap])
    seen: set[int] = set()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        seen.add(number)
        time.sleep(0.02)

    for number in range(200):
        go.send(number)
    start_worker(broker)
    eventually(lambda: len(seen) >= 20, within_s=30)
    own_kafka.kill()
    with pytest.raises(dramatiq.errors.BrokerConnectionError):
        go.send(-1)
    assert not broker.is_reachable(0.5)
    eventually(lambda: not broker.is_consuming(), within_s=30)
    own_kafka.start()
    go.send(200)
    broker.join("default", timeout=30_000)
    assert set(range(201)) <= seen
