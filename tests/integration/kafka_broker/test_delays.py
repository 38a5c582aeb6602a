"""Messages that may not run yet: on Kafka until they are due, whoever dies meanwhile."""

import time
from typing import Any

import dramatiq
import pytest
from kafka import KafkaProducer
from kafka.serializer import Serializer

from devstack.kafka import Kafka
from tasks.kafka_broker import KafkaBroker, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

DAY_MS = 86_400_000

Go = dramatiq.Actor[..., None]


class Ran:
    """When each message ran, in milliseconds since 1970."""

    def __init__(self) -> None:
        self.at_ms: dict[int, list[int]] = {}

    def declare_go(self, broker: KafkaBroker) -> Go:
        @dramatiq.actor(broker=broker)
        def go(number: int) -> None:
            self.at_ms.setdefault(number, []).append(int(time.time() * 1000))

        return go


@pytest.fixture
def ran() -> Ran:
    return Ran()


def _send(go: Go, delays_ms: list[int]) -> dict[int, int]:
    """Send one message for each delay; return when each is due at the earliest."""
    due_ms = {}
    for number, delay_ms in enumerate(delays_ms):
        due_ms[number] = int(time.time() * 1000) + delay_ms
        go.send_with_options(args=(number,), delay=delay_ms)
    return due_ms


def test_no_message_runs_early_and_each_runs_once_while_two_processes_share_the_tiers(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    brokers = [make_broker(), make_broker()]
    go, _ = (ran.declare_go(broker) for broker in brokers)
    for broker in brokers:
        start_worker(broker)
    due_ms = _send(go, [1, 10, 500, 999, 1000, 1001, 1500, 1999, 2000, 2500] * 5)
    brokers[0].join("default", timeout=30_000)
    assert ran.at_ms.keys() == due_ms.keys()
    assert all(len(times) == 1 for times in ran.at_ms.values())
    early = {n: due - ran.at_ms[n][0] for n, due in due_ms.items() if ran.at_ms[n][0] < due}
    assert early == {}


class _Nothing(Serializer):  # type: ignore[misc] # untyped driver
    def serialize(self, topic: str, headers: Any, data: Any) -> None:  # noqa: ARG002
        return None


@pytest.mark.parametrize("delay_ms", [0, -1, -DAY_MS])
def test_a_delay_of_nothing_or_less_is_none(
    make_broker: MakeBroker, log: Log, ran: Ran, delay_ms: int
) -> None:
    broker = make_broker()
    ran.declare_go(broker).send_with_options(args=(1,), delay=delay_ms)
    queue = broker.queues["default"]
    assert len(log.read(queue.topic)) == 1
    assert log.read(queue.delay_topic) == []


def test_a_delay_beyond_the_longest_tier_begins_in_that_one(
    make_broker: MakeBroker, log: Log, ran: Ran
) -> None:
    broker = make_broker()
    (due_ms,) = _send(ran.declare_go(broker), [30 * DAY_MS]).values()
    (record,) = log.read(broker.queues["default"].delay_topic)
    headers = dict(record.headers)
    assert record.partition == 8
    assert 0 <= int(headers["dramatiq-delay-until"]) - due_ms < 10_000
    assert 0 <= int(headers["dramatiq-delay-release"]) - (due_ms - 29 * DAY_MS) < 10_000


def test_a_delayed_message_outlives_all_workers(
    make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    first = make_broker()
    due_ms = _send(ran.declare_go(first), [2500] * 10 + [8000] * 10)
    worker = start_worker(first)
    eventually(first.is_consuming, within_s=20)
    worker.stop()
    first.close()
    # A slow machine may have been at it for longer than the first ones wait.
    assert ran.at_ms.keys() <= set(range(10))
    second = make_broker()
    ran.declare_go(second)
    start_worker(second)
    second.join("default", timeout=30_000)
    assert {number: len(times) for number, times in ran.at_ms.items()} == dict.fromkeys(due_ms, 1)
    assert all(ran.at_ms[number][0] >= due for number, due in due_ms.items())


GARBAGE: dict[bytes, list[tuple[str, bytes]]] = {
    b"no headers": [],
    b"no time": [("dramatiq-delay-topic", b"%b")],
    b"bad time": [("dramatiq-delay-topic", b"%b"), ("dramatiq-delay-until", b"soon")],
    b"endless time": [("dramatiq-delay-release", b"9" * 400), ("dramatiq-delay-until", b"1")],
    b"other topic": [("dramatiq-delay-topic", b"nowhere"), ("dramatiq-delay-until", b"1")],
    b"no topic name": [("dramatiq-delay-topic", b"\xff/"), ("dramatiq-delay-until", b"1")],
}


def test_garbage_among_delayed_messages_is_buried_as_it_was_and_holds_nothing_up(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log, ran: Ran
) -> None:
    """It would be read again for ever, and with it no delayed message would ever run."""
    broker = make_broker()
    go = ran.declare_go(broker)
    broker.ensure_topics()
    queue = broker.queues["default"]
    for key, headers in GARBAGE.items():
        filled = [(name, value.replace(b"%b", queue.topic.encode())) for name, value in headers]
        log.write(queue.delay_topic, b"\xff", key=key, headers=filled, partition=1)
    _send(go, [1100])
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert len(ran.at_ms[0]) == 1
    letters = log.read(queue.dead_letter_topic)
    assert {letter.key for letter in letters} == GARBAGE.keys()
    assert {letter.value for letter in letters} == {b"\xff"}


def test_a_record_without_key_and_value_is_buried_too(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log, kafka_bootstrap: str, ran: Ran
) -> None:
    """kafka-python sends no such record, but other clients do, to any topic."""
    broker = make_broker()
    ran.declare_go(broker)
    broker.ensure_topics()
    queue = broker.queues["default"]
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, value_serializer=_Nothing())
    for topic in (queue.topic, queue.delay_topic):
        producer.send(topic, value="nothing", partition=0).get(10)
    producer.close(timeout=5)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert [(r.key, r.value) for r in log.read(queue.dead_letter_topic)] == [(None, b"")] * 2


def test_a_delayed_message_arrives_in_its_lane_with_its_key_and_the_headers_of_others(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    queues = {"default": QueueOptions(lanes=True)}
    broker = make_broker(queues=queues, middleware=[dramatiq.middleware.Retries(max_retries=1)])
    tries = []

    @dramatiq.actor(broker=broker, min_backoff=200, max_backoff=200)
    def go() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once more")

    broker.ensure_topics()
    topic = broker.queues["default"].lane_topics["high"]
    headers = [("theirs", b"\xff"), ("dramatiq-actor", b"go")]
    log.write(topic, b"{ }", key=b"\x00key", headers=headers)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    first, second = log.read(topic)
    assert (second.key, second.value) == (first.key, first.value)
    assert ("theirs", b"\xff") in second.headers
    assert not [name for name, _ in second.headers if name.startswith("dramatiq-delay")]
    assert len(tries) == 2


def test_the_pump_goes_on_when_kafka_is_back(
    own_kafka: Kafka, make_broker: MakeBroker, start_worker: StartWorker, ran: Ran
) -> None:
    broker = make_broker(bootstrap_servers=[own_kafka.bootstrap], publish_timeout_s=20.0)
    go = ran.declare_go(broker)
    start_worker(broker)
    due_ms = _send(go, [1500, 3000, 4000])
    eventually(lambda: ran.at_ms.keys() >= {0}, within_s=30)
    own_kafka.kill()
    own_kafka.start()
    broker.join("default", timeout=60_000)
    assert all(ran.at_ms[number][0] >= due for number, due in due_ms.items())


def test_a_delay_is_no_option_of_the_message(make_broker: MakeBroker, log: Log, ran: Ran) -> None:
    """dramatiq's worker holds a message with the option `eta` in its memory."""
    broker = make_broker()
    _send(ran.declare_go(broker), [DAY_MS])
    (record,) = log.read(broker.queues["default"].delay_topic)
    assert "dramatiq-options" not in dict(record.headers)
