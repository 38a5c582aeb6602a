"""F21, F29: not one fault but many: workers that come and go, and anything at random."""

from collections.abc import Callable

from tests.chaos.checker import Rules
from tests.chaos.faults import parser, processes, signals
from tests.chaos.scenario import Scenario
from tests.chaos.site import Site

_STORM_CHANGES = 12
_STORM_EVERY_S = 1.5
_NEMESIS_FAULTS, _NEMESIS_AT_LEAST = 5, 3
_NEMESIS_EVERY_S = 2.0
#: A fault waits for uploads that meet it, so some are to come yet.
_STILL_LOADED = 0.75
#: RELIABILITY's bound for a storm: what a worker had in hand may be parsed again, hardly more.
_FEW_REPEATS = Rules(max_repeats=0.1)

_AT_RANDOM: tuple[Callable[[Site], None], ...] = (
    processes.kill_worker,
    processes.kill_all_workers,
    processes.kill_web,
    processes.kill_kafka,
    processes.kill_mongod,
    signals.pause_worker,
    signals.pause_parser,
    parser.break_down,
)


def storm(site: Site) -> None:
    """Kill, stop and start four workers, one after the other, without waiting for anybody."""
    workers = [f"worker.{number}" for number in range(1, 5)]
    for change in range(_STORM_CHANGES):
        worker = site.random.choice(workers)
        if change % 2:
            site.stack.kill(worker)
        else:
            site.stack.terminate(worker)
        site.stack.launch(worker)
        site.wait(_STORM_EVERY_S)
    for worker in workers:
        site.stack.wait_until_ready(worker)
    site.prove(f"{_STORM_CHANGES} times a worker left and one came")


def nemesis(site: Site) -> None:
    """Let any faults strike one after the other, by the seed, while there is a load to meet."""
    faults = site.random.choices(_AT_RANDOM, k=_NEMESIS_FAULTS)
    struck = []
    for fault in faults:
        if site.accepted() > _STILL_LOADED * site.size.jobs:
            break
        fault(site)
        struck.append(fault.__name__)
        site.wait(site.random.uniform(0, _NEMESIS_EVERY_S))
    assert len(struck) >= _NEMESIS_AT_LEAST, f"the load was over after {struck}"


SCENARIOS = (
    Scenario("rebalance-storm", "F21", storm, rules=_FEW_REPEATS, workers=4),
    *(Scenario(f"nemesis-{n}", "F29", nemesis, share=2.0, stretch=3.5) for n in (1, 2, 3)),
)
