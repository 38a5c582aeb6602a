"""What the broker does before it ever talks to Kafka."""

import dramatiq
import pytest
from dramatiq.errors import QueueNotFound
from dramatiq.middleware import Middleware

from tasks.kafka_broker import KafkaBroker, LaneNotDeclaredError, QueueOptions, Retries
from tasks.kafka_broker.addressing import address
from tasks.kafka_broker.config import resolve

#: Nothing listens here: a test that touches the network fails.
NOWHERE = ("127.0.0.1:1",)


class Recorder(Middleware):
    def __init__(self) -> None:
        self.events: list[str] = []

    def before_declare_queue(self, broker: dramatiq.Broker, queue_name: str) -> None:  # noqa: ARG002
        self.events.append(f"before {queue_name}")

    def after_declare_queue(self, broker: dramatiq.Broker, queue_name: str) -> None:  # noqa: ARG002
        self.events.append(f"after {queue_name}")


def test_declaring_needs_no_network_and_happens_once() -> None:
    recorder = Recorder()
    broker = KafkaBroker(bootstrap_servers=NOWHERE, middleware=[recorder])
    broker.declare_queue("mails")
    broker.declare_queue("mails")
    assert recorder.events == ["before mails", "after mails"]
    assert broker.get_declared_queues() == {"mails"}
    assert broker.get_declared_delay_queues() == set()


def test_an_actor_declares_its_queue_with_the_options_given_for_it() -> None:
    broker = KafkaBroker(
        bootstrap_servers=NOWHERE,
        namespace="shop",
        queues={"mails": QueueOptions(topic="letters")},
        num_partitions=3,
    )

    @dramatiq.actor(queue_name="mails", broker=broker)
    def send() -> None: ...

    assert broker.queues["mails"].topic == "letters"
    assert broker.queues["mails"].num_partitions == 3


def test_an_unknown_queue_is_refused() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    message = dramatiq.Message[None]("nowhere", "a", (), {}, {})
    with pytest.raises(QueueNotFound):
        broker.enqueue(message)
    with pytest.raises(QueueNotFound):
        broker.consume("nowhere")


def test_dramatiqs_retries_are_replaced_with_the_same_options() -> None:
    broker = KafkaBroker(
        bootstrap_servers=NOWHERE,
        middleware=[dramatiq.middleware.Retries(max_retries=3, min_backoff=7, max_backoff=9)],
    )
    (retries,) = (m for m in broker.middleware if isinstance(m, dramatiq.middleware.Retries))
    assert type(retries) is Retries
    assert (retries.max_retries, retries.min_backoff, retries.max_backoff) == (3, 7, 9)


def test_the_default_middleware_is_dramatiqs_with_our_retries() -> None:
    kinds = [type(middleware) for middleware in KafkaBroker(bootstrap_servers=NOWHERE).middleware]
    assert Retries in kinds
    assert {kind.__name__ for kind in dramatiq.middleware.default_middleware} <= {
        kind.__name__ for kind in kinds
    }


def test_middleware_can_stand_beside_dramatiqs_classes() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    recorder = Recorder()
    broker.add_middleware(recorder, before=dramatiq.middleware.Retries)
    place = broker.middleware.index(recorder)
    assert type(broker.middleware[place + 1]) is Retries


def test_only_middleware_that_listens_is_called_and_its_order_is_dramatiqs() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE, middleware=[])
    heard: list[str] = []

    def listener(name: str) -> Middleware:
        class Listener(Middleware):
            def before_ack(self, broker: object, message: object) -> None:  # noqa: ARG002
                heard.append(f"before {name}")

            def after_ack(self, broker: object, message: object) -> None:  # noqa: ARG002
                heard.append(f"after {name}")

        return Listener()

    first, second = listener("first"), listener("second")
    broker.add_middleware(first)
    broker.add_middleware(second)
    broker.emit_before("ack", None)
    broker.emit_after("ack", None)
    assert heard == ["before first", "before second", "after second", "after first"]
    broker.middleware.remove(first)
    broker.emit_before("ack", None)
    assert heard[4:] == ["before second"]


def test_a_lane_that_the_queue_has_not_is_refused() -> None:
    config = resolve(QueueOptions(), "q", namespace="", group_id="g", num_partitions=1)
    message = dramatiq.Message[None]("q", "a", (), {}, {"lane": "high"})
    with pytest.raises(LaneNotDeclaredError, match="queue 'q' has no lane 'high', but normal"):
        address(message, config, None)


def test_an_actors_lane_is_its_messages_unless_they_say_otherwise() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)

    @dramatiq.actor(broker=broker, lane="low")
    def go() -> None: ...

    options = QueueOptions(lanes=True)
    config = resolve(options, "default", namespace="", group_id="g", num_partitions=1)
    assert address(go.message(), config, go).topic == "default.low"
    urgent = go.message_with_options(lane="high")
    assert address(urgent, config, go).topic == "default.high"


def test_an_option_kafka_python_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="sasl_mechanisms"):
        KafkaBroker(bootstrap_servers=NOWHERE, sasl_mechanisms="PLAIN")


def test_a_broker_that_consumes_nothing_says_so() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    assert not broker.is_consuming()
    assert broker.seconds_since_poll() == 0
    broker.close()
