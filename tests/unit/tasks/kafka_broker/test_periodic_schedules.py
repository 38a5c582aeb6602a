"""What a schedule owes after a pause, and how schedules are declared."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient

from tasks.kafka_broker.periodic import Periodic, ScheduleError, crontab, every
from tasks.kafka_broker.periodic.schedule import Schedule

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MESSAGE: Message[Any] = Message("default", "go", (), {}, {"lane": "high"})


def schedule(*, period_s: int = 60, grace_s: float = 300) -> Schedule:
    return Schedule("name", every(seconds=period_s), MESSAGE, timedelta(seconds=grace_s))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_nothing_is_owed_before_it_is_due() -> None:
    assert schedule().due(NOON, NOON + minutes(0.99)) is None


def test_what_is_due_is_fired_for_its_time_however_late_it_is_seen() -> None:
    due = schedule().due(NOON, NOON + minutes(1.4))
    assert due is not None
    assert (due.fire_for, due.until, due.has_missed) == (
        NOON + minutes(1),
        NOON + minutes(1),
        False,
    )


def test_what_was_missed_within_the_grace_is_fired_once_for_the_latest() -> None:
    due = schedule().due(NOON, NOON + minutes(4.5))
    assert due is not None
    assert (due.fire_for, due.has_missed) == (NOON + minutes(4), False)


def test_what_is_later_than_the_grace_is_given_up() -> None:
    hourly = schedule(period_s=3600, grace_s=60)
    due = hourly.due(NOON, NOON + minutes(90))
    assert due is not None
    assert (due.fire_for, due.until, due.has_missed) == (None, NOON + minutes(90), True)
    assert hourly.due(due.until, NOON + minutes(119)) is None


@given(
    pauses_s=st.lists(st.integers(1, 1000), max_size=20),
    period_s=st.integers(1, 200),
    grace_s=st.integers(1, 400),
)
def test_whatever_the_pauses_no_time_is_fired_for_twice_or_too_late(
    pauses_s: list[int], period_s: int, grace_s: int
) -> None:
    each = schedule(period_s=period_s, grace_s=grace_s)
    last = now = NOON
    fired: list[datetime] = []
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        due = each.due(last, now)
        if due is None:
            continue
        assert last < due.until <= now
        last = due.until
        if due.fire_for is not None:
            assert now - due.fire_for < each.misfire_grace
            fired.append(due.fire_for)
    assert fired == sorted(set(fired))


def test_messages_differ_by_their_due_time_only() -> None:
    first, again = (schedule().message_for(NOON) for _ in range(2))
    assert first.message_id == again.message_id
    assert first.message_id != schedule().message_for(NOON + minutes(1)).message_id
    assert first.options == {
        "lane": "high",
        "schedule": "name",
        "scheduled_for": "2024-05-01T12:00:00+00:00",
    }
    assert MESSAGE.options == {"lane": "high"}


@pytest.fixture
def periodic() -> Periodic:
    # Declaring connects to nothing, so this client never will.
    client = MongoClient[dict[str, Any]]("localhost:1", connect=False)
    return Periodic(StubBroker(), client["nowhere"])


def test_an_actor_may_be_scheduled_where_it_is_declared(periodic: Periodic) -> None:
    @periodic.on(crontab("0 3 * * *"))
    @dramatiq.actor(broker=StubBroker())
    def clean() -> None: ...

    assert isinstance(clean, dramatiq.Actor)
    with pytest.raises(ScheduleError, match="there is a schedule 'clean' already"):
        periodic.add("clean", crontab("0 4 * * *"), clean.message())


def test_a_grace_in_which_nothing_could_be_fired_is_refused(periodic: Periodic) -> None:
    with pytest.raises(ScheduleError, match="would miss every due time"):
        periodic.add("name", every(minutes=1), MESSAGE, misfire_grace_s=0)
