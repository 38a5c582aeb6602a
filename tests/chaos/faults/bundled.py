"""F2, F5 with the parser that is in the box: real PDFs, and fewer, as each takes its time."""

from tests.chaos.faults import processes
from tests.chaos.scenario import Scenario

_SHARE = 0.1

SCENARIOS = (
    Scenario("bundled-kill-parser", "F5", processes.kill_parser, parser="bundled", share=_SHARE),
    Scenario("bundled-kill-worker", "F2", processes.kill_worker, parser="bundled", share=_SHARE),
)
