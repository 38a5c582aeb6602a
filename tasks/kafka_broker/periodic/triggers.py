"""When a periodic task is due: crontab lines and plain intervals. Pure; all times are aware."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What MongoDB keeps of a time.
_RESOLUTION = timedelta(milliseconds=1)
_FIELDS = (
    "the fields are minute (0-59), hour (0-23), day of month (1-31), month (1-12 or JAN-DEC)"
    " and day of week (0-7 or SUN-SAT)"
)


class TriggerError(ValueError):
    """A crontab line, a time zone or an interval that can never work; correct it in the code."""


class Trigger(Protocol):
    """Due times, in order; `str` of it is what tells a changed trigger from an old one."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time later than `moment`, in UTC."""


@dataclass(frozen=True)
class Crontab:
    """A crontab line in a time zone; make it with `crontab`.

    Summer time as Debian's cron has it: a time of day that a day does not have is due at the moment
    of the change, and one that it has twice is due the first time only. Lines that begin with `*`
    or `*/n` for the minute or the hour follow elapsed time.
    """

    line: str
    zone: tzinfo

    def __str__(self) -> str:
        return f"{self.line} {self.zone}"

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time later than `moment`, in UTC."""
        # Within an hour that comes twice, cronsim counts from its first occurrence.
        return next(
            due.astimezone(UTC)
            for due in CronSim(self.line, moment.astimezone(self.zone))
            if due.astimezone(UTC) > moment
        )


@dataclass(frozen=True)
class Interval:
    """Whole multiples of `period` since 1970-01-01 UTC; make it with `every`."""

    period: timedelta

    def __str__(self) -> str:
        minutes, seconds = divmod(self.period.seconds, 60)
        hours, minutes = divmod(minutes, 60)
        exact_seconds = seconds + self.period.microseconds / 1_000_000
        units = {"d": self.period.days, "h": hours, "min": minutes, "s": exact_seconds}
        return "every " + " ".join(f"{count:g} {unit}" for unit, count in units.items() if count)

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time later than `moment`, in UTC."""
        return _EPOCH + ((moment - _EPOCH) // self.period + 1) * self.period


def crontab(line: str, *, tz: str | tzinfo = UTC) -> Crontab:
    """Return a trigger for `minute hour day-of-month month day-of-week`.

    A line of six fields begins with the seconds. `tz` is a name such as "Europe/Berlin". Raise
    TriggerError, which says what is wrong, for a line that cannot be read or never comes due, and
    for an unknown time zone.
    """
    trigger = Crontab(" ".join(line.split()), _zone(tz))
    try:
        trigger.next_after(datetime.now(UTC))
    except CronSimError as error:
        raise TriggerError(f"crontab line {line!r}: {_lower(str(error))}; {_FIELDS}") from error
    except StopIteration:
        raise TriggerError(f"crontab line {line!r} never comes due: no such day") from None
    return trigger


def every(*, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Interval:
    """Return a trigger for whole multiples of an interval: `every(minutes=15)` at :00, :15, ..."""
    period = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if period < _RESOLUTION or period % _RESOLUTION:
        raise TriggerError(f"an interval of {period} is not a whole number of milliseconds")
    return Interval(period)


def _zone(tz: str | tzinfo) -> tzinfo:
    if isinstance(tz, tzinfo):
        return tz
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise TriggerError(
            f'there is no time zone {tz!r}; names are like "Europe/Berlin"'
        ) from error


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
