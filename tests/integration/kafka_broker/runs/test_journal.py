"""Figures survive a MongoDB that comes back, and what does not fit is bounded."""

import time
from typing import Any

import pymongo
import pytest
from dramatiq import Message, MessageProxy
from dramatiq.brokers.stub import StubBroker
from pymongo.database import Database
from pymongo.errors import PyMongoError

from devstack import ports
from tasks.kafka_broker.runs import RunHistory
from tasks.kafka_broker.runs.journal import Ended, Journal
from tasks.kafka_broker.runs.tally import STARTED, Key, count_success, new_tally

KEY = Key("go", "default", "")


def _journal(database: Database[Any]) -> Journal:
    return Journal(database, keeps_arguments=False, runs_days=1, minutes_days=1)


def _run() -> Ended:
    message: Message[Any] = Message("default", "go", (), {}, {})
    return Ended(MessageProxy(message), "succeeded", 1, 0.1, time.monotonic())


def test_only_what_is_new_of_a_tally_is_added_and_threads_add_up(database: Database[Any]) -> None:
    journal, broker = _journal(database), StubBroker()
    tally = new_tally()
    for _ in range(3):
        tally[STARTED] += 1
        count_success(tally, 0.01)
        for thread in (1, 2):
            journal.add_tally(broker, KEY, thread, tally.copy())
        journal.write()
    (actor,) = RunHistory(database).actors()
    assert (actor.figures.started, actor.figures.succeeded) == (6, 6)


def test_what_could_not_be_written_is_written_later(
    database: Database[Any], caplog: pytest.LogCaptureFixture
) -> None:
    where = f"mongodb://{ports.LOOPBACK}:{ports.free_port()}"
    with pymongo.MongoClient[dict[str, Any]](where, serverSelectionTimeoutMS=50) as client:
        journal = _journal(client[database.name])
        tally = new_tally()
        tally[STARTED] = 7
        journal.add_tally(StubBroker(), KEY, 1, tally)
        for _ in range(3):
            with pytest.raises(PyMongoError):
                journal.write()
        journal.add_runs(_run() for _ in range(1_005))
        # It is back: the same journal, its server found.
        journal._database = database  # noqa: SLF001
        journal.write()
    assert RunHistory(database).actors()[0].figures.started == 7
    assert database["task_runs"].count_documents({}) == 1_000
    assert "5 minutes or runs are lost" in caplog.text
    journal.write()
    assert database["task_runs"].count_documents({}) == 1_000
