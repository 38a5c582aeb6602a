"""A worker in a process of its own that notes each run, to be stopped, killed or weighed.

`python -m ... BOOTSTRAP NAMESPACE FILE OPTIONS`; OPTIONS are `KafkaBroker`'s as JSON. Each line of
the file is `pid number milliseconds-since-1970`.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dramatiq

from tasks.kafka_broker import KafkaBroker, QueueOptions

THREADS = 4


class Run(NamedTuple):
    """One line of the file."""

    pid: int
    number: int
    at_ms: int


def make_broker(bootstrap: str, namespace: str, **options: Any) -> KafkaBroker:
    queue = QueueOptions(default_actor="go", **options.pop("queue", {}))
    return KafkaBroker(
        bootstrap_servers=[bootstrap], namespace=namespace, queues={"default": queue}, **options
    )


def declare_go(broker: KafkaBroker, path: Path) -> "dramatiq.Actor[..., None]":
    """Declare an actor that notes its runs; the kernel keeps appended lines whole.

    `until`: a path; the task lasts until something is there.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @dramatiq.actor(broker=broker)
    def go(number: int, padding: str = "", until: str = "") -> None:  # noqa: ARG001
        os.write(file, b"%d %d %d\n" % (os.getpid(), number, time.time() * 1000))
        while until and not Path(until).exists():
            time.sleep(0.02)

    return go


def runs(path: Path) -> list[Run]:
    return [Run(*map(int, line.split())) for line in path.read_bytes().splitlines()]


@contextmanager
def _stopped_by_sigterm() -> Iterator[threading.Event]:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    yield stopping


def main(bootstrap: str, namespace: str, path: str, options: str) -> None:
    with _stopped_by_sigterm() as stopping:
        broker = make_broker(bootstrap, namespace, **json.loads(options))
        declare_go(broker, Path(path))
        worker = dramatiq.Worker(broker, worker_threads=THREADS, worker_timeout=100)
        worker.start()
        stopping.wait()
        worker.stop()
        broker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
