"""`inspect`: queues, lag, workers and running tasks, as Kafka and the workers tell them."""

import json
import threading
from collections.abc import Callable
from typing import Any

import dramatiq
import pytest

from tasks.kafka_broker import KafkaBroker, QueueOptions
from tasks.kafka_broker.cli.main import main
from tasks.kafka_broker.clients import Clients
from tasks.kafka_broker.observer import BrokerObserver
from tasks.kafka_broker.producer import Publisher
from tasks.kafka_broker.status_topic import StatusWriter, read_reports, status_topic_name
from tests.eventually import eventually
from tests.integration.kafka_broker.support import Log, MakeBroker, StartWorker

Ask = Callable[..., Any]


@pytest.fixture
def broker(make_broker: MakeBroker) -> KafkaBroker:
    broker = make_broker(
        num_partitions=2,
        queues={"mails": QueueOptions(lanes=True, retention_ms=3_600_000)},
    )
    broker.declare_queue("mails")
    broker.ensure_topics()
    return broker


@pytest.fixture
def text(
    kafka_bootstrap: str, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        where = ["--bootstrap-servers", kafka_bootstrap, "--namespace", topic_prefix]
        assert main(["inspect", *arguments, *where], {}) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def ask(text: Callable[..., str]) -> Ask:
    return lambda *arguments: json.loads(text(*arguments, "--json"))


def test_queues_are_shown_with_their_lanes_and_retention(
    broker: KafkaBroker, ask: Ask, text: Callable[..., str]
) -> None:
    states = ask("queues")
    topic = broker.queues["mails"].topic
    assert [(s["queue"], s["lane"], s["topic"], s["partitions"]) for s in states] == [
        ("mails", "high", f"{topic}.high", 2),
        ("mails", "normal", topic, 2),
        ("mails", "low", f"{topic}.low", 2),
        ("mails", "dead letters", f"{topic}.dlq", 1),
    ]
    assert states[0]["retention_ms"] == 3_600_000
    assert text("queues").splitlines()[4].split()[:6] == [
        "mails", "dead", "letters", "1", "1", "30d",
    ]  # fmt: skip


def test_lag_is_what_the_group_has_not_done_by_lane_and_partition(
    broker: KafkaBroker,
    start_worker: StartWorker,
    log: Log,
    ask: Ask,
    text: Callable[..., str],
) -> None:
    queue = broker.queues["mails"]

    @dramatiq.actor(broker=broker, queue_name="mails")
    def go() -> None: ...

    for _ in range(3):
        go.send()
    worker = start_worker(broker)
    broker.join("mails", timeout=10_000)
    worker.stop()
    log.write(queue.topic, b"{}", partition=1)
    log.write(queue.lane_topics["high"], b"{}", partition=0)
    log.write(queue.dead_letter_topic, b"{}")
    (lag,) = ask("lag")
    assert (lag["queue"], lag["group_id"], lag["unfinished"]) == ("mails", queue.group_id, 2)
    assert lag["dead_letters"] == {"total": 1, "unhandled": 1}
    left = {(p["lane"], p["partition"]): p["unfinished"] for p in lag["partitions"]}
    assert {place for place, count in left.items() if count} == {("high", 0), ("normal", 1)}
    assert text("lag").splitlines()[1].split()[:5] == ["mails", "2", "1", "1", "0"]
    assert len(text("lag", "--partitions").splitlines()) == 1 + 6


@pytest.fixture
def status_topic(topic_prefix: str) -> str:
    return status_topic_name(namespace=topic_prefix, group_id="dramatiq")


def test_a_worker_and_what_it_runs_are_shown_until_it_stops(
    make_broker: MakeBroker,
    start_worker: StartWorker,
    ask: Ask,
    text: Callable[..., str],
    topic_prefix: str,
) -> None:
    broker = make_broker()
    may_end = threading.Event()

    @dramatiq.actor(broker=broker)
    def go(secret: str) -> None:  # noqa: ARG001
        may_end.wait(30)

    assert ask("workers") == []
    message = go.send("joe@example.org")
    worker = start_worker(broker)
    try:
        (task,) = eventually(lambda: ask("running"), within_s=20)
        assert (task["actor"], task["message_id"]) == ("go", message.message_id)
        assert (task["topic"], task["partition"], task["offset"]) == (
            f"{topic_prefix}.default",
            0,
            0,
        )
        assert "joe@example.org" not in text("running")
        (seen,) = ask("workers")
        assert (seen["queues"], seen["threads"]) == (["default"], 4)
        assert seen["partitions"] == {f"{topic_prefix}.default": [0]}
        assert len(text("workers").splitlines()) == 2
    finally:
        may_end.set()
    worker.stop(timeout=5000)
    # It waits for 2 s at most until Kafka has that it stopped.
    eventually(lambda: ask("workers") == [])


def test_what_is_no_report_is_not_shown(status_topic: str, kafka_bootstrap: str, log: Log) -> None:
    clients = Clients([kafka_bootstrap], {})
    publisher = Publisher(clients, timeout_s=20, observer=BrokerObserver())
    StatusWriter(clients, status_topic, publish=publisher.publish).write("gone", None)
    publisher.close()
    for value in (b"", b"\xff", b"[]", b"{}", b'{"running": 1}', b'{"running": []}', b"[" * 9999):
        log.write(status_topic, value, key=value or b"empty")
    assert read_reports(clients, status_topic) == []
