"""Our side: a plain KafkaBroker; only the number of partitions is set, as for the peers."""

import contextlib
from collections.abc import Iterator

import dramatiq

from bench.inside import run, work
from tasks.kafka_broker import KafkaBroker

_run = run.current()
broker = KafkaBroker(
    bootstrap_servers=_run.address, namespace=_run.queue, num_partitions=_run.partitions
)
do = dramatiq.actor(broker=broker)(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `send` and `enqueue_many`."""

    def send_all(tasks: list[work.Task]) -> None:
        broker.enqueue_many([do.message(**task) for task in tasks])

    yield work.Producer(lambda task: do.send(**task), send_all)
    broker.close()
