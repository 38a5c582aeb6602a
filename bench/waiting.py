"""Wait until a worker has done what was sent; look at its memory meanwhile."""

import itertools
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from bench.errors import BenchError, IdleError
from bench.inside.records import Progress, Record, read
from bench.inside.run import Run
from bench.memory import Memory
from bench.workers import Worker

_POLL_S = 0.05
_MEMORY_EVERY_S = 0.25
_IDLE_S = 60


def records(run: Run) -> list[Record]:
    """Return what was recorded up to now, without warm-up tasks."""
    everything = itertools.chain.from_iterable(read(Path(run.records_dir)).values())
    return [record for record in everything if record.number >= 0]


def until_begun(worker: Worker, run: Run, count: int) -> Memory:
    """Return when `count` executions have begun, with the largest memory that was seen."""
    largest, measured_at = Memory(0, 0, 0), time.monotonic()
    for seen in _counts(worker, run, _IDLE_S):
        is_over = seen >= count
        if is_over or (seen and time.monotonic() - measured_at > _MEMORY_EVERY_S):
            largest = max(largest, worker.memory(), key=lambda memory: memory.rss_mib)
            measured_at = time.monotonic()
        if is_over:
            break
    return largest


def until_ended(
    worker: Worker, run: Run, numbers: Collection[float], *, idle_s: float = _IDLE_S
) -> list[Record]:
    """Return all records when the tasks of these numbers have ended."""
    done: list[Record] = []
    for seen in _counts(worker, run, idle_s):
        # Reading all takes its time, so only when it may be over.
        if seen >= len(numbers):
            done = records(run)
            if not set(numbers) - {record.number for record in done if record.ended_at}:
                break
    return done


def _counts(worker: Worker, run: Run, idle_s: float) -> Iterator[int]:
    """Say again and again how many executions have begun; IdleError when nothing happens."""
    progress, seen, moved_at = Progress(Path(run.records_dir)), 0, time.monotonic()
    while time.monotonic() - moved_at < idle_s:
        before, seen = seen, progress.count()
        if seen > before:
            moved_at = time.monotonic()
        if not worker.is_running:
            raise BenchError(f"the worker ended: {worker.log_tail()}")
        yield seen
        time.sleep(_POLL_S)
    raise IdleError(f"{seen} tasks begun, then none for {idle_s:.0f} s")
