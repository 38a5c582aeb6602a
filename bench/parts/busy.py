"""How long a worker of 8 threads takes for tasks that each last 20 ms, against the ideal.

From the first task's start to the last one's end; what the threads wait between tasks is the rest.
"""

from bench import waiting
from bench.catalogue import Peer
from bench.samples import Sample
from bench.site import Site
from bench.workers import started

_TASKS = 2_000
_SLEEP_MS = 20


def measure(site: Site, peer: Peer) -> Sample:
    """Run tasks that sleep."""
    with site.run(peer) as run:
        site.send(peer, run, "fill", count=_TASKS, sleep_ms=_SLEEP_MS)
        with started(site.worker(peer, run)) as worker:
            records = waiting.until_ended(worker, run, set(range(_TASKS)))
    seconds = max(r.ended_at for r in records) - min(r.started_at for r in records)
    ideal_s = _TASKS * _SLEEP_MS / 1000 / run.threads
    return {
        "seconds": seconds,
        "ideal_s": ideal_s,
        "over_ideal_percent": seconds / ideal_s * 100 - 100,
    }
