"""How many uploads a user has per calendar day. Pure; the counting is the store's."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class QuotaRule:
    """`limit` accepted uploads per user and calendar day in `timezone`."""

    limit: int
    timezone: ZoneInfo

    def day(self, now: datetime) -> str:
        """Return the calendar day, `YYYY-MM-DD`, that an upload at `now` is charged to."""
        return now.astimezone(self.timezone).date().isoformat()

    def resets_in_s(self, now: datetime) -> int:
        """Return the seconds until the next calendar day begins, at least 1."""
        local = now.astimezone(self.timezone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time(), self.timezone)
        # Through timestamps: a day on which the clock changes has 23 or 25 hours.
        return max(1, round(midnight.timestamp() - now.timestamp()))


@dataclass(frozen=True)
class Quota:
    """What is left of one user's day."""

    limit: int
    used: int
    resets_in_s: int

    @property
    def remaining(self) -> int:
        """Uploads left today, never below 0."""
        return max(0, self.limit - self.used)
