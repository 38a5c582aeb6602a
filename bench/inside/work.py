"""The one task that every peer runs, and how it is sent.

A task's arguments are what a small real job would carry (three ids of 24 hexadecimal digits) and
what the bench needs: its number (below 0 for warm-up), when it was sent, and how long it sleeps.
"""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.inside import run
from bench.inside.records import Recorder

Task = dict[str, Any]

WARM_UP = -1
_ID_BYTES = 12
_lock = threading.Lock()
_recorders: list[Recorder] = []


@dataclass(frozen=True)
class Producer:
    """A peer's two ways to enqueue, each as its users would."""

    #: Returns when one call of the peer's own `send` does.
    send: Callable[[Task], object]
    #: Returns when all are where the peer keeps them; the quickest way that it offers.
    send_all: Callable[[list[Task]], object]


def make_task(number: int, sleep_ms: float = 0) -> Task:
    """Return the arguments of a task that is sent now."""
    return {
        "number": number,
        "sent_at": time.time(),
        "sleep_ms": sleep_ms,
        "job_id": secrets.token_hex(_ID_BYTES),
        "user_id": secrets.token_hex(_ID_BYTES),
        "file_name": secrets.token_hex(_ID_BYTES),
    }


def do(
    number: int, sent_at: float, sleep_ms: float, job_id: str, user_id: str, file_name: str
) -> None:
    """Record the start, sleep, record the end."""
    del job_id, user_id, file_name
    recorder = _recorder()
    record = recorder.begin(number, sent_at)
    if sleep_ms:
        time.sleep(sleep_ms / 1000)
    recorder.end(record)


def chunks(tasks: Iterable[Task], size: int) -> Iterator[list[Task]]:
    """Split `tasks` into lists of at most `size`."""
    remaining = iter(tasks)
    while chunk := list(itertools.islice(remaining, size)):
        yield chunk


def _recorder() -> Recorder:
    # Made by the first task and not at import: workers fork after it.
    if not _recorders:
        with _lock:
            if not _recorders:
                _recorders.append(Recorder(Path(run.current().records_dir)))
    return _recorders[0]
