"""Who sends: runners of several processes, while they come, go, die and race."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from pymongo.database import Database

from tasks.kafka_broker.periodic import Periodic, crontab, every
from tasks.kafka_broker.periodic.store import ScheduleStore
from tests.eventually import eventually
from tests.integration.kafka_broker.periodic.support import (
    LEASE_S,
    NOON,
    Broker,
    Clock,
    MakePeriodic,
    message,
    settled,
)


def test_of_two_runners_one_sends(periodic: Periodic, broker: Broker, clock: Clock) -> None:
    first, second = settled(periodic.runner()), settled(periodic.runner())
    for _ in range(5):
        clock.advance(minutes=1)
        second.tick()
        assert not broker.sent[5:]
        first.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=n) for n in range(1, 6)]
    assert len({m.message_id for m in broker.sent}) == 5


def test_a_runner_looks_again_when_something_is_due_or_its_lease_needs_it(
    make_periodic: MakePeriodic, clock: Clock
) -> None:
    periodic = make_periodic()
    assert periodic.runner().tick() == LEASE_S / 3
    periodic.add("soon", crontab("5 12 * * *"), message())
    runner = settled(periodic.runner())
    assert runner.tick() == LEASE_S / 3
    clock.advance(minutes=4, seconds=58)
    assert runner.tick() == 2


def test_a_schedule_begins_when_it_is_first_seen(
    periodic: Periodic, broker: Broker, clock: Clock
) -> None:
    clock.advance(seconds=59)
    runner = settled(periodic.runner())
    assert broker.sent == []
    clock.advance(seconds=1)
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=1)]


def test_a_runner_that_stops_is_succeeded_at_once(
    periodic: Periodic, broker: Broker, clock: Clock, database: Database[Any]
) -> None:
    first = periodic.runner()
    first.start()
    leased = {"owner": {"$exists": True}}
    eventually(lambda: database["dramatiq_schedules"].count_documents(leased) == 1)
    first.stop()
    second = periodic.runner()
    clock.advance(minutes=1)
    second.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=1)]


def test_a_runner_that_dies_is_succeeded_when_its_lease_has_run_out(
    make_periodic: MakePeriodic, broker: Broker, clock: Clock
) -> None:
    periodic = make_periodic(lease_s=0.5)
    periodic.add("minutely", every(minutes=1), message())
    settled(periodic.runner())  # and never heard of again
    successor = periodic.runner()
    clock.advance(minutes=1)

    def succeeded() -> bool:
        successor.tick()
        return bool(broker.sent)

    eventually(succeeded, within_s=5)
    assert broker.sent_for == [NOON + timedelta(minutes=1)]


def test_who_wakes_up_after_its_lease_sends_nothing_twice(
    make_periodic: MakePeriodic, broker: Broker, clock: Clock
) -> None:
    periodic = make_periodic(lease_s=0.001)
    periodic.add("minutely", every(minutes=1), message())
    runners = [settled(periodic.runner()) for _ in range(4)]
    for _ in range(5):
        clock.advance(minutes=1)
        for runner in runners:
            runner.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=n) for n in range(1, 6)]


def test_of_many_claims_to_one_due_time_one_succeeds(database: Database[Any]) -> None:
    """Even if all of them held the lease."""
    stores = [ScheduleStore(database, "schedules", owner="all", lease_s=60) for _ in range(8)]
    stores[0].begin("name", "trigger", NOON)
    with ThreadPoolExecutor(8) as pool:
        for minute in range(10):
            state = stores[0].hold({"name"})["name"]
            assert state.is_ours
            start = threading.Barrier(8)
            until = NOON + timedelta(minutes=minute + 1)

            def claim(store: ScheduleStore) -> bool:
                start.wait(20)  # noqa: B023 - all are done before the next round
                return store.claim(state, until)  # noqa: B023

            assert sum(pool.map(claim, stores)) == 1
            assert not stores[0].claim(state, until + timedelta(minutes=1)), "seen too long ago"


def test_a_changed_trigger_counts_from_now_on(
    make_periodic: MakePeriodic, broker: Broker, clock: Clock
) -> None:
    before = make_periodic(lease_s=0.001)
    before.add("name", crontab("0 13 * * *"), message())
    settled(before.runner())
    clock.advance(minutes=10)
    after = make_periodic()
    after.add("name", crontab("5 12,13 * * *"), message())
    runner = settled(after.runner())
    clock.advance(hours=1)
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(hours=1, minutes=5)]


def test_a_new_release_runs_its_new_schedules_beside_the_old_one(
    periodic: Periodic, make_periodic: MakePeriodic, broker: Broker, clock: Clock
) -> None:
    old = settled(periodic.runner())
    release = make_periodic()
    release.add("minutely", every(minutes=1), message())
    release.add("new", every(minutes=1), message("new"))
    new = settled(release.runner())
    clock.advance(minutes=1)
    new.tick()
    old.tick()
    assert [m.actor_name for m in broker.sent] == ["new", "go"]
