"""Whether a long backlog, or more partitions and processes, change a worker's rate and memory.

Ours only. The short backlog is timed as a whole and the long one over its first tasks: five times
as many, since a worker reads ahead, and what it has not begun yet is work that is not counted.
"""

from bench import waiting
from bench.catalogue import Peer
from bench.inside.run import Run
from bench.parts.drain import fill_and_drain, rate
from bench.samples import Sample
from bench.site import Site
from bench.workers import started

_SHORT = 10_000
_LONG = 1_000_000
_TIMED_OF_LONG = 50_000


def measure_backlogs(site: Site, peer: Peer) -> Sample:
    """Drain a short backlog and the head of a long one, one right after the other."""
    # It lasts for all rounds: filling it takes longer than all else.
    long_run = site.once("long backlog", lambda: _fill_long(site, peer))
    with site.run(peer) as run:
        site.send(peer, run, "fill", count=_SHORT)
        short = _drain_some(site, peer, run, _SHORT)
    long = _drain_some(site, peer, site.with_records(long_run), _TIMED_OF_LONG)
    return {f"short_{name}": value for name, value in short.items()} | {
        f"long_{name}": value for name, value in long.items()
    }


def measure_scale(site: Site, peer: Peer, *, partitions: int, processes: int) -> Sample:
    """Drain a queue of `partitions` with `processes`."""
    with site.run(peer, partitions=partitions) as run:
        return fill_and_drain(site, peer, run, processes=processes)


def _fill_long(site: Site, peer: Peer) -> Run:
    run = site.enter(site.run(peer))
    site.send(peer, run, "fill", count=_LONG)
    return run


def _drain_some(site: Site, peer: Peer, run: Run, count: int) -> Sample:
    with started(site.worker(peer, run)) as worker:
        memory = waiting.until_begun(worker, run, count)
    records = sorted(waiting.records(run), key=lambda record: record.started_at)
    return {
        "tasks_per_s": rate(records[:count]),
        "rss_mib": memory.rss_mib,
        "pss_mib": memory.pss_mib,
    }
