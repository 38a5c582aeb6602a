"""What `kill -9` of a whole worker costs: tasks not run, tasks run twice, time until the next one.

It comes at the 2,000th of 5,000 tasks of 5 ms, and the worker is started again at once. A task that
was not run when nothing has happened for `_IDLE_S` counts as lost; some peers hand theirs out again
later, up to an hour.
"""

import collections
import contextlib
import time

from bench import waiting
from bench.catalogue import Peer
from bench.errors import BenchError, IdleError
from bench.inside.client import WARM_UPS
from bench.inside.records import Record
from bench.samples import Sample
from bench.site import Site
from bench.workers import started

_TASKS = 5_000
_SLEEP_MS = 5
_KILL_AT = 2_000
_IDLE_S = 15


def measure(site: Site, peer: Peer) -> Sample:
    """Kill a worker, start it again and compare what both have done."""
    with site.run(peer) as run:
        site.send(peer, run, "fill", count=_TASKS, sleep_ms=_SLEEP_MS)
        with started(site.worker(peer, run)) as worker:
            waiting.until_begun(worker, run, _KILL_AT + WARM_UPS)
        before = waiting.records(run)
        ended = {record.number for record in before if record.ended_at}
        left = frozenset(range(_TASKS)) - ended
        run_after = site.with_records(run)
        restarted_at = time.time()
        with (
            started(site.worker(peer, run_after)) as worker,
            contextlib.suppress(IdleError),
        ):
            waiting.until_ended(worker, run_after, left, idle_s=_IDLE_S)
        after = waiting.records(run_after)
    if not after:
        raise BenchError(f"after kill -9, the next worker ran nothing in {_IDLE_S} s")
    resumed_at = min(record.started_at for record in after)
    return compare(before, after, tasks=_TASKS) | {"resumed_after_s": resumed_at - restarted_at}


def compare(before: list[Record], after: list[Record], *, tasks: int) -> Sample:
    """Count what the killed worker and its successor did together, of `tasks` tasks. Pure."""
    starts = collections.Counter(record.number for record in before + after)
    ends = collections.Counter(record.number for record in before + after if record.ended_at)
    return {
        "running_at_kill": sum(not record.ended_at for record in before),
        "lost": tasks - len(ends),
        "started_twice": sum(count > 1 for count in starts.values()),
        "ended_twice": sum(count > 1 for count in ends.values()),
    }
