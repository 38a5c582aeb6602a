"""All scenarios, in the order in which they share servers, and the few that `make test` runs."""

from tests.chaos.faults import (
    bundled,
    clocks,
    clusters,
    crashes,
    disk,
    network,
    operations,
    parser,
    processes,
    records,
    signals,
    storms,
    stream,
)
from tests.chaos.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *processes.SCENARIOS,
    *crashes.SCENARIOS,
    *signals.SCENARIOS,
    *network.SCENARIOS,
    *parser.SCENARIOS,
    *records.SCENARIOS,
    *stream.SCENARIOS,
    *clocks.SCENARIOS,
    *bundled.SCENARIOS,
    *storms.SCENARIOS,
    *clusters.SCENARIOS,
    *disk.SCENARIOS,
    *operations.SCENARIOS,
)

_SHORT = (
    "kill-worker-1",
    "kill-web-1",
    "kill-kafka-1",
    "kill-mongod-1",
    "crash-after-claim",
    "pause-worker-1",
    "parser-500",
    "copies",
)

SHORT = tuple(scenario for scenario in SCENARIOS if scenario.name in _SHORT)
