"""When a crontab line or an interval is due, above all where clocks are changed."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.kafka_broker.periodic import TriggerError, crontab, every

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
LINES = [
    "0 3 * * *",
    "30 2 * * *",
    "0,30 1,2,3 * * *",
    "*/7 * * * *",
    "15 */2 * * *",
    "0 0 31 * *",
    "0 12 L * *",
    "5 4 * * MON#1",
    "*/20 30 2 * * *",
]


def dues(line: str, tz: str, start: str, count: int) -> list[str]:
    """The first due times after a local time, in local time with its offset."""
    trigger, moment, found = crontab(line, tz=tz), datetime.fromisoformat(start), []
    for _ in range(count):
        moment = trigger.next_after(moment)
        found.append(moment.astimezone(ZoneInfo(tz)).strftime("%m-%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        # 31 March 2024: 02:00 becomes 03:00, and there is no 02:30.
        (
            "30 2 * * *",
            "2024-03-30T00:00+01:00",
            ["03-30 02:30 +0100", "03-31 03:00 +0200", "04-01 02:30 +0200"],
        ),
        ("0,30 2,3 * * *", "2024-03-31T01:00+01:00", ["03-31 03:00 +0200", "03-31 03:30 +0200"]),
        ("*/30 * * * *", "2024-03-31T01:15+01:00", ["03-31 01:30 +0100", "03-31 03:00 +0200"]),
        ("0 */2 * * *", "2024-03-31T00:30+01:00", ["03-31 04:00 +0200", "03-31 06:00 +0200"]),
        # 27 October 2024: 03:00 becomes 02:00, and there are two 02:30.
        ("30 2 * * *", "2024-10-27T00:00+02:00", ["10-27 02:30 +0200", "10-28 02:30 +0100"]),
        ("30 2 * * *", "2024-10-27T02:10+01:00", ["10-28 02:30 +0100"]),
        (
            "30 * * * *",
            "2024-10-27T01:40+02:00",
            ["10-27 02:30 +0200", "10-27 02:30 +0100", "10-27 03:30 +0100"],
        ),
    ],
)
def test_a_task_runs_once_on_the_days_when_clocks_are_changed(
    line: str, start: str, expected: list[str]
) -> None:
    assert dues(line, "Europe/Berlin", start, len(expected)) == expected


def test_a_nightly_task_runs_once_on_every_day_of_ten_years() -> None:
    trigger = crontab("30 2 * * *", tz="Europe/Berlin")
    moment, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    days = []
    while (moment := trigger.next_after(moment)) < end:
        days.append(moment.astimezone(BERLIN).date())
    assert days == [days[0] + timedelta(days=n) for n in range(3653)]


def seconds_after(year: int, month: int, day: int, hour: int) -> st.SearchStrategy[datetime]:
    """Moments after this one in UTC, most of them soon after it."""
    start = datetime(year, month, day, hour, tzinfo=UTC)
    return (st.integers(0, 3 * 3600) | st.integers(0, 10 * 365 * 86400)).map(
        lambda seconds: start + timedelta(seconds=seconds)
    )


# Around both changes of clocks in Berlin, and long after.
moments = seconds_after(2024, 3, 31, 0) | seconds_after(2024, 10, 27, 0)


@given(moment=moments, line=st.sampled_from(LINES), tz=st.sampled_from(ZONES))
def test_due_times_are_in_order_and_none_is_left_out(moment: datetime, line: str, tz: str) -> None:
    """The due time after any moment before a due time is that one."""
    trigger = crontab(line, tz=tz)
    due = trigger.next_after(moment)
    assert due > moment
    assert due.tzinfo is UTC
    assert trigger.next_after(due - timedelta(microseconds=1)) == due
    assert trigger.next_after(moment + (due - moment) / 2) == due


@given(moment=moments, period=st.integers(1, 10**9).map(lambda ms: timedelta(milliseconds=ms)))
def test_intervals_are_whole_multiples_since_1970(moment: datetime, period: timedelta) -> None:
    due = every(seconds=period / timedelta(seconds=1)).next_after(moment)
    assert moment < due <= moment + period
    assert (due - datetime(1970, 1, 1, tzinfo=UTC)) % period == timedelta(0)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("99 * * * *", "'99 * * * *': bad minute; the fields are minute (0-59),"),
        ("0 25 * * *", "bad hour"),
        ("0 0 32 * *", "bad day-of-month"),
        ("0 0 * FOO *", "bad month"),
        ("0 0 * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("* * *", "wrong number of fields"),
        ("", "wrong number of fields"),
        ("@daily", "wrong number of fields"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("* * */20 * 1L", "never comes due"),
    ],
)
def test_a_wrong_line_is_refused_where_it_is_written(line: str, advice: str) -> None:
    with pytest.raises(TriggerError, match=re.escape(advice)):
        crontab(line)


@pytest.mark.parametrize("tz", ["Europe/Nowhere", "Europe", "../etc/passwd", ""])
def test_a_wrong_time_zone_is_refused_where_it_is_written(tz: str) -> None:
    with pytest.raises(TriggerError, match="there is no time zone"):
        crontab("* * * * *", tz=tz)


@pytest.mark.parametrize("seconds", [0, -1, 0.0004, 1.00005])
def test_an_interval_that_cannot_be_kept_is_refused(seconds: float) -> None:
    with pytest.raises(TriggerError, match="whole number of milliseconds"):
        every(seconds=seconds)


def test_a_line_may_be_written_with_any_blanks_and_letters() -> None:
    assert str(crontab("  0 3   * * mon", tz="Europe/Berlin")) == "0 3 * * mon Europe/Berlin"
    after = datetime(2024, 1, 3, tzinfo=UTC)
    assert crontab("0 3 * * mon").next_after(after) == datetime(2024, 1, 8, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ({"hours": 6}, "every 6 h"),
        ({"minutes": 90}, "every 1 h 30 min"),
        ({"days": 7}, "every 7 d"),
        ({"seconds": 0.5}, "every 0.5 s"),
        ({"days": 1, "seconds": 86399.5}, "every 1 d 23 h 59 min 59.5 s"),
    ],
)
def test_an_interval_is_told_in_units(period: dict[str, float], words: str) -> None:
    assert str(every(**period)) == words
