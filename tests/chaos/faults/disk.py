"""F15: a server's disk is full, so that it ends by itself; it is started again with space."""

import time

from devstack.server import Server
from tests.chaos.environment import Needs
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

_ENDS_WITHIN_S = 60


def fill_disk_of_mongod(site: Site) -> None:
    """Leave mongod no space."""
    _fill(site, site.servers.mongod)


def fill_disk_of_kafka(site: Site) -> None:
    """Leave Kafka no space."""
    _fill(site, site.servers.kafka)


def _fill(site: Site, server: Server) -> None:
    disk = site.servers.disk
    assert disk
    since = time.time()
    disk.fill()
    try:
        site.until(
            lambda: not server.is_running, within_s=_ENDS_WITHIN_S, why=f"{server.name} ends"
        )
        site.wait(2)
    finally:
        disk.free()
    server.kill()  # what is left of it
    server.start()
    site.prove(f"{server.name} ended by itself")
    site.prove_outage(since=since)


SCENARIOS = (
    Scenario("disk-full-mongod", "F15", fill_disk_of_mongod, needs=Needs.SMALL_MONGOD),
    Scenario("disk-full-kafka", "F15", fill_disk_of_kafka, needs=Needs.SMALL_KAFKA),
)
