"""What waits is listed from where the group stands, page by page, and only while it waits."""

import threading

import dramatiq
import pytest

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.letter_scan import NoSuchLetterError
from tasks.kafka_broker.waiting import NoSuchTaskError
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

HOUR_MS = 3_600_000


def test_scheduled_tasks_are_listed_by_pages_with_their_time(make_broker: MakeBroker) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None: ...

    sent = [
        go.send_with_options(args=(number,), delay=(number + 1) * HOUR_MS) for number in range(5)
    ]
    waiting = broker.waiting("default")
    assert waiting.count_delayed() == 5
    found, cursor = [], None
    while True:
        page = waiting.page(limit=2, cursor=cursor)
        found += page.tasks
        if (cursor := page.cursor) is None:
            break
    assert {task.message.message_id for task in found} == {m.message_id for m in sent}
    assert {(task.kind, task.attempt) for task in found} == {("scheduled", 1)}
    due = {task.message.message_id: task.due_at for task in found}
    times = [due[message.message_id] for message in sent]
    assert all(times)
    assert times == sorted(times, key=str)
    assert waiting.get("delayed", found[0].place) == found[0]


def test_a_task_that_failed_waits_as_one_to_be_retried_with_its_error(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker, min_backoff=HOUR_MS, max_backoff=HOUR_MS)
    def go() -> None:
        raise ValueError("not now")

    go.send()
    start_worker(broker)
    (task,) = eventually(lambda: broker.waiting("default").page().tasks)
    assert (task.kind, task.attempt, task.error) == ("retrying", 2, "ValueError: not now")


def test_what_is_done_or_no_task_does_not_wait(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker)
    def go() -> None: ...

    worker = start_worker(broker)
    go.send_with_options(delay=1)
    broker.join("default", timeout=30_000)
    worker.stop()
    queue = broker.queues["default"]
    log.write(queue.topic, b"no json")
    log.write(queue.delay_topic, b"no json", partition=0)
    waiting = broker.waiting("default")
    assert waiting.page().tasks == []
    assert waiting.page("normal").tasks == []
    with pytest.raises(NoSuchTaskError):
        waiting.get("normal", "0:0")
    with pytest.raises(NoSuchTaskError):
        waiting.get("normal", "0:1")
    with pytest.raises(NoSuchLetterError):
        waiting.get("normal", "x")
    with pytest.raises(NoSuchTaskError):
        waiting.page("high")


def test_a_lane_shows_what_is_behind_the_tasks_that_run(
    make_broker: MakeBroker, start_worker: StartWorker
) -> None:
    broker = make_broker(queues={"default": QueueOptions(lanes=True)})
    may_end = threading.Event()

    @dramatiq.actor(broker=broker)
    def go(name: str) -> None:
        if name == "long":
            may_end.wait(30)

    go.send_with_options(args=("long",), lane="low")
    start_worker(broker, threads=1)
    go.send_with_options(args=("behind",), lane="low")
    try:
        names = [task.message.args for task in broker.waiting("default").page("low").tasks]
        assert names == [("long",), ("behind",)]
    finally:
        may_end.set()
    broker.join("default", timeout=30_000)
    assert broker.waiting("default").page("low").tasks == []


def test_a_topic_that_is_not_there_holds_nothing(make_broker: MakeBroker) -> None:
    broker: KafkaBroker = make_broker()
    broker.declare_queue("default")
    assert broker.waiting("default").page().tasks == []
    assert broker.waiting("default").count_delayed() == 0
