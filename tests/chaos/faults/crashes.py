"""F1-F3: a worker or web process that dies at each named point, and who repairs that."""

import functools
import time

from tests.chaos.crash_points import WEB_POINTS, WORKER_POINTS, CrashFiles
from tests.chaos.scenario import Act, Scenario
from tests.chaos.site import Site

_CRASHES = 4
_WITHIN_S = 60
_WORKERS = ("worker.1", "worker.2")
#: More than the chaos stack's jobs.rescue_after.
_RESCUER_DOWN_S = 15


def crash_worker(site: Site) -> None:
    """Start workers anew until they have crashed often enough."""
    files = CrashFiles(site.stack.folder)
    deadline = time.monotonic() + _WITHIN_S
    while files.crashes() < _CRASHES and time.monotonic() < deadline:
        site.wait(0.1)
        _launch_ended(site)
    files.forbid()
    site.wait(0.5)  # a crash is counted just before it
    _launch_ended(site)
    for name in _WORKERS:
        site.stack.wait_until_ready(name)
    assert files.crashes(), "no worker came to that point"
    site.prove(f"{files.crashes()} crashes")


def _launch_ended(site: Site) -> None:
    for name in _WORKERS:
        if not site.stack.is_running(name):
            site.stack.launch(name)


def crash_web(site: Site) -> None:
    """Wait for the crashes; gunicorn's master starts its worker anew by itself."""
    files = CrashFiles(site.stack.folder)
    site.until(lambda: files.crashes() >= _CRASHES, within_s=_WITHIN_S, why="web crashes")
    site.prove(f"{files.crashes()} crashes")


def crash_at(point: str, site: Site) -> None:
    """Make the line that has the point crash there."""
    line = "web" if point in WEB_POINTS else "worker"
    command = (
        "gunicorn -c gunicorn.conf.py tests.chaos.crashing_web:app"
        if line == "web"
        else "python -m tests.chaos.crashing_worker"
    )
    site.stack.override(
        line, command=command, **CrashFiles(site.stack.folder).env(point, crashes=_CRASHES)
    )


def _crashing(point: str) -> Act:
    return functools.partial(crash_at, point)


def kill_rescuer(site: Site) -> None:
    """Kill the rescuer when there are jobs that nobody else will ever take up."""
    site.stack.kill("rescuer.1")
    _leave_orphans(site)
    site.stack.restart("rescuer.1")


def pause_rescuer(site: Site) -> None:
    """Stop the rescuer in its tracks when there are jobs that nobody else will ever take up."""
    site.stack.pause("rescuer.1")
    _leave_orphans(site)
    site.stack.unpause("rescuer.1")


def _leave_orphans(site: Site) -> None:
    files = CrashFiles(site.stack.folder)
    site.until(lambda: files.crashes() >= _CRASHES, within_s=_WITHIN_S, why="web crashes")
    site.wait(_RESCUER_DOWN_S)
    orphans = site.unfinished(attempt=0)
    assert orphans, "no job waited for the rescuer"
    site.prove(f"{orphans} jobs waited for the rescuer")


_UNPUBLISHED = _crashing("after_insert_before_publish")

SCENARIOS = (
    *(
        Scenario(f"crash-{point.replace('_', '-')}", "F2", crash_worker, prepare=_crashing(point))
        for point in WORKER_POINTS
    ),
    *(
        Scenario(f"crash-{point.replace('_', '-')}", "F1", crash_web, prepare=_crashing(point))
        for point in WEB_POINTS
    ),
    Scenario("kill-rescuer", "F3", kill_rescuer, prepare=_UNPUBLISHED),
    Scenario("pause-rescuer", "F9", pause_rescuer, prepare=_UNPUBLISHED),
)
