"""How often something may be done: one turn after the other, evenly, at a rate a second. Pure."""

import time
from collections.abc import Callable


class Pace:
    """When the next turn is; after a pause it does not make up for lost time.

    Owned by one thread, which does its waiting itself.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1 / per_second
        self._clock = clock
        self._next_at = clock()

    def wait_s(self) -> float:
        """Return how long the next turn is away."""
        return max(0.0, self._next_at - self._clock())

    def take(self) -> None:
        """Use a turn up."""
        self._next_at = max(self._clock(), self._next_at) + self._interval_s
