"""What is known of a circuit breaker at a moment: a value that its store and its user share."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BreakerState:
    """One look at the breaker."""

    state: Literal["closed", "open", "half-open"] = "closed"
    #: Failed calls one after another.
    failures: int = 0
    #: How long it has been in this state; None when it has never changed.
    age_s: float | None = None
    #: How long the probe under way may still take; 0 when there is none.
    probe_s: float = 0.0
