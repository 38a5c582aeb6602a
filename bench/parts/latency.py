"""How long an idle worker takes to begin a task, from just before `send` to the task's start.

Tasks come one at a time, 50 a second. The worker's memory before the first is its idle memory.
"""

import time

from bench import waiting
from bench.catalogue import Peer
from bench.inside.client import WARM_UPS
from bench.samples import Sample, percentile
from bench.site import Site
from bench.workers import started

_TASKS = 400
_EVERY_MS = 20
_SETTLED_AFTER_S = 1


def measure(site: Site, peer: Peer) -> Sample:
    """Send to a worker that is up and has nothing to do."""
    with site.run(peer) as run, started(site.worker(peer, run)) as worker:
        # Its warm-up tasks have it connected, and a queue to wait on.
        site.send(peer, run, "single", count=0)
        waiting.until_begun(worker, run, WARM_UPS)
        time.sleep(_SETTLED_AFTER_S)
        idle = worker.memory()
        site.send(peer, run, "single", count=_TASKS, every_ms=_EVERY_MS)
        waiting.until_begun(worker, run, _TASKS + 2 * WARM_UPS)
        records = waiting.records(run)
    latencies_ms = [(record.started_at - record.sent_at) * 1000 for record in records]
    return {
        "p50_ms": percentile(latencies_ms, 50),
        "p95_ms": percentile(latencies_ms, 95),
        "p99_ms": percentile(latencies_ms, 99),
        "idle_rss_mib": idle.rss_mib,
        "idle_pss_mib": idle.pss_mib,
        "processes": idle.processes,
    }
