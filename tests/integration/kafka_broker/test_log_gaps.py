"""Offsets that hold no record for us: nothing waits for them, and the lag returns to zero."""

from collections.abc import Iterator

import dramatiq
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from tasks.kafka_broker import BrokerObserver, KafkaBroker, PartitionState, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker


class Lag(BrokerObserver):
    def __init__(self) -> None:
        self.last: int | None = None

    def on_partition(self, state: PartitionState) -> None:
        self.last = state.lag


class Gaps:
    """A queue of one partition, and the numbers that its tasks were given."""

    def __init__(self, make_broker: MakeBroker) -> None:
        self._make_broker = make_broker
        self.lag = Lag()
        self.seen: list[int] = []

    def make(self, **options: str) -> KafkaBroker:
        queues = {"default": QueueOptions(default_actor="go")}
        broker = self._make_broker(queues=queues, observer=self.lag, **options)

        @dramatiq.actor(broker=broker)
        def go(number: int) -> None:
            self.seen.append(number)

        return broker


@pytest.fixture
def gaps(make_broker: MakeBroker) -> Gaps:
    return Gaps(make_broker)


@pytest.mark.parametrize(
    ("isolation_level", "numbers"),
    [("read_committed", [0, 2]), ("read_uncommitted", [0, 1, 2, 3])],
)
def test_transactions_leave_nothing_to_wait_for_whether_committed_or_aborted(
    gaps: Gaps,
    start_worker: StartWorker,
    log: Log,
    kafka_bootstrap: str,
    isolation_level: str,
    numbers: list[int],
) -> None:
    """Each ends with a marker, which takes an offset; Kafka's default is to read aborted ones."""
    broker = gaps.make(isolation_level=isolation_level)
    broker.ensure_topics()
    topic = broker.queues["default"].topic
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=topic)
    producer.init_transactions()
    for number in range(4):
        producer.begin_transaction()
        producer.send(topic, value=b'{"number": %d}' % number)
        producer.flush()
        if number % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    producer.close(timeout=5)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert sorted(gaps.seen) == numbers
    assert log.committed(broker) == {0: 8}
    eventually(lambda: gaps.lag.last == 0)


def _set_cleaner(log: Log, config: dict[str, str]) -> None:
    log.admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", config)])


@pytest.fixture
def busy_cleaner(log: Log) -> Iterator[None]:
    """Let Kafka look for what it can compact more often than every 15 s."""
    _set_cleaner(log, {"log.cleaner.backoff.ms": "50"})
    yield
    _set_cleaner(log, {"log.cleaner.backoff.ms": "15000"})


@pytest.mark.usefixtures("busy_cleaner")
def test_what_compaction_took_away_is_not_waited_for(
    gaps: Gaps, start_worker: StartWorker, log: Log
) -> None:
    broker = gaps.make()
    broker.declare_queue("default")
    topic = broker.queues["default"].topic
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "50",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "50",
    }
    spec = {"num_partitions": 1, "configs": config}
    log.admin.create_topics({topic: spec}, wait_for_metadata=True)

    def left() -> list[int]:
        return [record.offset for record in log.read(topic)]

    written = 0

    def has_holes() -> bool:
        """Write one more record, which closes the segment before; look what is left."""
        nonlocal written
        log.write(topic, b'{"number": %d}' % written, key=b"%d" % (written % 3))
        written += 1
        offsets = left()
        return len(offsets) < offsets[-1] - offsets[0] + 1 or offsets[0] > 0

    eventually(lambda: has_holes() and written > 20, within_s=60)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert log.committed(broker) == {0: written}
    assert len(gaps.seen) < written
    assert max(gaps.seen) == written - 1
    eventually(lambda: gaps.lag.last == 0)


def test_what_was_deleted_before_it_was_read_is_not_waited_for(
    gaps: Gaps, start_worker: StartWorker, log: Log
) -> None:
    """Retention does the same to a group that was away for too long."""
    broker = gaps.make()
    go = broker.get_actor("go")
    broker.enqueue_many(go.message(number=number) for number in range(10))
    worker = start_worker(broker)
    broker.join("default", timeout=30_000)
    worker.stop()
    broker.enqueue_many(go.message(number=number) for number in range(10, 20))
    topic = broker.queues["default"].topic
    log.admin.delete_records({TopicPartition(topic, 0): 15})
    again = gaps.make()
    start_worker(again)
    again.join("default", timeout=30_000)
    assert sorted(gaps.seen) == [*range(10), *range(15, 20)]
    eventually(lambda: gaps.lag.last == 0)
