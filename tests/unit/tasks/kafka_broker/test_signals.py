"""What middleware hears, and in what order."""

from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import (
    Interrupt,
    Middleware,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)
from kafka.structs import TopicPartition

from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.message import KafkaMessage
from tasks.kafka_broker.offsets import OffsetTracker
from tasks.kafka_broker.signals import SignallingBroker
from tests.unit.tasks.kafka_broker.records import make_record

PARTITION = TopicPartition("q", 0)


class Noting(Middleware):
    """Notes its name at a task's begin and end."""

    def __init__(self, name: str, heard: list[str], error: BaseException | None = None) -> None:
        self._name = name
        self._heard = heard
        self._error = error

    def before_process_message(self, _broker: object, _message: object) -> None:
        self._heard.append(f"before {self._name}")

    def after_process_message(self, *_args: object, **_kwargs: object) -> None:
        self._heard.append(f"after {self._name}")
        if self._error:
            raise self._error

    def after_skip_message(self, _broker: object, _message: object) -> None:
        self._heard.append(f"skip {self._name}")

    def after_ack(self, _broker: object, _message: object) -> None:
        self._heard.append(f"ack {self._name}")


class NotingTimeLimit(Noting, TimeLimit):  # type: ignore[misc] # the hooks' arguments have other names
    """As the middleware that throws interrupts."""


def _begun() -> KafkaMessage:
    inbox = Inbox(
        lane_topics={"normal": "q"}, make_line=LogOrder, max_in_flight=1, put_back_delay_s=0
    )
    inbox.assign({PARTITION: OffsetTracker()})
    inbox.add(PARTITION, [make_record()])
    delivery = inbox.take(0)
    assert delivery is not None
    message = KafkaMessage(dramatiq.Message[Any]("q", "go", (), {}, {}), delivery)
    assert message.begin()
    return message


def test_the_brokers_own_come_first_and_last_and_are_not_listed() -> None:
    heard: list[str] = []
    users = Noting("user's", heard)
    broker = SignallingBroker([users], own=[Noting("own", heard)])
    assert broker.middleware == [users]
    broker.emit_before("process_message", None)
    broker.emit_after("process_message", None)
    assert heard == ["before own", "before user's", "after user's", "after own"]


def test_none_stands_for_dramatiqs_own_middleware() -> None:
    broker = SignallingBroker(None, own=[])
    assert [type(one) for one in broker.middleware] == [
        type(one) for one in StubBroker().middleware
    ]
    assert {TimeLimit, ShutdownNotifications, Retries} <= {type(one) for one in broker.middleware}


def test_what_throws_interrupts_is_told_of_the_end_first() -> None:
    heard: list[str] = []
    limit = NotingTimeLimit("limit", heard)
    broker = SignallingBroker([Noting("first", heard), limit, Noting("last", heard)], own=[])
    broker.emit_after("process_message", None)
    assert heard == ["after limit", "after last", "after first"]


def test_an_interrupt_among_the_hooks_puts_the_record_back_and_the_others_hear_of_the_end() -> None:
    heard: list[str] = []
    late = Noting("late", heard, Interrupt())
    broker = SignallingBroker([Noting("first", heard), late], own=[])
    message = _begun()
    broker.emit_after("process_message", message)
    assert heard == ["after late", "after first"]
    assert message.is_put_back
    assert not message.is_under_way


def test_an_interrupt_that_hits_what_throws_them_changes_nothing() -> None:
    heard: list[str] = []
    late = NotingTimeLimit("limit", heard, Interrupt())
    broker = SignallingBroker([Noting("first", heard), late], own=[])
    message = _begun()
    broker.emit_after("process_message", message)
    assert heard == ["after limit", "after first"]
    assert not message.is_put_back
    assert not message.is_under_way


def test_of_a_message_that_was_put_back_nobody_hears_that_it_is_done() -> None:
    heard: list[str] = []
    broker = SignallingBroker([Noting("user's", heard)], own=[])
    message = _begun()
    message.put_back()
    broker.emit_after("skip_message", message)
    broker.emit_after("ack", message)
    assert heard == []
    assert message.is_under_way


def test_a_middleware_that_is_taken_away_hears_nothing_more() -> None:
    heard: list[str] = []
    users = Noting("user's", heard)
    broker = SignallingBroker([users], own=[])
    broker.emit_before("process_message", None)
    broker.middleware.remove(users)
    broker.emit_before("process_message", None)
    assert heard == ["before user's"]


def test_a_middleware_that_is_added_while_a_signal_begins_hears_the_next_one() -> None:
    heard: list[str] = []

    class Slow(Noting):
        """While it is asked what it hears, another thread adds one, and a signal is given."""

        is_asked = False

        def __getattribute__(self, name: str) -> Any:
            if name == "before_process_message" and not self.is_asked:
                self.is_asked = True
                broker.add_middleware(Noting("added", heard))
                broker.emit_before("ack", None)
            return super().__getattribute__(name)

    broker = SignallingBroker([Noting("first", heard)], own=[Slow("slow", heard)])
    # The list of the middleware has been read when the slow one is asked.
    broker.emit_before("process_message", None)
    heard.clear()
    broker.emit_before("process_message", None)
    assert heard == ["before slow", "before first", "before added"]
