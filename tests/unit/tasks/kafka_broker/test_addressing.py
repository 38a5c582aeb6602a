"""Where a message goes and how old it is when it gets there."""

import time
from typing import Any

import dramatiq
import pytest
from kafka.structs import TopicPartition

from tasks.kafka_broker import QueueOptions
from tasks.kafka_broker.addressing import address, due_after, due_ms
from tasks.kafka_broker.codec import OutgoingRecord
from tasks.kafka_broker.config import resolve
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.message import KafkaMessage
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

QUEUE = resolve(QueueOptions(), "q", namespace="", group_id="g", num_partitions=1)
PARTITION = TopicPartition("q", 0)


def _message(**options: Any) -> dramatiq.Message[Any]:
    return dramatiq.Message("q", "go", (), {}, options, "id", 1000)


def _received(**options: Any) -> Any:
    inbox = Inbox(
        lane_topics={"normal": "q"}, make_line=LogOrder, max_in_flight=1, put_back_delay_s=0
    )
    inbox.assign({PARTITION: OffsetTracker()})
    inbox.add(PARTITION, [make_record()])
    delivery = inbox.take(0)
    assert delivery is not None
    return KafkaMessage(_message(**options), delivery)


def _timestamp(record: OutgoingRecord) -> int:
    return int(dict(record.headers)["dramatiq-timestamp"])


def test_a_message_without_delay_is_sent_as_it_is() -> None:
    message = _message(colour="red")
    assert due_after(message, None) is message
    record = address(message, QUEUE, None)
    assert (record.topic, _timestamp(record)) == ("q", 1000)


def test_a_delayed_message_says_when_it_is_due_and_the_record_says_it_in_other_headers() -> None:
    before_ms = time.time() * 1000
    message = due_after(_message(colour="red"), 60_000)
    eta = message.options["eta"]
    assert before_ms + 59_999 <= eta <= time.time() * 1000 + 60_000
    record = address(message, QUEUE, None)
    headers = dict(record.headers)
    assert record.topic == "q.delay"
    assert headers["dramatiq-delay-until"] == str(eta).encode()
    assert headers["dramatiq-options"] == b'{"colour":"red"}'
    # It is as old as nothing when its time comes.
    assert _timestamp(record) == eta


def test_a_retried_message_keeps_its_age() -> None:
    message = due_after(_received(retries=1), 60_000)
    assert isinstance(message, KafkaMessage)
    record = address(message, QUEUE, None)
    assert record.topic == "q.delay"
    assert _timestamp(record) == 1000


def test_what_is_due_already_goes_to_its_queue() -> None:
    for delay_ms in (0, -1000):
        record = address(due_after(_message(), delay_ms), QUEUE, None)
        assert record.topic == "q"
        assert "dramatiq-options" not in dict(record.headers)


@pytest.mark.parametrize(
    ("eta", "expected"),
    [
        (1.5, 2),
        (2000, 2000),
        (None, None),
        ("soon", None),
        (float("inf"), None),
        (float("nan"), None),
        (10**400, None),
        (10**17, None),
    ],
)
def test_only_numbers_of_some_size_are_a_time(eta: object, expected: int | None) -> None:
    assert due_ms(eta) == expected
