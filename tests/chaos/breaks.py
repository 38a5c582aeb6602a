"""The checker's teeth on the real thing: a safety switched off, and the scenario that needs it.

A run with a break must fail, by one of the invariants that are expected to go. The broken entries
are test code (`broken_worker`, `broken_web`); without a rescuer its line does nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.chaos.matrix import SCENARIOS
from tests.chaos.scenario import Act, Scenario
from tests.chaos.site import Site


@dataclass(frozen=True)
class Break:
    """One safety that can be switched off."""

    name: str
    #: What is off then, for the page.
    what: str
    scenario: str
    expected: tuple[str, ...]
    switch_off: Callable[[Site], None]

    def broken(self) -> Scenario:
        """Return its scenario with the safety off."""
        scenario = next(one for one in SCENARIOS if one.name == self.scenario)
        rules = replace(scenario.rules, within_s=min(30.0, scenario.rules.within_s))
        return replace(scenario, prepare=_both(scenario.prepare, self.switch_off), rules=rules)


def _both(first: Act, second: Act) -> Act:
    def prepare(site: Site) -> None:
        first(site)
        second(site)

    return prepare


def _worker(name: str) -> Act:
    def switch_off(site: Site) -> None:
        site.stack.override("worker", command="python -m tests.chaos.broken_worker", BREAK=name)

    return switch_off


def _web(name: str) -> Act:
    def switch_off(site: Site) -> None:
        command = "gunicorn -c gunicorn.conf.py tests.chaos.broken_web:app"
        site.stack.override("web", command=command, BREAK=name)

    return switch_off


def _no_rescuer(site: Site) -> None:
    # Something that says that it is ready, and is the double of another service.
    folder = site.stack.folder / "nobody"
    folder.mkdir()
    command = f"python -m tests.chaos.parser_process --port $PORT --folder {folder}"
    site.stack.override("rescuer", command=command)


BREAKS = (
    Break(
        "fence",
        "a late attempt may change a job that another has taken over",
        "pause-worker-1",
        ("I3", "I4"),
        _worker("fence"),
    ),
    Break(
        "ack",
        "a record is acknowledged before its job is done",
        "kill-worker-1",
        ("I8",),
        _worker("ack"),
    ),
    Break(
        "dead-letter", "no dead letter is written", "kill-worker-1", ("I9",), _worker("dead-letter")
    ),
    Break(
        "events",
        "a claim leaves no event",
        "kill-worker-1",
        ("I4",),
        _worker("events"),
    ),
    Break("files", "a completed job's file stays", "kill-worker-1", ("I3",), _worker("files")),
    Break(
        "leases",
        "a job may be claimed while another attempt's lease lasts",
        "copies",
        ("I15",),
        _worker("leases"),
    ),
    Break(
        "reports",
        "an operation does not note what it did to a job in the transaction that does it",
        "replay-kill-all-workers",
        ("I17",),
        _worker("reports"),
    ),
    Break(
        "rescuer",
        "nobody looks for jobs whose record was never written",
        "crash-after-insert-before-publish",
        ("I5",),
        _no_rescuer,
    ),
    Break(
        "snapshot",
        "who connects is not told the present state",
        "kill-web-1",
        ("I6",),
        _web("snapshot"),
    ),
    Break(
        "isolation",
        "every event goes to every socket",
        "kill-web-1",
        ("I7",),
        _web("isolation"),
    ),
)
