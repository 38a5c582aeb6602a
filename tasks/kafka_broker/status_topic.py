"""The topic in which worker processes say what they are doing: both of its ends.

A worker writes a record every few seconds, keyed by its id, and a tombstone when it stops; who
wants to know reads the last seconds. Kafka's clock stamps the records, so that clocks of workers do
not matter. What is older is of no use and goes within minutes.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code
from kafka.structs import TopicPartition

from .clients import Clients
from .codec import IncomingRecord, OutgoingRecord
from .errors import connection_closed
from .log_range import read_range

#: A worker that was silent for longer is taken for dead; it writes three times as often.
MAX_AGE_S = 15.0

_MINUTE_MS = 60_000
_SPEC = {
    "num_partitions": 1,
    "replication_factor": -1,
    "configs": {
        "cleanup.policy": "compact,delete",
        "message.timestamp.type": "LogAppendTime",
        # Only closed segments are cleaned up.
        "segment.ms": str(5 * _MINUTE_MS),
        "retention.ms": str(10 * _MINUTE_MS),
    },
}


@dataclass(frozen=True)
class RunningTask:
    """A task that a worker runs."""

    message_id: str
    actor: str
    queue: str
    #: Where its record lies; None of a message that came from nowhere.
    topic: str | None
    partition: int | None
    offset: int | None
    #: How long it had run when the worker wrote this.
    running_s: float


@dataclass(frozen=True)
class WorkerState:
    """What a worker process last said."""

    worker_id: str
    host: str
    pid: int
    #: ISO 8601, UTC.
    started_at: str
    threads: int
    queues: list[str]
    partitions: dict[str, list[int]]
    running: list[RunningTask]


@dataclass(frozen=True)
class Report:
    """A worker's state and how long ago Kafka got it."""

    state: WorkerState
    age_s: float


def status_topic_name(*, namespace: str, group_id: str) -> str:
    """Name the topic of one application's workers."""
    return f"{namespace or group_id}.workers"


class StatusWriter:
    """A worker process's end; `publish` returns once Kafka has a record, like `Publisher`'s.

    It makes the topic when it first writes.
    """

    def __init__(
        self, clients: Clients, topic: str, *, publish: Callable[[OutgoingRecord], object]
    ) -> None:
        self._clients = clients
        self._topic = topic
        self._publish = publish
        self._exists = False

    def write(self, worker_id: str, state: Mapping[str, Any] | None) -> None:
        """Say what a worker does, or with None that it stopped.

        Raise dramatiq's BrokerConnectionError when Kafka is away.
        """
        if not self._exists:
            _create(self._clients, self._topic, timeout_s=MAX_AGE_S)
            self._exists = True
        value = None if state is None else json.dumps(state, separators=(",", ":")).encode()
        self._publish(OutgoingRecord(self._topic, worker_id.encode(), value, []))


def read_reports(clients: Clients, topic: str, *, timeout_s: float = 10.0) -> list[Report]:
    """Return what each living worker last said, by worker id; none when there is no topic."""
    # It never commits: the group's name leaves no trace on Kafka.
    consumer = clients.visitor(group_id=f"{topic}.reader", timeout_s=timeout_s)
    with closing(consumer):
        try:
            newest = {record.key: record for record in _read_tail(consumer, topic, timeout_s)}
        except KafkaError as error:
            raise connection_closed(f"reading {topic}", error) from error
    reports = (_report(record) for record in newest.values())
    living = [report for report in reports if report is not None and report.age_s <= MAX_AGE_S]
    return sorted(living, key=lambda report: report.state.worker_id)


def _read_tail(consumer: Any, topic: str, timeout_s: float) -> Iterator[IncomingRecord]:
    since_ms = int((time.time() - MAX_AGE_S) * 1000)
    for number in sorted(consumer.partitions_for_topic(topic)):
        tp = TopicPartition(topic, number)
        first = consumer.offsets_for_times({tp: since_ms}, timeout_ms=1000 * timeout_s)[tp]
        if first is not None:
            end = consumer.end_offsets([tp], timeout_ms=1000 * timeout_s)[tp]
            yield from read_range(consumer, tp, range(first.offset, end), timeout_s=timeout_s)


def _report(record: IncomingRecord) -> Report | None:
    """Read a record; None for a tombstone and for what is no report."""
    try:
        state = json.loads(record.value or b"null")
        running = [RunningTask(**task) for task in state.pop("running")]
        worker = WorkerState(**state, running=running)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return Report(worker, age_s=max(0.0, time.time() - record.timestamp / 1000))


def _create(clients: Clients, topic: str, *, timeout_s: float) -> None:
    with closing(clients.admin(timeout_s=timeout_s)) as admin:
        try:
            response = admin.create_topics({topic: _SPEC}, raise_errors=False)
            error = for_code(response["topics"][0]["error_code"])
            if error not in (NoError, TopicAlreadyExistsError):
                raise error(topic)
            admin.wait_for_topics([topic], timeout_ms=int(1000 * timeout_s))
        except KafkaError as failure:
            raise connection_closed(f"creating the topic {topic}", failure) from failure
