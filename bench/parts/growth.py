"""Whether a long backlog, or more partitions and processes, change a worker's rate and memory.

Ours only. Both backlogs are timed over as many tasks as the short one has.
"""

from bench import waiting
from bench.catalogue import Peer
from bench.inside.client import WARM_UPS
from bench.inside.run import Run
from bench.parts.drain import fill_and_drain, rate
from bench.samples import Sample
from bench.site import Site
from bench.workers import started

_TIMED = 10_000


def measure_backlog(site: Site, peer: Peer, *, count: int) -> Sample:
    """Drain the first 10,000 of `count` tasks."""
    if count == _TIMED:
        with site.run(peer) as run:
            site.send(peer, run, "fill", count=count)
            return _drain_some(site, peer, run)
    # It lasts for all rounds: filling it takes longer than all else.
    run = site.once(f"backlog of {count}", lambda: _kept(site, peer, count))
    return _drain_some(site, peer, site.with_records(run))


def measure_scale(site: Site, peer: Peer, *, partitions: int, processes: int) -> Sample:
    """Drain a queue of `partitions` with `processes`."""
    with site.run(peer, partitions=partitions) as run:
        return fill_and_drain(site, peer, run, processes=processes)


def _kept(site: Site, peer: Peer, count: int) -> Run:
    run = site.enter(site.run(peer))
    site.send(peer, run, "fill", count=count)
    return run


def _drain_some(site: Site, peer: Peer, run: Run) -> Sample:
    with started(site.worker(peer, run)) as worker:
        memory = waiting.until_begun(worker, run, _TIMED + WARM_UPS)
    records = sorted(waiting.records(run), key=lambda record: record.started_at)
    return {
        "tasks_per_s": rate(records[:_TIMED]),
        "rss_mib": memory.rss_mib,
        "pss_mib": memory.pss_mib,
    }
