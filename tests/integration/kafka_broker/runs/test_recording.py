"""What tasks did can be read from MongoDB, and a MongoDB that is away disturbs none of them."""

import threading
from typing import Any

import dramatiq
import pymongo
from dramatiq import Worker
from dramatiq.brokers.stub import StubBroker
from pymongo.database import Database

from devstack import ports
from tasks.kafka_broker import PutBack, QueueOptions
from tasks.kafka_broker.runs import RunHistory, RunRecorder
from tasks.kafka_broker.runs.history import Figures
from tests.eventually import eventually
from tests.integration.kafka_broker.support import MakeBroker, StartWorker


def _figures(history: RunHistory, actor: str = "go") -> Figures:
    (found,) = [one for one in history.actors() if one.actor == actor]
    return found.figures


def test_every_end_of_a_task_is_counted_once(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_watched()
    put_back = threading.Event()

    @dramatiq.actor(broker=broker, max_retries=2, min_backoff=1, max_backoff=1)
    def go(how: str) -> None:
        if how == "fail":
            raise ValueError(how)
        if how == "put back" and not put_back.is_set():
            put_back.set()
            raise PutBack

    for how in ["well"] * 5 + ["fail", "put back"]:
        go.send(how)
    worker = start_worker(broker)
    broker.join("default", timeout=30_000)
    worker.stop()
    figures = _figures(RunHistory(database))
    assert (figures.succeeded, figures.failed, figures.retried, figures.dead) == (6, 3, 2, 1)
    assert figures.started == 6 + 3 + 1
    assert figures.p50_s is not None
    assert figures.p95_s is not None


def test_failures_are_kept_one_by_one_without_what_the_task_was_given(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_watched()

    @dramatiq.actor(broker=broker, max_retries=1, min_backoff=1, max_backoff=1)
    def go(address: str) -> None:  # noqa: ARG001
        raise ValueError("no such address")

    message = go.send("joe@example.org")
    worker = start_worker(broker)
    broker.join("default", timeout=30_000)
    worker.stop()
    history = RunHistory(database)
    dead, retried = history.runs("go", only_failures=True)
    assert [(run.outcome, run.attempt) for run in (retried, dead)] == [("retried", 1), ("dead", 2)]
    assert (dead.message_id, dead.error) == (message.message_id, "ValueError: no such address")
    assert "in go" in dead.stack
    assert (dead.topic, dead.partition) == (broker.queues["default"].topic, 0)
    assert history.actors()[0].last_error == dead
    assert "joe@example.org" not in repr(list(database["task_runs"].find()))


def test_arguments_are_kept_when_asked_for(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_watched(keeps_arguments=True)

    @dramatiq.actor(broker=broker)
    def go(address: str) -> None: ...

    go.send("joe@example.org")
    worker = start_worker(broker)
    broker.join("default", timeout=30_000)
    worker.stop()
    (run,) = RunHistory(database).runs("go")
    assert run.outcome == "succeeded"
    assert "joe@example.org" in (run.arguments or "")


def test_lanes_are_counted_apart_and_shown_together(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_watched(queues={"default": QueueOptions(lanes=True)})

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    for lane in ("high", "low", "low"):
        go.send_with_options(lane=lane)
    worker = start_worker(broker)
    broker.join("default", timeout=30_000)
    worker.stop()
    by_lane: dict[str, int] = {}
    for one in database["task_minutes"].find():
        lane = one["_id"]["lane"]
        by_lane[lane] = by_lane.get(lane, 0) + one["succeeded"]
    assert by_lane == {"high": 1, "low": 2}
    assert _figures(RunHistory(database)).succeeded == 3
    minutes = RunHistory(database).minutes("go", minutes=5)
    assert len(minutes) == 5
    assert sum(one.figures.succeeded for one in minutes) == 3


def test_what_another_middleware_skips_counts_for_its_own_actor(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    class Skip(dramatiq.Middleware):
        def before_process_message(
            self,
            broker: dramatiq.Broker,  # noqa: ARG002 - dramatiq's signature
            message: dramatiq.MessageProxy,
        ) -> None:
            if message.actor_name == "skipped":
                raise dramatiq.middleware.SkipMessage

    broker = make_watched()
    broker.add_middleware(Skip(), before=RunRecorder)

    def nothing() -> None: ...

    for name in ("done", "skipped"):
        dramatiq.actor(broker=broker, actor_name=name)(nothing).send()
    worker = start_worker(broker, threads=1)
    broker.join("default", timeout=30_000)
    worker.stop()
    history = RunHistory(database)
    assert (_figures(history, "done").started, _figures(history, "done").skipped) == (1, 0)
    assert (_figures(history, "skipped").started, _figures(history, "skipped").skipped) == (0, 1)


def test_other_times_of_keeping_change_the_indexes(database: Database[Any]) -> None:
    """Without that no figure would ever be written again."""
    broker = StubBroker(middleware=[])
    broker.emit_after("process_boot")

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    for days in (1, 2):
        recorder = RunRecorder(database, runs_days=days, interval_s=0.05)
        broker.middleware[:] = [recorder]
        worker = Worker(broker, worker_timeout=10, worker_threads=1)
        worker.start()
        go.send()
        broker.join("default")
        worker.stop()
        broker.emit_after("worker_shutdown", worker)
        eventually(lambda count=days: len(RunHistory(database).runs("go")) == count)  # type: ignore[misc]
    (index,) = [i for i in database["task_runs"].list_indexes() if i["name"] == "retention"]
    assert index["expireAfterSeconds"] == 2 * 86_400
    broker.close()


def test_a_mongodb_that_is_away_disturbs_no_task(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    where = f"mongodb://{ports.LOOPBACK}:{ports.free_port()}"
    with pymongo.MongoClient[dict[str, Any]](where, serverSelectionTimeoutMS=100) as client:
        broker = make_broker()
        broker.add_middleware(RunRecorder(client["nowhere"], interval_s=0.05))
        runs: list[int] = []

        @dramatiq.actor(broker=broker)
        def go(number: int) -> None:
            runs.append(number)

        broker.enqueue_many([go.message(number) for number in range(200)])
        worker = start_worker(broker)
        broker.join("default", timeout=30_000)
        worker.stop()
        assert sorted(runs) == list(range(200))
