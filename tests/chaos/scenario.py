"""A scenario, and how one is carried out: load, fault, heal, settle, look, judge.

The same for all: what differs is the fault, and what it needs. Runs in the main thread.
"""

import contextlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from devstack.process import ROOT
from tests.chaos import gather
from tests.chaos.checker import Rules, Verdict, check
from tests.chaos.environment import Environment, Needs
from tests.chaos.history import Evidence
from tests.chaos.site import Site, Size

#: Where a broken scenario leaves what it saw.
SEEN_FOLDER = ROOT / ".data" / "chaos"
_HEARD_WITHIN_S = 10
_LOOK_EVERY_S = 0.25

Act = Callable[[Site], None]


_ALL_RULES = Rules()


def _nothing(_site: Site) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Scenario:
    """One fault under load."""

    name: str
    #: The row of the fault matrix.
    row: str
    #: Runs while the load does; when it returns, everything works again.
    fault: Act
    #: Changes commands or environments before the service starts.
    prepare: Act = _nothing
    #: Runs once everything has settled; then it settles again.
    afterwards: Act = _nothing
    needs: Needs = Needs.SINGLE
    rules: Rules = _ALL_RULES
    env: Mapping[str, str] = field(default_factory=dict)
    parser: str = "double"
    workers: int = 2
    #: Of the jobs that the others have: what is slow by itself has fewer.
    share: float = 1.0
    #: Of the time that the others' uploads take: what lasts longer needs more.
    stretch: float = 1.0


@dataclass(frozen=True)
class Result:
    """What became of one scenario."""

    scenario: Scenario
    seconds: float
    proofs: tuple[str, ...] = ()
    verdict: Verdict | None = None
    #: Why there is no verdict, or none that counts.
    error: str = ""

    @property
    def is_good(self) -> bool:
        """True where the fault bit and nothing broke."""
        return not self.error and self.verdict is not None and not self.verdict.broken


def run(scenario: Scenario, environment: Environment, size: Size, *, seed: int) -> Result:
    """Carry the scenario out; whatever goes wrong is in the result."""
    started_at = time.monotonic()
    size = Size(max(1, int(size.jobs * scenario.share)), size.seconds * scenario.stretch)
    site: Site | None = None
    verdict, error = None, ""
    try:
        site = Site(
            environment.servers(scenario.needs),
            size,
            seed=seed,
            env=scenario.env,
            parser=scenario.parser,
            workers=scenario.workers,
        )
        evidence = _carry_out(scenario, site)
        verdict = check(evidence, _rules(scenario, site))
        error = "" if site.proofs else "nothing shows that the fault bit"
    except Exception:  # noqa: BLE001 - the next scenario has its turn whatever happened in this one
        error = traceback.format_exc()
    finally:
        result = Result(
            scenario,
            time.monotonic() - started_at,
            tuple(site.proofs if site else ()),
            verdict,
            error,
        )
        if site:
            _keep(site, SEEN_FOLDER / scenario.name, result)
            _end(site)
        environment.heal()
    return result


def _carry_out(scenario: Scenario, site: Site) -> Evidence:
    scenario.prepare(site)
    site.start()
    site.until_under_way()
    scenario.fault(site)
    site.fault_ended_at = time.time()
    _settle(site, scenario.rules.within_s)
    if scenario.afterwards is not _nothing:
        scenario.afterwards(site)
        _settle(site, scenario.rules.within_s)
    _look_again(site)
    return gather.gather(
        site.stack,
        site.database,
        site.history,
        site.uploaders,
        site.parser,
        listeners=site.watchers.user_ids,
        fault_ended_at=site.fault_ended_at,
    )


def _rules(scenario: Scenario, site: Site) -> Rules:
    return replace(scenario.rules, other_letters=tuple(site.other_letters))


def _settle(site: Site, within_s: float) -> None:
    """Wait until nothing more is to come; the checker says what did not."""
    deadline = time.monotonic() + within_s

    def wait_until(check: Callable[[], object], deadline: float) -> None:
        while not check() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)

    wait_until(site.load.is_done, deadline)
    site.load.stop()
    # Not less than the scenario's time for what was accepted last.
    deadline = time.monotonic() + within_s
    wait_until(lambda: not site.unfinished(), deadline)
    wait_until(lambda: not site.owes_letters(), deadline)
    # Last, since the rescuer sends the record of a job again that owes its letter.
    wait_until(lambda: not gather.lag(site.stack), deadline)
    wait_until(lambda: not site.unheard(), min(deadline, time.monotonic() + _HEARD_WITHIN_S))


def _look_again(site: Site) -> None:
    site.commits.stop()
    site.watchers.stop()
    jobs = {user_id: len(statuses) for user_id, statuses in site.statuses().items()}
    site.watchers.look_again(jobs)


def _keep(site: Site, folder: Path, result: Result) -> None:
    """Leave what a good scenario need not: whoever looks into it has nothing else."""
    if result.is_good:
        return
    site.history.dump(folder / "history.jsonl")
    (folder / "processes.log").write_text(site.stack.log_tail())
    broken = result.verdict.broken if result.verdict else []
    (folder / "broken.txt").write_text("\n".join([*broken, result.error]))


def _end(site: Site) -> None:
    with contextlib.suppress(Exception):  # a server may be gone; the next start tells
        site.stop()
