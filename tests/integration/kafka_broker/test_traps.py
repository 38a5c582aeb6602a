"""Ways in which a Kafka broker for dramatiq loses, repeats or blocks work, each with its test.

| trap | elsewhere |
| --- | --- |
| 1 dramatiq acknowledges a message whose retry could not be sent | here; `test_retrying.py` |
| 2 a record of a foreign queue kills a worker's thread | `test_poison.py` |
| 3 acknowledgements go to another consumer than the message's | `test_acknowledging.py` |
| 4 a delayed message pins its partition's offset | here; `test_delays.py` |
| 5 a record that cannot be decoded restarts the consumer for ever | `test_poison.py` |
| 6 a task that kills its process is not counted as tried | here |
| 7 a retried message grows until Kafka refuses it | here; `test_retrying.py` |
| 8 the offset moves before the dead letter is written | `test_poison.py` |
| 9 an asynchronous exception comes when its task is over | `test_late_interrupts.py` |
| 10 an actor's priority is none of the queue | here; `test_lanes.py` |
| 11 a skipped message counts as done | here |
| 12 a long delay makes a message too old | here |
"""

# mypy: allow-untyped-calls

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import AgeLimit, Middleware, SkipMessage

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tests.eventually import eventually
from tests.integration.kafka_broker import noting_process
from tests.integration.kafka_broker.support import Log, MakeBroker, StartProcess, StartWorker

WEEK_MS = 7 * 24 * 3600 * 1000


def test_trap_1_a_next_of_a_pipeline_that_cannot_be_sent_is_not_lost(
    make_broker: MakeBroker, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.1)
    broker = make_broker(publish_timeout_s=2.0)
    began, may_end = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def first() -> str:
        began.set()
        may_end.wait(20)
        return "passed on"

    @dramatiq.actor(broker=broker, queue_name="next")
    def second(*results: str) -> None: ...

    broker.ensure_topics()
    dramatiq.pipeline([first.message(), second.message()], broker=broker).run()
    worker = dramatiq.Worker(broker, queues={"default"}, worker_threads=1, worker_timeout=100)
    worker.start()
    assert began.wait(20)
    topic = broker.queues["next"].topic
    log.admin.delete_topics([topic])
    eventually(lambda: topic not in log.admin.list_topics(), within_s=20)
    may_end.set()
    with pytest.raises(dramatiq.QueueJoinTimeout):
        broker.join("default", timeout=1500)
    log.admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)
    broker.join("default", timeout=20_000)
    worker.stop()
    # Kafka may have taken what the producer had given up: then it is there twice.
    sent = [dict(record.headers) for record in log.read(topic)]
    assert {headers["dramatiq-message-id"] for headers in sent} == {sent[0]["dramatiq-message-id"]}
    assert sent[0]["dramatiq-args"] == b'["passed on"]'


def test_trap_4_a_delayed_message_pins_no_offset(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        ran.append(number)

    go.send_with_options(args=(-1,), delay=WEEK_MS)
    # As another program may send it, into the queue itself.
    value = b'{"number":-2}'
    headers = [("dramatiq-actor", b"go"), ("dramatiq-options", b'{"eta":%d}' % (2 * 10**15))]
    log.write(broker.queues["default"].topic, value, headers=headers)
    for number in range(20):
        go.send(number)
    worker = start_worker(broker)
    eventually(lambda: log.committed(broker) == {0: 21}, within_s=20)
    worker.stop()
    start_worker(broker)
    go.send(20)
    eventually(lambda: 20 in ran, within_s=20)
    assert Counter(ran) == Counter(range(21))
    assert len(log.read(broker.queues["default"].delay_topic)) == 2


def test_trap_6_a_task_that_kills_its_process_ends_with_its_age_and_holds_up_no_other(
    start_process: StartProcess,
    noted: Path,
    kafka_bootstrap: str,
    topic_prefix: str,
    tmp_path: Path,
    log: Log,
) -> None:
    """A killed process counts nothing: `retries` never grows, and only `max_age` ends the loop."""
    options = {"num_partitions": 1, "session_timeout_ms": 5000, "heartbeat_interval_ms": 300}
    broker = noting_process.make_broker(kafka_bootstrap, topic_prefix, **options)
    go = noting_process.declare_go(broker, noted)
    never = str(tmp_path / "never")
    go.send_with_options(args=(0,), kwargs={"until": never}, max_age=12_000)
    for number in range(1, 10):
        go.send(number)
    letters = broker.queues["default"].dead_letter_topic

    def runs() -> Counter[int]:
        return Counter(run.number for run in noting_process.runs(noted))

    while not log.read(letters):
        ends = runs()[0] + 1
        process = start_process(**options)
        eventually(lambda ends=ends: runs()[0] == ends or log.read(letters), within_s=30)  # type: ignore[misc]
        eventually(lambda: len(runs()) == 10, within_s=20)
        # What is done beside it is committed within a second.
        eventually(lambda: _left(broker) <= 1, within_s=20)
        process.kill()
        process.wait()
    broker.close()
    assert runs()[0] >= 1
    assert {times for number, times in runs().items() if number} == {1}
    (letter,) = log.read(letters)
    assert b"age limit" in dict(letter.headers)["kafka_dlt-exception-message"]


def _left(broker: KafkaBroker) -> int:
    try:
        broker.join("default", timeout=0)
    except dramatiq.QueueJoinTimeout as left:
        return int(str(left).split()[0])
    return 0


def test_trap_7_a_message_does_not_grow_with_its_retries(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()

    @dramatiq.actor(broker=broker, max_retries=5, min_backoff=1, max_backoff=2)
    def go() -> None:
        raise ValueError("x" * 500_000)

    go.send()
    start_worker(broker)
    broker.join("default", timeout=30_000)
    records = log.read(broker.queues["default"].topic)
    assert len(records) == 6
    assert max(sum(len(value) for _, value in record.headers) for record in records) < 6_000


def _order(broker: KafkaBroker, start_worker: StartWorker, **urgent_options: Any) -> int:
    order: list[str] = []

    @dramatiq.actor(broker=broker, priority=10)
    def patient() -> None:
        order.append("patient")

    @dramatiq.actor(broker=broker, priority=0, **urgent_options)
    def urgent() -> None:
        order.append("urgent")

    broker.enqueue_many([patient.message() for _ in range(100)])
    urgent.send()
    start_worker(broker, threads=1)
    broker.join("default", timeout=20_000)
    return order.index("urgent")


def test_trap_10_a_lane_is_a_priority_of_the_queue_and_an_actors_priority_is_not(
    make_broker: MakeBroker, start_worker: StartWorker, topic_prefix: str
) -> None:
    lanes = {"default": QueueOptions(lanes=True)}
    place = _order(make_broker(queues=lanes), start_worker, lane="high")
    assert place < 50
    plain = make_broker(namespace=f"{topic_prefix}-plain")
    # It overtakes what was prefetched, two messages for the one thread, and no more.
    assert _order(plain, start_worker) >= 98


def test_trap_11_a_skipped_message_is_done_and_one_that_was_failed_before_is_not_forgotten(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    class Duplicates(Middleware):
        def before_process_message(self, _broker: object, message: Any) -> None:
            if message.args == (2,):
                message.fail()
            raise SkipMessage("already done")

    broker = make_broker()
    broker.add_middleware(Duplicates())
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def go(number: int) -> None:
        ran.append(number)

    go.send(1)
    go.send(2)
    start_worker(broker)
    broker.join("default", timeout=20_000)
    assert ran == []
    assert log.committed(broker) == {0: 2}
    (letter,) = log.read(broker.queues["default"].dead_letter_topic)
    assert b"already done" in dict(letter.headers)["kafka_dlt-exception-message"]


def test_trap_12_a_delayed_message_ages_from_when_it_is_due_and_a_retried_one_from_its_sending(
    make_broker: MakeBroker, start_worker: StartWorker, log: Log
) -> None:
    broker = make_broker()
    assert any(isinstance(one, AgeLimit) for one in broker.middleware)
    ran: list[str] = []

    @dramatiq.actor(broker=broker, max_age=5_000, min_backoff=5_500, max_backoff=10_000)
    def go(name: str) -> None:
        ran.append(name)
        if name == "retried":
            raise ValueError("too old when it comes again")

    start_worker(broker)
    eventually(broker.is_consuming, within_s=20)
    go.send_with_options(args=("delayed",), delay=5_500)
    retried = go.send("retried")
    broker.join("default", timeout=20_000)
    assert sorted(ran) == ["delayed", "retried"]
    (letter,) = log.read(broker.queues["default"].dead_letter_topic)
    assert dict(letter.headers)["dramatiq-message-id"].decode() == retried.message_id
