"""What the broker does before it ever talks to Kafka."""

import dramatiq
import pytest
from dramatiq.errors import QueueNotFound
from dramatiq.middleware import Middleware, Retries

from tasks.kafka_broker import (
    DeadLetterOnFailure,
    DelayNotSupportedError,
    KafkaBroker,
    QueueOptions,
    RetriesNotSupportedError,
)

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


def test_a_delay_is_refused_by_name() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    broker.declare_queue("q")
    with pytest.raises(DelayNotSupportedError, match="by 1000 ms"):
        broker.enqueue(dramatiq.Message("q", "a", (), {}, {}), delay=1000)


def test_retries_are_refused_because_a_failed_task_would_be_lost() -> None:
    with pytest.raises(RetriesNotSupportedError, match="DeadLetterOnFailure"):
        KafkaBroker(bootstrap_servers=NOWHERE, middleware=[Retries()])


def test_the_default_middleware_is_dramatiqs_with_dead_letters_for_retries() -> None:
    kinds = {type(middleware) for middleware in KafkaBroker(bootstrap_servers=NOWHERE).middleware}
    assert DeadLetterOnFailure in kinds
    assert dramatiq.middleware.TimeLimit in kinds
    assert Retries not in kinds


def test_an_option_kafka_python_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="sasl_mechanisms"):
        KafkaBroker(bootstrap_servers=NOWHERE, sasl_mechanisms="PLAIN")


def test_a_broker_that_consumes_nothing_says_so() -> None:
    broker = KafkaBroker(bootstrap_servers=NOWHERE)
    assert not broker.is_consuming()
    assert broker.seconds_since_poll() == 0
    broker.close()
