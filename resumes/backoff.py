"""How long a job waits before its next attempt. Pure; the only such policy of the service.

Within one attempt the parser's client tries again for seconds (`tasks/parser_client.py`); what
lasts longer is waited out here, on Kafka and not in a worker.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

#: 1 s, 5 s, 25 s, 2 min: with five attempts a restart of the parser is survived, and nobody waits
#: an hour for a blip.
_FACTOR = 5
#: Jobs that failed together must not come back together.
_JITTER = 0.2


@dataclass(frozen=True)
class Backoff:
    """Exponential, with jitter, between two bounds; `random` returns [0, 1)."""

    min_s: float
    max_s: float
    random: Callable[[], float] = random.random

    def delay_s(self, attempts: int, wished_s: float | None = None) -> float:
        """Return the pause after `attempts` (from 1) that failed.

        `wished_s` is what the other side asked for (Retry-After): never less than that, unless it
        is more than our longest.
        """
        # The exponent is bounded: a float holds no 5 to the power of 500.
        grown_s = min(self.max_s, self.min_s * float(_FACTOR) ** min(attempts - 1, 50))
        delay_s = max(grown_s, wished_s or 0) * (1 + _JITTER * self.random())
        return max(self.min_s, min(self.max_s, delay_s))
