"""Do something no more often than so many times a second."""

import time
from collections.abc import Callable


class Pace:
    """Makes one thread wait for its turn; after a pause it does not make up for lost time."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_second <= 0:
            raise ValueError(f"{per_second} a second is no rate; it must be above 0")
        self._interval_s = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next_at = clock()

    def wait(self) -> None:
        """Return when the next turn has come."""
        now = self._clock()
        if now < self._next_at:
            self._sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval_s
