"""How fast a worker empties a queue that was full before it started.

The clock runs from the first record to the last, so that a slow start is not counted; memory is the
largest seen on the way.
"""

from bench import waiting
from bench.catalogue import Peer
from bench.inside.client import WARM_UPS
from bench.inside.records import Record
from bench.inside.run import Run
from bench.samples import Sample
from bench.site import Site
from bench.workers import started


def measure(site: Site, peer: Peer, *, processes: int) -> Sample:
    """Drain no-op tasks with `processes` times 8 threads."""
    with site.run(peer) as run:
        return fill_and_drain(site, peer, run, processes=processes)


def fill_and_drain(site: Site, peer: Peer, run: Run, *, processes: int) -> Sample:
    """Fill the queue, start the worker, and measure until it is empty."""
    site.send(peer, run, "fill", count=peer.drain_tasks)
    with started(site.worker(peer, run, processes=processes)) as worker:
        memory = waiting.until_begun(worker, run, peer.drain_tasks + WARM_UPS)
    records = waiting.records(run)
    return {
        "tasks_per_s": rate(records),
        "repeated": len(records) - len({record.number for record in records}),
        "rss_mib": memory.rss_mib,
        "pss_mib": memory.pss_mib,
        "processes": memory.processes,
    }


def rate(records: list[Record]) -> float:
    """Return how many tasks began a second, between the first and the last of `records`."""
    times = [record.started_at for record in records]
    return (len(times) - 1) / (max(times) - min(times))
