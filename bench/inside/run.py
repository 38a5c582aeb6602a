"""What a worker or a producer must know of the run it belongs to.

The bench hands it down in one environment variable, so that each peer's own command line can start
the worker; `current` is called once, when a peer's app is imported.
"""

import dataclasses
import json
import os

VARIABLE = "BENCH_RUN"


@dataclasses.dataclass(frozen=True)
class Run:
    """Where the server is and which queue (or topic) is this run's own."""

    address: str
    queue: str
    records_dir: str
    partitions: int
    threads: int = 8

    @property
    def port(self) -> int:
        """The port in `address`."""
        return int(self.address.rpartition(":")[2])

    def environment(self) -> dict[str, str]:
        """Return the variable that `current` reads in a child process."""
        return {VARIABLE: json.dumps(dataclasses.asdict(self))}


def current() -> Run:
    """Return the run that this process was started for."""
    return Run(**json.loads(os.environ[VARIABLE]))
