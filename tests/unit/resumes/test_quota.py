from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumes.quota import Quota, QuotaRule

ZONES = ["UTC", "Asia/Ho_Chi_Minh", "America/New_York", "Australia/Lord_Howe"]
moments = st.floats(1e9, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_the_day_is_the_calendar_day_of_the_configured_zone() -> None:
    late_evening = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
    assert QuotaRule(1, ZoneInfo("UTC")).day(late_evening) == "2026-03-01"
    assert QuotaRule(1, ZoneInfo("Asia/Ho_Chi_Minh")).day(late_evening) == "2026-03-02"


def test_a_day_on_which_clocks_change_has_its_own_length() -> None:
    rule = QuotaRule(1, ZoneInfo("America/New_York"))
    midnight = datetime(2026, 3, 8, 5, tzinfo=UTC)  # 00:00 in New York; the day has 23 hours
    assert rule.resets_in_s(midnight) == 23 * 3600


@given(moments, st.sampled_from(ZONES))
def test_the_reset_is_the_first_moment_of_the_next_day(now: datetime, zone: str) -> None:
    rule = QuotaRule(1, ZoneInfo(zone))
    reset = datetime.fromtimestamp(now.timestamp() + rule.resets_in_s(now) + 1, UTC)
    assert rule.day(reset) > rule.day(now)
    assert 1 <= rule.resets_in_s(now) <= 25 * 3600


@pytest.mark.parametrize(("used", "remaining"), [(0, 2), (2, 0), (5, 0)])
def test_remaining_is_never_negative(used: int, remaining: int) -> None:
    assert Quota(2, used, 1).remaining == remaining
