"""Who makes a request: the user as stored, and what his checked token says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class UserRecord:
    """What a request needs to know of its user."""

    id: str
    role: str
    tier: str


@dataclass(frozen=True)
class Identity:
    """A known user; `expires_at` is the token's end in POSIX seconds."""

    user_id: str
    expires_at: float
    role: str = "user"
    tier: str = "standard"
