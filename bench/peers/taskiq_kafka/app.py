"""taskiq on Kafka: all replicas must have a task, as for the others, and a group reads them all."""

import asyncio
import contextlib
from collections.abc import Iterator

from taskiq_aio_kafka import AioKafkaBroker  # type: ignore[import-not-found]

from bench.inside import run, work

_AT_ONCE = 100

_run = run.current()
broker = AioKafkaBroker(bootstrap_servers=_run.address, kafka_topic=_run.queue)
broker.configure_producer(acks="all")
broker.configure_consumer(group_id=_run.queue, auto_offset_reset="earliest")
do = broker.task(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `kiq`, which waits for the acknowledgement; in bulk a hundred at once."""

    async def send_all(tasks: list[work.Task]) -> None:
        for some in work.chunks(tasks, _AT_ONCE):
            await asyncio.gather(*(do.kiq(**task) for task in some))

    with asyncio.Runner() as runner:
        wait_for = runner.get_loop().run_until_complete
        wait_for(broker.startup())
        yield work.Producer(
            lambda task: wait_for(do.kiq(**task)), lambda tasks: wait_for(send_all(tasks))
        )
        wait_for(broker.shutdown())
