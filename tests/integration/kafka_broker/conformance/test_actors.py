"""Actors and messages as dramatiq's guide has them."""

import copy
import pickle
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import ActorNotFound, QueueNotFound
from dramatiq.middleware import CurrentMessage

from tasks.kafka_broker import KafkaBroker
from tests.integration.kafka_broker.support import Log, MakeBroker

Done = Callable[[], None]
Buried = Callable[[dramatiq.Message[Any]], bool]


def test_what_is_sent_is_what_the_actor_gets(broker: KafkaBroker, done: Done) -> None:
    calls: list[Any] = []

    @dramatiq.actor
    def go(*args: object, **kwargs: object) -> None:
        calls.append((args, kwargs))

    go.send()
    go.send(1, 2.5, "ü", None, [1, {"a": []}], b=False)
    go.send_with_options(kwargs={"message": 2, "": 3})
    go.send_with_options(args=(1,), kwargs={})
    broker.enqueue(go.message("by hand"))
    done()
    assert sorted(calls, key=repr) == sorted(
        [
            ((), {}),
            ((1, 2.5, "ü", None, [1, {"a": []}]), {"b": False}),
            ((), {"message": 2, "": 3}),
            ((1,), {}),
            (("by hand",), {}),
        ],
        key=repr,
    )


def test_send_returns_the_message_and_the_actor_sees_the_same(
    broker: KafkaBroker, done: Done
) -> None:
    seen: list[dict[str, Any]] = []

    @dramatiq.actor
    def go(_number: int) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(message.asdict())

    sent = go.send_with_options(args=(1,), colour="red", max_retries=3)
    done()
    assert sent.options == {"colour": "red", "max_retries": 3}
    assert (sent.queue_name, sent.actor_name, sent.args) == ("default", "go", (1,))
    assert seen == [sent.asdict()]
    assert broker.enqueue(message := go.message(2)) is message
    done()


@pytest.mark.parametrize("delay", [1500, timedelta(seconds=1.5)])
def test_a_delayed_message_says_when_it_is_due_and_runs_then(
    broker: KafkaBroker, done: Done, delay: Any
) -> None:
    ran_at_ms: dict[str, float] = {}

    @dramatiq.actor
    def go() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        assert "eta" not in message.options
        ran_at_ms[message.message_id] = time.time() * 1000

    message = go.send_with_options(delay=delay)
    sooner = go.send_with_options(delay=500)
    done()
    assert message.queue_name == "default"
    # A slow machine may take a while from the message to its sending.
    assert 1400 < message.options["eta"] - message.message_timestamp < 60_000
    for sent in (message, sooner):
        assert ran_at_ms[sent.message_id] >= sent.options["eta"]
    # Other tests declare queues on this broker too; what must not be there is a delay queue.
    assert "default" in broker.get_declared_queues()
    assert "default.DQ" not in broker.get_declared_queues()
    assert set(broker.get_declared_delay_queues()) == set()


def test_an_actor_is_still_a_function(broker: KafkaBroker) -> None:
    @dramatiq.actor
    def add(x: int, y: int) -> int:
        return x + y

    assert add(1, 2) == 3
    assert broker.get_actor("add") is add
    assert add.queue_name == "default"


def test_what_is_no_json_fails_at_the_send_and_says_why(broker: KafkaBroker) -> None:
    @dramatiq.actor
    def go(value: object) -> None: ...

    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        go.send(object())
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        go.send_with_options(args=(1,), colours={"red"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        go.send(float("nan"))
    assert broker.join("default", timeout=20_000) is None  # type: ignore[func-returns-value]


def test_a_message_for_an_actor_that_is_nowhere_becomes_a_dead_letter(
    broker: KafkaBroker, done: Done, buried: Buried
) -> None:
    broker.declare_queue("default")
    message = dramatiq.Message[None]("default", "nobody", (), {}, {})
    broker.enqueue(message)
    done()
    assert buried(message)
    with pytest.raises(ActorNotFound):
        broker.get_actor("nobody")


def test_a_queue_must_be_declared_first(broker: KafkaBroker) -> None:
    with pytest.raises(QueueNotFound):
        broker.enqueue(dramatiq.Message[None]("nowhere", "go", (), {}, {}))
    for ask in (broker.consume, broker.join, broker.flush):
        with pytest.raises(QueueNotFound):
            ask("nowhere")


def test_an_actor_is_declared_once_and_with_known_options(broker: KafkaBroker) -> None:
    @dramatiq.actor(max_retries=1, max_age=5, time_limit=7, throws=ValueError, lane="normal")
    def go() -> None: ...

    with pytest.raises(ValueError, match="already registered"):
        dramatiq.actor(actor_name="go")(lambda: None)
    with pytest.raises(ValueError, match="undefined: colour"):
        dramatiq.actor(actor_name="other", colour="red")(lambda: None)
    with pytest.raises(ValueError, match="Queue names"):
        dramatiq.actor(actor_name="other", queue_name="no good")(lambda: None)
    assert broker.get_declared_actors() == {"go"}


def test_actors_may_be_classes(broker: KafkaBroker, done: Done) -> None:
    done_by: list[str] = []

    class Base(dramatiq.GenericActor):
        class Meta:
            abstract = True
            max_retries = 0

        def perform(self, number: int) -> None:
            done_by.append(f"{self.get_name()} {number}")

        def get_name(self) -> str:
            raise NotImplementedError

    class First(Base):
        def get_name(self) -> str:
            return "first"

    class Second(Base):
        class Meta:
            actor_name = "the-second"

        def get_name(self) -> str:
            return "second"

    First.send(1)
    Second.send(2)
    done()
    assert sorted(done_by) == ["first 1", "second 2"]
    assert broker.actors.keys() == {"First", "the-second"}


def test_a_received_message_can_be_copied_pickled_and_sent_again(
    broker: KafkaBroker, done: Done
) -> None:
    seen: list[Any] = []

    @dramatiq.actor
    def go(number: int) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        changed = message.copy(args=(number + 1,), options={"again": True})
        assert pickle.loads(pickle.dumps(changed)) == changed == copy.copy(changed)
        seen.append((number, dict(message.options), message.message_id))
        if number < 3:
            broker.enqueue(changed)

    sent = go.send(1)
    done()
    again = {"again": True}
    assert seen == [
        (1, {}, sent.message_id),
        (2, again, sent.message_id),
        (3, again, sent.message_id),
    ]


@pytest.mark.parametrize("eta", ["null", '"soon"', "1e999", "1e300", "{}", "12345"])
def test_an_eta_that_is_no_time_or_over_delays_nothing(
    broker: KafkaBroker, done: Done, log: Log, eta: str
) -> None:
    """Other programs write what they like into the options."""
    ran: list[int] = []

    @dramatiq.actor
    def go() -> None:
        ran.append(1)

    broker.ensure_topics()
    headers = [("dramatiq-actor", b"go"), ("dramatiq-options", b'{"eta":%s}' % eta.encode())]
    log.write(broker.queues["default"].topic, b"{}", headers=headers)
    done()
    assert ran == [1]


def test_thousands_of_messages_all_run_once(broker: KafkaBroker, done: Done) -> None:
    seen: list[int] = []

    @dramatiq.actor
    def go(number: int) -> None:
        seen.append(number)

    for number in range(100):
        go.send(number)
    broker.enqueue_many(go.message(number) for number in range(100, 3000))
    done()
    assert sorted(seen) == list(range(3000))


def test_nothing_is_connected_until_something_is_sent(make_broker: MakeBroker) -> None:
    broker = make_broker(bootstrap_servers=["127.0.0.1:9"])

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    assert go.message().queue_name == "default"
    assert broker.get_declared_actors() == {"go"}
    broker.close()
