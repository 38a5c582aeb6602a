"""Wait until a worker has done what was sent, and look at its memory meanwhile."""

import time
from pathlib import Path

from bench.errors import BenchError
from bench.inside.records import Progress
from bench.inside.run import Run
from bench.memory import Memory
from bench.workers import Worker

_POLL_S = 0.05
_MEMORY_EVERY_S = 0.5


def until_begun(worker: Worker, run: Run, count: int, *, idle_s: float = 60) -> Memory:
    """Return when `count` executions have begun, with the largest memory that was seen.

    Raise BenchError when nothing happened for `idle_s`, or when the worker ended.
    """
    progress, seen = Progress(Path(run.records_dir)), 0
    largest = Memory(0, 0, 0)
    moved_at = measured_at = time.monotonic()
    while seen < count:
        time.sleep(_POLL_S)
        now, before, seen = time.monotonic(), seen, progress.count()
        moved_at = now if seen > before else moved_at
        if not worker.is_running:
            raise BenchError(f"the worker ended: {worker.log_tail()}")
        if now - moved_at > idle_s:
            raise BenchError(f"{seen} of {count} tasks begun, then none for {idle_s:.0f} s")
        if now - measured_at > _MEMORY_EVERY_S and seen:
            largest, measured_at = max(largest, worker.memory(), key=lambda m: m.rss_mib), now
    return largest
