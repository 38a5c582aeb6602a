"""dramatiq on Redis, as its documentation sets it up."""

import contextlib
from collections.abc import Iterator

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.inside import run, work

_run = run.current()
broker = RedisBroker(  # type: ignore[no-untyped-call]
    url=f"redis://{_run.address}/0", namespace=_run.queue
)
do = dramatiq.actor(broker=broker)(work.do)


@contextlib.contextmanager
def producer() -> Iterator[work.Producer]:
    """Send with `send`: it has no bulk way."""

    def send_all(tasks: list[work.Task]) -> None:
        for task in tasks:
            do.send(**task)

    yield work.Producer(lambda task: do.send(**task), send_all)
    broker.close()
