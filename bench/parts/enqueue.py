"""How fast a process enqueues: many at once, and one `send` after another.

What `send` waits for differs: on Kafka for all replicas, on Redis for its answer, on RabbitMQ, with
dramatiq's and Celery's defaults, for nothing.
"""

from bench.catalogue import Peer
from bench.samples import Sample
from bench.site import Site

_BULK = 10_000
_SINGLE = 1_000


def measure(site: Site, peer: Peer) -> Sample:
    """Enqueue no-op tasks that nobody runs."""
    with site.run(peer) as run:
        bulk = site.send(peer, run, "fill", count=_BULK)
        single = site.send(peer, run, "single", count=_SINGLE)
    return {"bulk_per_s": _BULK / bulk["seconds"], "single_p50_ms": single["p50_ms"]}
