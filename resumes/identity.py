"""Who makes a request: what a checked token says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """A known user; `expires_at` is the token's end in POSIX seconds."""

    user_id: str
    expires_at: float
    role: str = "user"
    tier: str = "standard"
