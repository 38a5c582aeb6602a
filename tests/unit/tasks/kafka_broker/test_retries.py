"""Whether a task that raised runs again and when, without a Kafka."""

from typing import Any

import dramatiq
import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import Retry
from dramatiq.middleware import Shutdown
from kafka.structs import TopicPartition
from tenacity import stop_after_attempt, stop_after_delay, wait_fixed

from tasks.kafka_broker import PutBack, Retries
from tasks.kafka_broker.inbox import Inbox
from tasks.kafka_broker.lines import LogOrder
from tasks.kafka_broker.message import KafkaMessage
from tasks.kafka_broker.offsets import OffsetTracker
from tests.unit.tasks.kafka_broker.records import make_record

PARTITION = TopicPartition("tasks", 0)
HOUR_MS = 3_600_000


class StoreDownError(Exception):
    pass


class Sent(StubBroker):
    """Keeps what is enqueued with its delay."""

    def __init__(self, middleware: Retries) -> None:
        super().__init__(middleware=[middleware])
        self.sent: list[tuple[Any, int | None]] = []

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        self.sent.append((message, delay))
        return message


def _fail(
    middleware: Retries,
    error: BaseException,
    *,
    options: dict[str, Any] | None = None,
    age_ms: int = 0,
    **actor_options: Any,
) -> tuple[KafkaMessage, list[tuple[Any, int | None]]]:
    broker = Sent(middleware)

    @dramatiq.actor(broker=broker, actor_name="go", **actor_options)
    def go() -> None: ...

    @dramatiq.actor(broker=broker, actor_name="told")
    def told(message: object, info: object) -> None: ...

    inbox = Inbox(
        lane_topics={"normal": "tasks"}, make_line=LogOrder, max_in_flight=1, put_back_delay_s=0
    )
    inbox.assign({PARTITION: OffsetTracker()})
    inbox.add(PARTITION, [make_record()])
    delivery = inbox.take(0)
    assert delivery is not None
    fresh = Message[None]("default", "go", (), {}, options or {})
    aged = fresh.copy(message_timestamp=fresh.message_timestamp - age_ms)
    message = KafkaMessage(aged, delivery)
    middleware.after_process_message(broker, message, exception=error)
    return message, broker.sent


def test_a_task_that_returned_is_left_alone() -> None:
    broker = Sent(Retries())
    Retries().after_process_message(broker, Any, result=1)  # type: ignore[arg-type]
    assert broker.sent == []


def test_a_task_that_raised_is_sent_again_after_the_backoff() -> None:
    message, ((again, delay_ms),) = _fail(Retries(min_backoff=100, max_backoff=1000), ValueError())
    assert again is message
    assert 100 <= (delay_ms or 0) <= 200
    assert message.options["retries"] == 1
    assert "ValueError" in message.options["traceback"]
    assert not message.failed


def test_the_backoff_doubles_up_to_its_limit() -> None:
    retries = Retries(min_backoff=100, max_backoff=1000)
    _, ((_, third),) = _fail(retries, ValueError(), options={"retries": 2})
    assert 400 <= (third or 0) <= 800
    _, ((_, tenth),) = _fail(retries, ValueError(), options={"retries": 9})
    assert 500 <= (tenth or 0) <= 1000


@pytest.mark.parametrize(
    ("middleware", "options", "actor_options"),
    [
        (Retries(max_retries=2), {"retries": 2}, {}),
        (Retries(max_retries=0), {}, {}),
        (Retries(), {"retries": 2}, {"max_retries": 2}),
        (Retries(), {"retries": 2, "max_retries": 2}, {"max_retries": 9}),
        (Retries(retry_when=lambda _n, _error: False), {}, {}),
        (Retries(), {}, {"throws": (ValueError,)}),
        (Retries(stop=stop_after_attempt(3)), {"retries": 2}, {}),
        (Retries(), {"retries": 2}, {"retry_stop": stop_after_attempt(3)}),
    ],
)
def test_a_task_fails_for_good_when_the_options_say_so(
    middleware: Retries, options: dict[str, Any], actor_options: dict[str, Any]
) -> None:
    message, sent = _fail(middleware, ValueError(), options=options, **actor_options)
    assert message.failed
    assert sent == []


@pytest.mark.parametrize(
    ("middleware", "options", "actor_options"),
    [
        (Retries(max_retries=None), {"retries": 1000}, {}),
        (Retries(max_retries=0, retry_when=lambda _n, _error: True), {"retries": 5}, {}),
        (Retries(stop=stop_after_attempt(50)), {"retries": 30}, {}),
        (Retries(max_retries=3), {"retries": "garbage"}, {}),
    ],
)
def test_a_task_runs_again_when_the_options_say_so(
    middleware: Retries, options: dict[str, Any], actor_options: dict[str, Any]
) -> None:
    message, sent = _fail(middleware, ValueError(), options=options, **actor_options)
    assert not message.failed
    assert len(sent) == 1


def test_a_policy_knows_since_when_the_task_is_tried() -> None:
    retries = Retries(stop=stop_after_delay(3600))
    young, _ = _fail(retries, ValueError(), age_ms=HOUR_MS // 2)
    old, _ = _fail(retries, ValueError(), age_ms=2 * HOUR_MS)
    assert not young.failed
    assert old.failed


def test_a_tenacity_policy_sets_the_delay_in_seconds() -> None:
    _, ((_, delay_ms),) = _fail(Retries(wait=wait_fixed(42)), ValueError())
    assert delay_ms == 42_000
    _, ((_, delay_ms),) = _fail(Retries(), ValueError(), retry_wait=wait_fixed(3))
    assert delay_ms == 3_000


def test_a_task_may_set_its_own_delay() -> None:
    _, ((_, delay_ms),) = _fail(Retries(), Retry("later", delay=5))
    assert delay_ms == 5


def test_the_end_of_all_retries_is_told_to_an_actor() -> None:
    message, ((told, _),) = _fail(
        Retries(max_retries=1), ValueError(), options={"retries": 1}, on_retry_exhausted="told"
    )
    assert message.failed
    assert told.actor_name == "told"
    about, info = told.args
    assert about["message_id"] == message.message_id
    assert info == {"retries": 1, "max_retries": 1}


@pytest.mark.parametrize("error", [PutBack(), Shutdown(), StoreDownError()])
def test_some_errors_leave_the_record_where_it_was(error: BaseException) -> None:
    message, sent = _fail(Retries(put_back_on=(StoreDownError,)), error)
    assert message.is_put_back
    assert not message.failed
    assert sent == []
    assert "retries" not in message.options


def test_a_shutdown_is_a_failure_where_no_retry_is_left() -> None:
    message, sent = _fail(Retries(), Shutdown(), max_retries=0)
    assert message.failed
    assert not message.is_put_back
    assert sent == []


def test_a_policy_with_a_bug_makes_a_dead_letter_and_loses_nothing() -> None:
    def broken(_retries: int, _error: BaseException) -> bool:
        raise ZeroDivisionError

    message, sent = _fail(Retries(retry_when=broken), ValueError())
    assert message.failed
    assert sent == []


def test_a_long_traceback_is_cut() -> None:
    message, _ = _fail(Retries(), ValueError("x" * 100_000))
    assert len(message.options["traceback"]) <= 4_000
