"""Who sends what when: runners of several processes on one MongoDB, and time as the test says."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dramatiq import Message
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed
from pymongo import MongoClient
from pymongo.database import Database

from tasks.kafka_broker.periodic import Periodic, crontab, every
from tasks.kafka_broker.periodic.runner import Runner
from tasks.kafka_broker.periodic.store import ScheduleStore
from tests.eventually import eventually

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LEASE_S = 30


class Clock:
    """Tells the time that the test has set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


class Broker(StubBroker):
    """Notes what is sent, and is out of reach while a test says so."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.sent: list[Message[Any]] = []
        self.unreachable_actors: set[str] = set()

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:  # noqa: ARG002
        if message.actor_name in self.unreachable_actors:
            raise ConnectionClosed("gone")  # type: ignore[no-untyped-call]
        self.sent.append(message)
        return message

    @property
    def sent_for(self) -> list[datetime]:
        return [datetime.fromisoformat(m.options["scheduled_for"]) for m in self.sent]


def message(actor_name: str = "go") -> Message[Any]:
    return Message("default", actor_name, (), {}, {})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def make_periodic(broker: Broker, database: Database[Any], clock: Clock) -> Callable[..., Periodic]:
    """One application's schedules, as each of its processes makes them."""

    def make(**options: Any) -> Periodic:
        settings: dict[str, Any] = {"lease_s": LEASE_S, "clock": clock}
        return Periodic(broker, database, **(settings | options))

    return make


@pytest.fixture
def periodic(make_periodic: Callable[..., Periodic]) -> Periodic:
    """One schedule, due at every full minute."""
    periodic = make_periodic()
    periodic.add("minutely", every(minutes=1), message())
    return periodic


def settled(runner: Runner) -> Runner:
    """A runner that knows all of its schedules and holds the leases that were free."""
    for _ in range(2):
        runner.tick()
    return runner


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
    make_periodic: Callable[..., Periodic], clock: Clock
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
    make_periodic: Callable[..., Periodic], broker: Broker, clock: Clock
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
    make_periodic: Callable[..., Periodic], broker: Broker, clock: Clock
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


def test_a_send_that_failed_is_tried_again_soon_and_holds_up_no_other(
    make_periodic: Callable[..., Periodic],
    broker: Broker,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    periodic = make_periodic()
    for name in ("ill", "well"):
        periodic.add(name, every(hours=1), message(name))
    runner = settled(periodic.runner())
    broker.unreachable_actors = {"ill"}
    clock.advance(hours=1)
    assert 0 < runner.tick() <= 1
    assert [m.actor_name for m in broker.sent] == ["well"]
    assert "schedule 'ill': not sent for 2024-05-01 13:00:00+00:00, try again" in caplog.messages
    broker.unreachable_actors = set()
    clock.advance(seconds=1)
    runner.tick()
    assert [m.actor_name for m in broker.sent] == ["well", "ill"]
    assert broker.sent_for == [NOON + timedelta(hours=1)] * 2


def test_a_process_that_dies_between_claim_and_send_loses_that_one_time_only(
    periodic: Periodic, broker: Broker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice of docs/adr/0010: rather none than two."""

    def die(*_: object) -> None:
        raise SystemExit

    runner = settled(periodic.runner())
    clock.advance(minutes=1)
    with monkeypatch.context() as patch:
        patch.setattr(broker, "enqueue", die)
        with pytest.raises(SystemExit):
            runner.tick()
    runner.tick()
    assert broker.sent == []
    clock.advance(minutes=1)
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=2)]


def test_what_nobody_ran_in_time_is_made_up_for_once(
    periodic: Periodic, broker: Broker, clock: Clock
) -> None:
    runner = settled(periodic.runner())
    clock.advance(minutes=20, seconds=7)
    runner.tick()
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=20)]


def test_what_is_later_than_its_grace_is_missed_and_said_to_be(
    make_periodic: Callable[..., Periodic],
    broker: Broker,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    periodic = make_periodic()
    periodic.add("hourly", every(hours=1), message(), misfire_grace_s=60)
    runner = settled(periodic.runner())
    clock.advance(hours=1, minutes=30)
    runner.tick()
    runner.tick()
    assert broker.sent == []
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert (
        "schedule 'hourly': what was due after 2024-05-01 12:00:00+00:00 is missed" in warnings[0]
    )
    clock.advance(minutes=30)
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(hours=2)]


def test_a_changed_trigger_counts_from_now_on(
    make_periodic: Callable[..., Periodic], broker: Broker, clock: Clock
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
    periodic: Periodic, make_periodic: Callable[..., Periodic], broker: Broker, clock: Clock
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


def test_schedules_whose_collection_was_dropped_go_on(
    periodic: Periodic, broker: Broker, clock: Clock, database: Database[Any]
) -> None:
    runner = settled(periodic.runner())
    database.drop_collection("dramatiq_schedules")
    settled(runner)
    clock.advance(minutes=1)
    runner.tick()
    assert broker.sent_for == [NOON + timedelta(minutes=1)]


def test_a_runner_outlives_an_outage_of_mongodb(
    broker: Broker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"serverSelectionTimeoutMS": 10}
    with MongoClient[dict[str, Any]]("localhost:1", **options) as nobody:
        periodic = Periodic(broker, nobody["nowhere"], clock=clock)
        periodic.add("minutely", every(minutes=1), message())
        runner = periodic.runner()
        runner.start()
        said = "schedules: nothing can be sent, try again"
        eventually(lambda: caplog.messages.count(said) == 2)
        runner.stop()
    assert (
        "schedules: the leases could not be released and run out by themselves" in caplog.messages
    )
