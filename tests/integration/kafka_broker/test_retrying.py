"""Tasks that fail and run again: through the delay topic, and to the dead letters at last."""

import json
import threading
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage

from devstack.kafka import Kafka
from tasks.kafka_broker import BrokerObserver, KafkaBroker, QueueOptions, Retries
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

#: What Kafka and kafka-python take by default.
RECORD_LIMIT_BYTES = 1_048_576


def _options(record: Any) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(dict(record.headers).get("dramatiq-options", b"{}"))
    return options


def _release_ms(record: Any) -> int:
    headers = dict(record.headers)
    assert headers["dramatiq-delay-release"] == headers["dramatiq-delay-until"]
    return int(headers["dramatiq-delay-release"])


def test_retries_count_up_back_off_and_end_in_one_dead_letter(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker(middleware=[Retries(max_retries=3), CurrentMessage()])
    tries: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=50, max_backoff=200)
    def fail(number: int) -> None:
        message: Any = CurrentMessage.get_current_message()
        tries.append(message.options.get("retries", 0))
        raise ValueError(f"no {number}")

    message = fail.send(1)
    start_worker(broker)
    broker.join("default", timeout=30_000)
    assert tries == [0, 1, 2, 3]
    queue = broker.queues["default"]
    records = log.read(queue.topic)
    assert [_options(record).get("retries", 0) for record in records] == [0, 1, 2, 3]
    assert {dict(record.headers)["dramatiq-message-id"] for record in records} == {
        message.message_id.encode()
    }
    waits_ms = [
        _release_ms(r) - _options(r)["requeue_timestamp"] for r in log.read(queue.delay_topic)
    ]
    assert len(waits_ms) == 3
    assert all(0 < wait_ms <= 200 + 50 for wait_ms in waits_ms)
    (letter,) = log.read(queue.dead_letter_topic)
    assert dict(letter.headers)["kafka_dlt-exception-message"] == b"no 1"


def test_a_long_backoff_waits_in_a_long_tier(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker(queues={"default": QueueOptions(lanes=True)})

    @dramatiq.actor(broker=broker, lane="low")
    def fail() -> None:
        raise Retry(delay=2 * 3600 * 1000)

    fail.send()
    start_worker(broker)
    queue = broker.queues["default"]
    (record,) = eventually(lambda: log.read(queue.delay_topic))
    assert record.partition == 6  # an hour
    assert dict(record.headers)["dramatiq-delay-topic"] == queue.lane_topics["low"].encode()


def test_a_retried_record_of_another_program_keeps_key_value_headers_and_lane(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker(queues={"default": QueueOptions(lanes=True, default_actor="go")})
    tries: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=100, max_backoff=100)
    def go(number: float) -> None:  # noqa: ARG001
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("once more")

    broker.ensure_topics()
    topic = broker.queues["default"].lane_topics["high"]
    log.write(topic, b'{ "number" : 1.0 }', key=b"\x00\xff", headers=[("theirs", b"\xff")])
    start_worker(broker)
    broker.join("default", timeout=30_000)
    records = log.read(topic)
    assert [(r.key, r.value) for r in records] == [(b"\x00\xff", b'{ "number" : 1.0 }')] * 3
    assert all(("theirs", b"\xff") in record.headers for record in records)
    ids = {dict(record.headers).get("dramatiq-message-id") for record in records}
    assert ids == {None, f"{topic}-0-0".encode()}


def _fail_once(broker: KafkaBroker, may_fail: threading.Event) -> tuple[Any, list[int]]:
    tries: list[int] = []

    @dramatiq.actor(broker=broker, min_backoff=100, max_backoff=100)
    def go() -> None:
        tries.append(1)
        if len(tries) == 1:
            may_fail.wait(60)
            raise ValueError("once more")

    return go, tries


def test_a_retry_that_cannot_be_sent_keeps_its_record_until_kafka_is_back(
    own_kafka: Kafka, make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    """Trap 1: dramatiq swallows the error of the send and acknowledges the message."""
    broker = make_broker(bootstrap_servers=[own_kafka.bootstrap], publish_timeout_s=4.0)
    may_fail = threading.Event()
    go, tries = _fail_once(broker, may_fail)
    go.send()
    start_worker(broker)
    eventually(lambda: tries)
    own_kafka.kill()
    may_fail.set()
    own_kafka.start()
    eventually(lambda: len(tries) >= 2, within_s=40)
    broker.join("default", timeout=30_000)


class Failures(BrokerObserver):
    def __init__(self) -> None:
        self.topics: set[str] = set()

    def on_publish_failed(self, topic: str, error: BaseException) -> None:  # noqa: ARG002
        self.topics.add(topic)


def test_a_record_is_not_done_before_its_retry_is_sent(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    failures = Failures()
    broker = make_broker(publish_timeout_s=2, observer=failures)
    may_fail = threading.Event()
    go, tries = _fail_once(broker, may_fail)
    go.send()
    start_worker(broker)
    eventually(lambda: tries)
    queue = broker.queues["default"]
    log.admin.delete_topics([queue.delay_topic])
    may_fail.set()
    eventually(lambda: failures.topics == {queue.delay_topic}, within_s=30)
    # It holds up no other.
    go.send()
    eventually(lambda: len(tries) == 2, within_s=30)
    assert log.committed(broker).get(0, 0) == 0
    log.admin.create_topics({queue.delay_topic: {"num_partitions": 9}}, wait_for_metadata=True)
    eventually(lambda: len(tries) >= 3, within_s=30)
    broker.join("default", timeout=30_000)
    assert log.read(queue.dead_letter_topic) == []


@pytest.mark.parametrize("delay_ms", [0, 100])
def test_a_retry_that_has_become_too_large_is_buried(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log, delay_ms: int
) -> None:
    """Trap 7: the record fits, but not with the traceback that its retry carries."""
    broker = make_broker(middleware=[Retries()])

    @dramatiq.actor(broker=broker)
    def go(padding: str) -> None:  # noqa: ARG001
        raise Retry("x" * 4000, delay=delay_ms)

    go.send(padding="x" * (RECORD_LIMIT_BYTES - 1000))
    start_worker(broker)
    broker.join("default", timeout=30_000)
    (letter,) = log.read(broker.queues["default"].dead_letter_topic)
    assert dict(letter.headers)["kafka_dlt-exception-fqcn"].endswith(b"RecordTooLargeError")
    assert len(letter.value) > RECORD_LIMIT_BYTES - 1000
