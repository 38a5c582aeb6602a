"""How long single reads take, as a table on the terminal: the first one, and those after it."""

import statistics
import time
from collections.abc import Callable, Mapping

#: How often each read is made after the first time.
TIMES = 9


def ms(work: Callable[[], object]) -> float:
    """Return how long it takes, in milliseconds."""
    started = time.monotonic()
    work()
    return (time.monotonic() - started) * 1000


def measure(reads: Mapping[str, Callable[[], object]]) -> None:
    """Print each read's times in milliseconds: the first, and median and worst of the others."""
    say("", "first", "median", "worst")
    for name, read in reads.items():
        first, *others = [ms(read) for _ in range(TIMES + 1)]
        say(name, first, statistics.median(others), max(others))


def say(name: str, *columns: float | str) -> None:
    """Print a line of the table."""
    cells = [f"{cell:,.1f}" if isinstance(cell, float) else cell for cell in columns]
    print(f"{name:<30}", *(f"{cell:>12}" for cell in cells), flush=True)
