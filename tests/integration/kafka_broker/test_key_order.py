"""`ordering="key"`: records of a key one after another as in the log, other keys beside them."""

import threading
import time
from collections import defaultdict

import dramatiq

from tasks.kafka_broker import KafkaBroker, PutBack, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker

KEYS = 7


class Order:
    """Notes which records of each key ran, and whether two ever ran at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self.ran: dict[str, list[int]] = defaultdict(list)
        self.overlaps: list[str] = []
        self.most_at_a_time = 0

    def begin(self, key: str) -> None:
        with self._lock:
            if key in self._running:
                self.overlaps.append(key)
            self._running.add(key)
            self.most_at_a_time = max(self.most_at_a_time, len(self._running))

    def end(self, key: str, number: int) -> None:
        with self._lock:
            self._running.discard(key)
            self.ran[key].append(number)

    def count(self) -> int:
        with self._lock:
            return sum(map(len, self.ran.values()))


def _make(make_broker: MakeBroker, *, partitions: int) -> KafkaBroker:
    return make_broker(num_partitions=partitions, queues={"default": QueueOptions(ordering="key")})


def test_records_of_a_key_run_in_log_order_while_workers_come_and_go(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """A partition that moves takes its keys with it, each where it stood."""
    order = Order()

    def make_worker_broker() -> KafkaBroker:
        broker = _make(make_broker, partitions=4)

        @dramatiq.actor(broker=broker)
        def go(key: str, number: int) -> None:
            order.begin(key)
            time.sleep(0.002 * (number % 3))
            order.end(key, number)

        return broker

    first, second = make_worker_broker(), make_worker_broker()
    go = first.get_actor("go")
    count = 1400
    first.enqueue_many(
        go.message_with_options(args=(str(number % KEYS), number), key=str(number % KEYS))
        for number in range(count)
    )
    start_worker(first, threads=4)
    eventually(lambda: order.count() >= 100)
    joined = start_worker(second, threads=4)
    eventually(second.is_consuming, within_s=30)
    eventually(lambda: order.count() >= 600)
    joined.stop()
    first.join("default", timeout=60_000)
    assert order.overlaps == []
    for key in map(str, range(KEYS)):
        assert order.ran[key] == list(range(int(key), count, KEYS))
    assert order.most_at_a_time > 1


def test_a_slow_key_holds_up_no_other_key_of_its_partition(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = _make(make_broker, partitions=1)
    slow_may_end = threading.Event()
    done: list[str] = []

    @dramatiq.actor(broker=broker)
    def go(key: str) -> None:
        if key == "slow":
            slow_may_end.wait(60)
        done.append(key)

    for key in ["slow"] * 40 + [f"quick {number}" for number in range(40)]:
        go.send_with_options(args=(key,), key=key)
    start_worker(broker, threads=2)
    eventually(lambda: len(done) == 40)
    assert "slow" not in done
    slow_may_end.set()
    broker.join("default", timeout=30_000)
    assert len(done) == 80


def test_a_record_that_is_put_back_keeps_its_place_and_one_that_is_retried_goes_to_the_end(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """A retry is a new record; the others of its key do not wait for hours behind it."""
    broker = _make(make_broker, partitions=1)
    ran: list[str] = []

    @dramatiq.actor(broker=broker, min_backoff=100, max_backoff=100)
    def go(name: str) -> None:
        ran.append(name)
        if ran.count(name) == 1 and name == "put back":
            raise PutBack
        if ran.count(name) == 1 and name == "fails":
            raise ValueError("once more")

    for name in ("put back", "fails", "third"):
        go.send_with_options(args=(name,), key="one")
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert ran == ["put back", "put back", "fails", "third", "fails"]
