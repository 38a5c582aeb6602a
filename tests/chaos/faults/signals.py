"""F8-F10: processes that stand still (SIGSTOP) for longer than anybody believes them alive."""

import time

from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

#: Longer than a worker's lease (6 s in the chaos stack) and than its place in the group (8 s).
_STILL_S = 12.0
_LEAST_GAP_S = 3.0


def pause_worker(site: Site) -> None:
    """Stop a worker in the middle of some jobs; the other takes them over before it goes on."""
    worker = site.random.choice(["worker.1", "worker.2"])
    with site.slow_parser():
        site.until(lambda: site.held_by(worker), within_s=30, why=f"{worker} is at a job")
        site.stack.pause(worker)
    held = site.held_by(worker)
    site.wait(_STILL_S)
    site.stack.unpause(worker)
    assert held, f"{worker} was at no job when it was stopped"
    site.prove(f"stopped at {held} jobs, {site.taken_over()} were taken over")


def pause_web(site: Site) -> None:
    """Stop a web process; uploads to it wait, sockets on it are silent."""
    since = time.time()
    site.stack.pause("web.1")
    site.wait(_STILL_S)
    site.stack.unpause("web.1")
    site.until(
        lambda: site.slowest_upload_s(since=since) > _LEAST_GAP_S,
        within_s=30,
        why="uploads waited for the process that stood still",
    )
    site.prove(f"an upload took {site.slowest_upload_s(since=since):.1f} s")


def pause_parser(site: Site) -> None:
    """Stop the parser: its calls time out, and answers may come after all."""
    since = time.time()
    site.stack.pause("parser.1")
    site.wait(_STILL_S)
    gap_s = site.longest_gap_s(since=since)
    site.stack.unpause("parser.1")
    assert gap_s > _LEAST_GAP_S, "jobs ended without a parser"
    site.prove(f"no job ended for {gap_s:.1f} s")


def pause_kafka(site: Site) -> None:
    """Stop the broker; its connections stay open and silent."""
    since = time.time()
    site.servers.kafka.pause()
    site.wait(_STILL_S)
    site.servers.kafka.unpause()
    _prove_gap(site, since)


def pause_mongod(site: Site) -> None:
    """Stop the database; its connections stay open and silent."""
    since = time.time()
    site.servers.mongod.pause()
    site.wait(_STILL_S)
    site.servers.mongod.unpause()
    _prove_gap(site, since)


def _prove_gap(site: Site, since: float) -> None:
    gap_s = site.longest_gap_s(since=since)
    assert gap_s > _LEAST_GAP_S, "jobs ended all the time"
    site.prove(f"no job ended for {gap_s:.1f} s, {site.unanswered(since=since)} uploads not taken")


SCENARIOS = (
    *(Scenario(f"pause-worker-{n}", "F8", pause_worker) for n in (1, 2)),
    Scenario("pause-web", "F9", pause_web),
    Scenario("pause-parser", "F9", pause_parser),
    Scenario("pause-kafka", "F10", pause_kafka),
    Scenario("pause-mongod", "F10", pause_mongod),
)
