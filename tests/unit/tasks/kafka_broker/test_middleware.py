"""What the broker says before a task."""

import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import SkipMessage
from kafka.structs import TopicPartition

from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.message import KafkaMessage
from tasks.kafka_broker.middleware import OwnershipGuard
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

PARTITION = TopicPartition("tasks", 0)
BROKER = StubBroker(middleware=[])


@pytest.fixture
def inbox() -> Inbox:
    inbox = Inbox(
        lane_topics={"normal": "tasks"}, make_line=LogOrder, max_in_flight=1, put_back_delay_s=0
    )
    inbox.assign({PARTITION: OffsetTracker()})
    inbox.add(PARTITION, [make_record()])
    return inbox


@pytest.fixture
def message(inbox: Inbox) -> KafkaMessage:
    delivery = inbox.take(0)
    assert delivery is not None
    return KafkaMessage(Message("q", "a", (), {}, {}), delivery)


def test_a_prefetched_message_whose_partition_went_is_skipped_and_put_back(
    inbox: Inbox, message: KafkaMessage
) -> None:
    inbox.fence([PARTITION])
    with pytest.raises(SkipMessage):
        OwnershipGuard(stop_handing_out=inbox.stop).before_process_message(BROKER, message)
    assert message.is_put_back
    assert not message.is_owned
