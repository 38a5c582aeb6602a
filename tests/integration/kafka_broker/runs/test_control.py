"""What people ask of waiting tasks and lanes: done once, never lost, known to every worker."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq
import pytest
from dramatiq.errors import BrokerConnectionError
from pymongo.database import Database

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.control import Control
from tasks.kafka_broker.control.control import NoSuchLaneError
from tasks.kafka_broker.control.decisions import Decisions
from tasks.kafka_broker.waiting import WaitingTask, WaitingTasks
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

HOUR_MS = 3_600_000


class Noting:
    """An actor that notes its runs."""

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        self.ran: list[str] = []

        @dramatiq.actor(broker=broker)
        def go(name: str) -> None:
            self.ran.append(name)

        self.go = go

    def waiting(self) -> list[WaitingTask]:
        return self.broker.waiting("default").page().tasks


@pytest.fixture
def noting(make_watched: MakeBroker) -> Noting:
    return Noting(make_watched())


@pytest.fixture
def control(noting: Noting, database: Database[Any]) -> Control:
    return Control(noting.broker, database)


def _bring_forward(control: Control, noting: Noting, task: WaitingTask, by: str = "ann") -> str:
    waiting = noting.broker.waiting("default")
    return control.bring_forward(waiting, task, by=by, reason="now")


def test_a_cancelled_task_never_runs_and_leaves_its_queue(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    noting.go.send_with_options(args=("cancelled",), delay=2_000)
    noting.go.send_with_options(args=("kept",), delay=2_000)
    task = next(t for t in noting.waiting() if t.message.args == ("cancelled",))
    assert control.cancel(task, by="ann", reason="wrong address") == ""
    start_worker(noting.broker)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["kept"]


def test_a_worker_that_starts_asks_before_it_begins(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    noting = Noting(make_watched(asks_every_s=3600))
    noting.go.send("cancelled")
    noting.go.send("kept")
    (task, _) = noting.broker.waiting("default").page("normal").tasks
    assert Control(noting.broker, database).cancel(task, by="ann", reason="") == ""
    start_worker(noting.broker)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["kept"]


def test_a_worker_that_runs_hears_of_it(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    start_worker(noting.broker)
    noting.go.send_with_options(args=("cancelled",), delay=8_000)
    (task,) = eventually(noting.waiting)
    assert control.cancel(task, by="ann", reason="") == ""
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == []


def test_a_task_that_is_brought_forward_runs_at_once_and_once(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    noting.go.send_with_options(args=("soon",), delay=10_000)
    (task,) = noting.waiting()
    assert _bring_forward(control, noting, task) == ""
    start_worker(noting.broker)
    eventually(lambda: noting.ran == ["soon"], within_s=9)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["soon"]


def test_clicks_at_the_same_time_act_once(
    noting: Noting, control: Control, start_worker: StartWorker, log: Log
) -> None:
    noting.go.send_with_options(args=("soon",), delay=HOUR_MS)
    (task,) = noting.waiting()
    with ThreadPoolExecutor(4) as pool:
        refusals = list(pool.map(lambda n: _bring_forward(control, noting, task, str(n)), range(4)))
    assert min(refusals) == ""
    assert all("already" in refusal for refusal in sorted(refusals)[1:])
    assert len(log.read(noting.broker.queues["default"].topic)) == 1
    assert "brought forward" in control.cancel(task, by="bob", reason="")
    start_worker(noting.broker)
    eventually(lambda: noting.ran == ["soon"])


def test_a_cancelled_task_is_not_brought_forward(noting: Noting, control: Control) -> None:
    noting.go.send_with_options(args=("soon",), delay=HOUR_MS)
    (task,) = noting.waiting()
    assert control.cancel(task, by="ann", reason="") == ""
    assert control.cancel(task, by="bob", reason="") == "it was cancelled by ann already"
    assert _bring_forward(control, noting, task) == "it was cancelled by ann already"


class _Unsent(WaitingTasks):
    """A Kafka that takes nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def bring_forward(self, task: WaitingTask) -> None:  # noqa: ARG002
        raise self._error


def test_what_could_not_be_brought_forward_runs_when_it_is_due_and_may_be_asked_again(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    """Skipping what was never sent would lose it."""
    noting.go.send_with_options(args=("soon",), delay=3_000)
    (task,) = noting.waiting()
    broken = _Unsent(BrokerConnectionError("away"))  # type: ignore[no-untyped-call]
    with pytest.raises(BrokerConnectionError):
        control.bring_forward(broken, task, by="ann", reason="")
    died = _Unsent(KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        control.bring_forward(died, task, by="ann", reason="")
    assert "already" in _bring_forward(control, noting, task)
    start_worker(noting.broker)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["soon"]


def test_a_decision_that_nobody_ended_may_be_made_anew(database: Database[Any]) -> None:
    decisions = Decisions(database)

    def begin() -> bool:
        return decisions.decide(
            "m/0/0", "brought_forward", by="ann", reason="", is_final=False, due_at=None
        )

    assert begin()
    assert not begin()
    old = database["task_decisions"].find_one_and_update(
        {},
        [{"$set": {"at": {"$dateSubtract": {"startDate": "$at", "unit": "minute", "amount": 2}}}}],
    )
    assert old is not None
    assert begin()
    decisions.make_final("m/0/0")
    assert not begin()


def test_a_task_that_waits_in_a_lane_can_be_cancelled(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    noting.go.send("cancelled")
    noting.go.send("kept")
    (task, _) = noting.broker.waiting("default").page("normal").tasks
    assert "queued already" in _bring_forward(control, noting, task)
    assert control.cancel(task, by="ann", reason="") == ""
    start_worker(noting.broker)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["kept"]


def test_only_the_attempt_that_was_cancelled_is_skipped(
    noting: Noting, control: Control, start_worker: StartWorker
) -> None:
    """A dead letter of the same message may be replayed later."""
    message = noting.go.message("again")
    noting.broker.enqueue(message, delay=500)
    (task,) = noting.waiting()
    assert control.cancel(task, by="ann", reason="") == ""
    noting.broker.enqueue(message.copy(options={"retries": 3}))
    start_worker(noting.broker)
    noting.broker.join("default", timeout=30_000)
    assert noting.ran == ["again"]


def test_a_record_without_an_id_of_its_own_cannot_be_cancelled(
    make_watched: MakeBroker, database: Database[Any], log: Log
) -> None:
    queues = {"default": QueueOptions(default_actor="go")}
    noting = Noting(make_watched(queues=queues))
    noting.broker.ensure_topics()
    log.write(noting.broker.queues["default"].topic, b'{"name": "foreign"}')
    (task,) = noting.broker.waiting("default").page("normal").tasks
    assert "no id of its own" in Control(noting.broker, database).cancel(task, by="a", reason="")


# Lanes


def test_a_paused_lane_begins_nothing_until_it_is_let_go_and_the_others_go_on(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    noting = Noting(make_watched(queues={"default": QueueOptions(lanes=True)}))
    control = Control(noting.broker, database)
    start_worker(noting.broker)
    noting.go.send("before")
    eventually(lambda: noting.ran == ["before"], within_s=20)
    assert control.pause("default", "normal", by="ann", reason="deploy") == ""
    assert control.pause("default", "normal", by="bob", reason="") == "it is paused already"
    topics = noting.broker.queues["default"].lane_topics
    eventually(lambda: topics["normal"] in noting.broker._held)  # noqa: SLF001
    for number in range(300):
        noting.go.send(f"held {number}")
    noting.go.send_with_options(args=("urgent",), lane="high")
    eventually(lambda: "urgent" in noting.ran)
    assert noting.ran == ["before", "urgent"]
    # That "urgent" is done, Kafka may hear a moment later.
    eventually(lambda: [lag.unfinished for lag in noting.broker.lag()] == [300])
    states = {lane.name: (lane.is_paused, lane.by, lane.reason) for lane in control.lanes()}
    assert states["normal"] == (True, "ann", "deploy")
    assert states["high"] == (False, "", "")
    assert control.unpause("default", "normal", by="bob", reason="") == ""
    assert control.unpause("default", "normal", by="bob", reason="") == "it is not paused"
    noting.broker.join("default", timeout=30_000)
    assert len(noting.ran) == 302
    assert len(set(noting.ran)) == 302


def test_a_pause_outlasts_the_worker_and_lets_running_tasks_end(
    make_watched: MakeBroker, start_worker: StartWorker, database: Database[Any]
) -> None:
    broker = make_watched()
    begun, may_end = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def go() -> None:
        begun.set()
        may_end.wait(30)

    go.send()
    worker = start_worker(broker, threads=1)
    assert begun.wait(20)
    control = Control(broker, database)
    assert control.pause("default", "normal", by="ann", reason="") == ""
    eventually(lambda: broker.queues["default"].topic in broker._held)  # noqa: SLF001
    may_end.set()
    broker.join("default", timeout=30_000)
    worker.stop()
    second = Noting(make_watched())
    second.go.send("held")
    started = start_worker(second.broker)
    eventually(second.broker.is_consuming, within_s=20)
    # A worker that began at all would have begun with it.
    eventually(lambda: _has_read(second.broker))
    assert second.ran == []
    assert control.unpause("default", "normal", by="ann", reason="") == ""
    second.broker.join("default", timeout=30_000)
    assert second.ran == ["held"]
    started.stop()


def _has_read(broker: KafkaBroker) -> bool:
    (consumer,) = broker._consumers.values()  # noqa: SLF001
    return any(a.waiting for a in consumer._inbox.assignments())  # noqa: SLF001


def test_a_lane_that_is_not_there_is_said_so(noting: Noting, control: Control) -> None:
    noting.broker.declare_queue("default")
    with pytest.raises(NoSuchLaneError, match="there is no lane high of a queue default"):
        control.pause("default", "high", by="ann", reason="")
    with pytest.raises(NoSuchLaneError):
        control.unpause("nowhere", "normal", by="ann", reason="")
