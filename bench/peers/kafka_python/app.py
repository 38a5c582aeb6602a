"""kafka-python alone: JSON in, JSON out, one thread, a commit for each batch that `poll` gave.

`python -m bench.peers.kafka_python.app` is the worker. Its tasks run in the polling thread.
"""

import contextlib
import json
from collections.abc import Iterator

from kafka import KafkaConsumer, KafkaProducer

from bench.inside import run, work

_run = run.current()
#: Lets records of a busy producer share a batch; a lone record must not wait.
_BULK_LINGER_MS = 5


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send asynchronously and flush once; or wait for each record without lingering."""
    bulk = _producer(_BULK_LINGER_MS)
    single = _producer(0)

    def send_all(tasks: list[work.Task]) -> None:
        for task in tasks:
            bulk.send(_run.queue, _encode(task))
        bulk.flush()

    bulk.partitions_for(_run.queue)
    yield work.Producer(lambda task: single.send(_run.queue, _encode(task)).get(), send_all)
    bulk.close()
    single.close()


def consume() -> None:
    """Run tasks until killed."""
    consumer = KafkaConsumer(
        _run.queue,
        bootstrap_servers=_run.address,
        group_id=_run.queue,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    while True:
        batches = consumer.poll(timeout_ms=1000)
        for records in batches.values():
            for record in records:
                work.do(**json.loads(record.value))
        if batches:
            consumer.commit()


def _producer(linger_ms: int) -> KafkaProducer:
    return KafkaProducer(bootstrap_servers=_run.address, acks="all", linger_ms=linger_ms)


def _encode(task: work.Task) -> bytes:
    return json.dumps(task).encode()


if __name__ == "__main__":
    consume()
