"""How a task that raised ends: buried, or left where it was."""

import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import Shutdown, SkipMessage
from kafka.structs import TopicPartition

from tasks.kafka_broker import DeadLetterOnFailure, PutBack
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.message import KafkaMessage
from tasks.kafka_broker.middleware import OwnershipGuard
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

PARTITION = TopicPartition("tasks", 0)
BROKER = StubBroker(middleware=[])


class StoreDownError(Exception):
    pass


class StoreIsReallyDown(PutBack):
    pass


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


def test_a_task_that_raised_fails(message: KafkaMessage) -> None:
    DeadLetterOnFailure().after_process_message(BROKER, message, exception=ValueError())
    assert message.failed
    assert not message.is_put_back


def test_a_task_that_returned_is_left_alone(message: KafkaMessage) -> None:
    DeadLetterOnFailure().after_process_message(BROKER, message, result=1)
    assert not message.failed
    assert not message.is_put_back


@pytest.mark.parametrize("error", [PutBack(), StoreIsReallyDown(), Shutdown(), StoreDownError()])
def test_some_errors_leave_the_record_where_it_was(
    message: KafkaMessage, error: BaseException
) -> None:
    middleware = DeadLetterOnFailure(put_back_on=(StoreDownError,))
    middleware.after_process_message(BROKER, message, exception=error)
    assert message.is_put_back
    assert not message.failed


def test_a_message_of_another_broker_can_only_fail() -> None:
    stub = StubBroker(middleware=[])
    stub.declare_queue("q")
    stub.enqueue(Message("q", "a", (), {}, {}))
    other = next(stub.consume("q"))
    assert other is not None
    DeadLetterOnFailure().after_process_message(stub, other, exception=PutBack())
    assert other.failed


def test_a_prefetched_message_whose_partition_went_is_skipped_and_put_back(
    inbox: Inbox, message: KafkaMessage
) -> None:
    inbox.fence([PARTITION])
    with pytest.raises(SkipMessage):
        OwnershipGuard(stop_handing_out=inbox.stop).before_process_message(BROKER, message)
    assert message.is_put_back
    assert not message.is_owned
