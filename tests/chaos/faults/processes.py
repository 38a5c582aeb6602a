"""F1-F7, F25, F26, F28: processes and servers that are killed at random moments, or told to end."""

import functools
import time

from tests.chaos.scenario import Act, Scenario
from tests.chaos.site import Site

_DOWN_S = 2.0
_KILLS = 2
#: At how many jobs a worker is when it is killed, at least.
_AT_WORK = 3
#: How many jobs wait for their next attempt when the workers are killed, at least.
_WAITING = 3
#: A process that is told to stop ends within this (the chaos stack's jobs.shutdown_timeout is 8 s).
_ENDS_WITHIN_S = 12
_WORKERS = ("worker.1", "worker.2")


def kill_worker(site: Site) -> None:
    """Kill a worker while it is at some jobs, and start it again; twice."""
    for _ in range(_KILLS):
        site.wait(site.random.uniform(0, 1))
        with site.slow_parser():
            worker, left = _kill_one_at_work(site)
        site.prove(f"{worker} was killed at {left} jobs")
        site.wait(_DOWN_S)
        site.stack.restart(worker)


def _kill_one_at_work(site: Site) -> tuple[str, int]:
    """Kill a worker that is at some jobs; return its name, and how many it left in the middle.

    Not any: one that has just started waits for its place until the last dead one is given up.
    """

    def at_work() -> list[str]:
        return [name for name in _WORKERS if site.held_by(name) >= _AT_WORK]

    site.until(at_work, within_s=30, why="a worker is at some jobs")
    worker = site.random.choice(at_work() or [_WORKERS[0]])
    mine = {"status": "processing", "worker": {"$regex": f":{site.stack.pid(worker)}$"}}
    site.stack.kill(worker)
    left = site.unfinished(**mine)
    assert left, f"{worker} had just ended all it was at"
    return worker, left


def kill_all_workers(site: Site) -> None:
    """Kill both workers at the same moment."""
    with site.slow_parser():
        site.until(
            lambda: all(site.held_by(worker) >= _AT_WORK for worker in _WORKERS),
            within_s=30,
            why="both are at some jobs",
        )
        for worker in _WORKERS:
            site.stack.kill(worker)
    left = site.unfinished(status="processing")
    assert left, "both had just ended all they were at"
    site.prove(f"both were killed at {left} jobs")
    site.wait(_DOWN_S)
    for worker in _WORKERS:
        site.stack.launch(worker)
    for worker in _WORKERS:
        site.stack.wait_until_ready(worker)


def kill_web(site: Site) -> None:
    """Kill a web process among uploads and sockets; twice."""
    for _ in range(_KILLS):
        name = site.random.choice(["web.1", "web.2"])
        site.wait(site.random.uniform(0, 1))
        since, sockets = time.time(), site.watchers.reconnects
        site.stack.kill(name)
        site.wait(_DOWN_S)
        site.stack.restart(name)
        site.until(site.watchers.is_connected, within_s=30, why="the sockets come back")
        cut = site.watchers.reconnects - sockets
        assert cut, f"no socket was cut when {name} was killed"
        site.prove(f"{name}: {cut} sockets cut, {site.unanswered(since=since)} uploads not taken")


def kill_parser(site: Site) -> None:
    """Kill the parser for longer than the tries within one attempt last; twice."""
    for _ in range(2):
        since = time.time()
        site.stack.kill("parser.1")
        site.wait(4)
        gap_s = site.longest_gap_s(since=since)
        site.stack.restart("parser.1")
        assert gap_s > _DOWN_S, f"jobs ended without a parser ({gap_s:.1f} s)"
        site.prove(f"no job ended for {gap_s:.1f} s")
        site.wait(_DOWN_S)


def kill_kafka(site: Site) -> None:
    """Kill the broker; uploads answer 500 until it is back."""
    site.wait(site.random.uniform(0, 2))
    since = time.time()
    site.servers.kafka.kill()
    site.wait(3)
    site.servers.kafka.start()
    site.prove_outage(since=since)


def kill_mongod(site: Site) -> None:
    """Kill the database; uploads answer 503 until it is back."""
    site.wait(site.random.uniform(0, 2))
    since = time.time()
    site.servers.mongod.kill()
    site.wait(3)
    site.servers.mongod.start()
    site.prove_outage(since=since)


def cut_power(site: Site) -> None:
    """Kill everything at once, servers included, and start it from cold."""
    with site.slow_parser():
        site.until(
            lambda: all(site.held_by(worker) >= _AT_WORK for worker in _WORKERS),
            within_s=30,
            why="both are at some jobs",
        )
        site.stack.kill_all()
    servers = (site.servers.kafka, site.servers.mongod)
    for server in servers:
        server.kill()
    for server in servers:
        server.launch()
    for server in servers:
        server.wait_until_ready()
    unfinished = site.unfinished()
    assert unfinished, "all had been done"
    site.prove(f"everything was killed at {unfinished} unfinished jobs")
    for name in site.stack.names:
        site.stack.launch(name)
    for name in site.stack.names:
        site.stack.wait_until_ready(name)


def deploy(site: Site, *, names: tuple[str, ...]) -> None:
    """End each process in order, and start it again."""
    for name in names:
        site.wait(0.5)
        began = time.monotonic()
        site.stack.terminate(name, within_s=_ENDS_WITHIN_S + 5)
        took_s = time.monotonic() - began
        assert took_s < _ENDS_WITHIN_S, f"{name} took {took_s:.1f} s to end"
        site.prove(f"{name} ended within {took_s:.1f} s among {site.unfinished()} unfinished jobs")
        site.stack.restart(name)


def kill_among_retries(site: Site) -> None:
    """Kill the workers when many jobs wait for their next attempt (F28)."""
    site.parser.set_mode("500")
    site.until(
        lambda: site.unfinished(status="pending", attempt={"$gt": 0}) >= _WAITING,
        within_s=60,
        why="jobs wait for their next attempt",
    )
    waiting = site.unfinished(status="pending", attempt={"$gt": 0})
    for worker in _WORKERS:
        site.stack.kill(worker)
    site.parser.set_mode("")
    site.prove(f"both workers were killed when {waiting} jobs waited for their next attempt")
    for worker in _WORKERS:
        site.stack.restart(worker)


def _deploying(*names: str) -> Act:
    return functools.partial(deploy, names=names)


SCENARIOS = (
    *(Scenario(f"kill-worker-{n}", "F2", kill_worker) for n in (1, 2, 3)),
    *(Scenario(f"kill-web-{n}", "F1", kill_web) for n in (1, 2)),
    *(Scenario(f"kill-parser-{n}", "F5", kill_parser) for n in (1, 2)),
    *(Scenario(f"kill-kafka-{n}", "F6", kill_kafka) for n in (1, 2)),
    *(Scenario(f"kill-mongod-{n}", "F7", kill_mongod) for n in (1, 2)),
    Scenario("kill-all-workers", "F2", kill_all_workers),
    Scenario("kill-among-retries", "F28", kill_among_retries),
    Scenario("power-cut", "F25", cut_power),
    Scenario("stop-web", "F26", _deploying("web.1", "web.2")),
    Scenario("stop-workers", "F26", _deploying("worker.1", "worker.2")),
    Scenario("stop-parser", "F26", _deploying("parser.1")),
    Scenario("stop-rescuer", "F26", _deploying("rescuer.1")),
    Scenario("deploy", "F26", _deploying("web.1", "web.2", "worker.1", "worker.2", "rescuer.1")),
)
