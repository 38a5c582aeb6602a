"""Guards the breaker's state that processes share: each change happens once. Real MongoDB."""

from typing import Any

import pytest
from pymongo.database import Database

from resumes.breaker import BreakerState
from store.breakers import BREAKERS, MongoBreakerStore


@pytest.fixture
def store(migrated: Database[Any]) -> MongoBreakerStore:
    return MongoBreakerStore(migrated, "parser")


def age(database: Database[Any], seconds: float) -> None:
    moved = {
        field: {"$subtract": [f"${field}", round(1000 * seconds)]}
        for field in ("changed_at", "probe_until")
        if field in (database[BREAKERS].find_one() or {})
    }
    database[BREAKERS].update_one({}, [{"$set": moved}])


def test_a_breaker_that_nobody_touched_is_closed(store: MongoBreakerStore) -> None:
    assert store.read() == BreakerState()


def test_failures_are_counted_until_they_are_forgotten(store: MongoBreakerStore) -> None:
    assert [store.count_failure() for _ in range(3)] == [1, 2, 3]
    store.forget_failures()
    assert store.read() == BreakerState()
    assert store.count_failure() == 1


def test_it_goes_round_and_begins_to_count_anew(
    store: MongoBreakerStore, migrated: Database[Any]
) -> None:
    store.count_failure()
    store.open()
    assert store.read().state == "open"
    store.half_open(after_s=10)
    assert store.read().state == "open", "its time is not over"
    age(migrated, 10)
    store.half_open(after_s=10)
    assert store.read().state == "half-open"
    store.close()
    closed = store.read()
    assert (closed.state, closed.failures) == ("closed", 0)
    assert closed.age_s is not None


def test_there_is_one_probe_at_a_time_and_a_dead_one_loses_it(
    store: MongoBreakerStore, migrated: Database[Any]
) -> None:
    assert not store.take_probe(for_s=30), "only a half-open breaker is tested"
    store.count_failure()
    store.open()
    age(migrated, 10)
    store.half_open(after_s=10)
    assert store.take_probe(for_s=30)
    assert not store.take_probe(for_s=30)
    assert 25 < store.read().probe_s <= 30
    age(migrated, 31)
    assert store.read().probe_s == 0
    assert store.take_probe(for_s=30)


def test_who_comes_too_late_changes_nothing(
    store: MongoBreakerStore, migrated: Database[Any]
) -> None:
    store.count_failure()
    store.close()
    assert store.read().state == "closed"
    store.half_open(after_s=0)
    assert store.read().state == "closed"
    store.open()
    age(migrated, 5)
    store.open()  # a call that began before
    assert (store.read().age_s or 0) >= 5
    store.close()  # a probe whose turn is over
    assert store.read().state == "open"
