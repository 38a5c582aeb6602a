"""Schedules in workers: begun and stopped with them, on Kafka, and in processes that die."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage
from pymongo.database import Database

from tasks.kafka_broker.periodic import Periodic, every
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker

_SCRIPT = Path(__file__).with_name("worker_process.py")
_ROOT = Path(__file__).parents[4]

StartProcess = Callable[[], "subprocess.Popen[bytes]"]


def runner_threads() -> int:
    return sum(thread.name == "dramatiq-periodic" for thread in threading.enumerate())


def test_workers_of_a_kafka_broker_run_its_schedules(
    make_broker: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_broker()
    broker.add_middleware(CurrentMessage())
    periodic = Periodic(broker, database)
    ran_for: list[str] = []

    @dramatiq.actor(broker=broker)
    def clean(days: int) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        assert (days, message.options["schedule"]) == (30, "clean-old")
        ran_for.append(message.options["scheduled_for"])

    periodic.add("clean-old", every(seconds=0.2), clean.message(days=30))
    assert runner_threads() == 0
    workers = [start_worker(broker) for _ in range(2)]
    assert runner_threads() == 2
    eventually(lambda: len(ran_for) >= 3, within_s=20)
    for worker in workers:
        worker.stop()
    assert runner_threads() == 0
    assert len(ran_for) == len(set(ran_for))


@pytest.fixture
def start_process(mongo_uri: str, database: Database[Any]) -> Iterator[StartProcess]:
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(_SCRIPT), mongo_uri, database.name, "0.1", "5"]
        processes.append(subprocess.Popen(command, cwd=_ROOT, env={"PYTHONPATH": str(_ROOT)}))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_killed_process_is_succeeded_and_no_time_is_run_twice(
    start_process: StartProcess, database: Database[Any]
) -> None:
    by_pid = {process.pid: process for process in (start_process(), start_process())}

    def runs_of(*pids: int) -> int:
        return database["runs"].count_documents({"pid": {"$in": pids}})

    eventually(lambda: runs_of(*by_pid) >= 5, within_s=20)
    first = database["runs"].distinct("pid")
    assert len(first) == 1, "one runner at a time"
    by_pid.pop(first[0]).kill()
    (successor,) = by_pid
    eventually(lambda: runs_of(successor) >= 5, within_s=30)
    ran_for = [run["scheduled_for"] for run in database["runs"].find()]
    assert len(ran_for) == len(set(ran_for))
