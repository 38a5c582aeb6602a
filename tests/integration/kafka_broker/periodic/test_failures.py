"""What is sent when Kafka or MongoDB is out of reach, or nobody ran in time."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tasks.kafka_broker.periodic import Periodic, every
from tests.eventually import eventually
from tests.integration.kafka_broker.periodic.support import (
    NOON,
    Broker,
    Clock,
    MakePeriodic,
    message,
    settled,
)


def test_a_send_that_failed_is_tried_again_soon_and_holds_up_no_other(
    make_periodic: MakePeriodic,
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
    make_periodic: MakePeriodic,
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
        eventually(lambda: caplog.messages.count(said) >= 2)
        runner.stop()
    assert (
        "schedules: the leases could not be released and run out by themselves" in caplog.messages
    )
