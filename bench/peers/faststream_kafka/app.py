"""FastStream on Kafka: eight tasks at a time, each acknowledged when it has ended."""

import asyncio
import contextlib
from collections.abc import Iterator

from faststream import AckPolicy, FastStream  # type: ignore[import-not-found]
from faststream.kafka import KafkaBroker  # type: ignore[import-not-found]

from bench.inside import run, work

_AT_ONCE = 100

_run = run.current()
broker = KafkaBroker(_run.address, acks="all")
app = FastStream(broker)
broker.subscriber(
    _run.queue,
    group_id=_run.queue,
    auto_offset_reset="earliest",
    max_workers=_run.threads,
    ack_policy=AckPolicy.ACK,
)(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `publish`, which waits for the acknowledgement; in bulk a hundred at once."""

    async def send_all(tasks: list[work.Task]) -> None:
        for some in work.chunks(tasks, _AT_ONCE):
            await asyncio.gather(*(broker.publish(task, _run.queue) for task in some))

    with asyncio.Runner() as runner:
        wait_for = runner.get_loop().run_until_complete
        wait_for(broker.connect())
        yield work.Producer(
            lambda task: wait_for(broker.publish(task, _run.queue)),
            lambda tasks: wait_for(send_all(tasks)),
        )
        wait_for(broker.stop())
