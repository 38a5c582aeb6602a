"""How fast a worker empties a queue that was full before it started.

The clock runs from the first record to the last, so that a slow start is not counted; memory is the
largest seen on the way.
"""

import itertools
from pathlib import Path

from bench import waiting
from bench.catalogue import Peer
from bench.inside.client import WARM_UPS
from bench.inside.records import read
from bench.samples import Sample
from bench.site import Site
from bench.workers import started


def measure(site: Site, peer: Peer, *, processes: int) -> Sample:
    """Drain no-op tasks with `processes` times 8 threads."""
    with site.run(peer) as run:
        site.send(peer, run, "fill", count=peer.drain_tasks)
        with started(site.worker(peer, run, processes=processes)) as worker:
            memory = waiting.until_begun(worker, run, peer.drain_tasks + WARM_UPS)
        by_process = read(Path(run.records_dir))
    records = [r for r in itertools.chain(*by_process.values()) if r.number >= 0]
    first = min(record.started_at for record in records)
    last = max(record.started_at for record in records)
    return {
        "tasks_per_s": len(records) / (last - first),
        "repeated": len(records) - len({record.number for record in records}),
        "rss_mib": memory.rss_mib,
        "pss_mib": memory.pss_mib,
        "processes": memory.processes,
    }
