"""dramatiq on RabbitMQ with its defaults: messages are persistent, sending waits for no confirm."""

import contextlib
from collections.abc import Iterator

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from bench.inside import run, work

_run = run.current()
broker = RabbitmqBroker(url=f"amqp://guest:guest@{_run.address}")
do = dramatiq.actor(broker=broker, queue_name=_run.queue)(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `send`: it has no bulk way."""

    def send_all(tasks: list[work.Task]) -> None:
        for task in tasks:
            do.send(**task)

    yield work.Producer(lambda task: do.send(**task), send_all)
    broker.close()
