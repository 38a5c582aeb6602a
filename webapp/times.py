"""Times as our answers write them."""

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """Return the moment in UTC to the millisecond, as JavaScript reads it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
