"""What waits in a queue: for its time, for another attempt, or for a worker.

For command lines and web processes alike (gevent included): each call makes its own short-lived
clients, reads a bounded piece of Kafka from where the group stands, and changes nothing but
`bring_forward`, which sends a copy of a delayed message at once. The delayed one stays where it
is: who brings a message forward sees to it that it does not run as well (`control`).
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from dramatiq import Message

from . import codec
from .backlog import Backlog
from .clients import Clients
from .codec import IncomingRecord, OutgoingRecord
from .config import MAX_DEAD_LETTER_BYTES, QueueConfig
from .copies import BROUGHT_FORWARD, copy_id
from .delays import due_at_ms, onward
from .errors import DecodeError, KafkaBrokerError
from .group_view import GroupView
from .letter_scan import place_of
from .observer import BrokerObserver
from .producer import Publisher

#: What `lane` calls the delay topic.
DELAYED = "delayed"
#: How many records one `page` reads at most.
_MAX_SCANNED = 5_000
_END_OF_TIME_MS = 10**17
_MAX_ERROR_CHARS = 200

Kind = Literal["scheduled", "retrying", "queued"]


class NoSuchTaskError(KafkaBrokerError):
    """No task waits at that place any more: it has gone on, or has run."""


@dataclass(frozen=True)
class WaitingTask:
    """A task that waits; what it was given is in `message`, and may be personal data."""

    kind: Kind
    message: Message[Any]
    record: IncomingRecord
    #: None: as soon as a worker is free.
    due_at: datetime | None
    #: False of a record that another program wrote: its name is its place, and changes with it.
    has_lasting_id: bool

    @property
    def place(self) -> str:
        """Where it lies in its topic, `partition:offset`."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def copy_id(self) -> str:
        """Which copy of its message it is."""
        return copy_id(self.message)

    @property
    def attempt(self) -> int:
        """Which attempt it waits for, counted from 1."""
        retries = self.message.options.get("retries", 0)
        return retries + 1 if isinstance(retries, int) else 1

    @property
    def error(self) -> str:
        """What the last attempt ended with; empty without one."""
        lines = str(self.message.options.get("traceback") or "").strip().splitlines()
        return lines[-1][:_MAX_ERROR_CHARS] if lines else ""


@dataclass(frozen=True)
class WaitingPage:
    """Some tasks, and where to read on; `cursor` is None at the end."""

    tasks: list[WaitingTask]
    cursor: str | None


class WaitingTasks:
    """What waits in one queue; `lane` is one of the queue's, or DELAYED.

    Every method raises dramatiq's ConnectionFailed or ConnectionClosed when Kafka does not answer
    within `timeout_s`.
    """

    def __init__(
        self, clients: Clients, queue: QueueConfig, delays: QueueConfig, *, timeout_s: float
    ) -> None:
        self._clients = clients
        self._queue = queue
        self._delays = delays
        self._timeout_s = timeout_s

    def page(
        self, lane: str = DELAYED, *, limit: int = 50, cursor: str | None = None
    ) -> WaitingPage:
        """Return the next tasks; of delayed ones those that wait least come first.

        What runs at this moment counts as waiting in its lane. A page may be short and not
        the last.
        """
        tasks: list[WaitingTask] = []
        with self._open(lane) as view:
            for number, record in enumerate(_unfinished(view, cursor)):
                if len(tasks) == limit or number == _MAX_SCANNED:
                    return WaitingPage(tasks, f"{record.partition}:{record.offset}")
                if (task := self._task(record, lane)) is not None:
                    tasks.append(task)
        return WaitingPage(tasks, None)

    def get(self, lane: str, place: str) -> WaitingTask:
        """Return the task that waits at a place; raise NoSuchTaskError when it does no more."""
        partition, offset = place_of(place)
        with self._open(lane) as view:
            if offset in view.bounds.get(partition, ()) and offset not in view.handled[partition]:
                for record in view.read(partition, range(offset, offset + 1)):
                    if (task := self._task(record, lane)) is not None:
                        return task
        raise NoSuchTaskError(f"nothing waits at {place} any more: it has gone on, or has run")

    def count_delayed(self) -> int:
        """Count what waits for its time, scheduled or to be tried again."""
        with Backlog(self._clients, self._delays, timeout_s=self._timeout_s) as backlog:
            return backlog.count_unfinished()

    def bring_forward(self, task: WaitingTask) -> None:
        """Send a copy of a delayed task to its lane; return once Kafka has it."""
        publisher = Publisher(
            self._clients,
            timeout_s=self._timeout_s,
            observer=BrokerObserver(),
            max_request_bytes=MAX_DEAD_LETTER_BYTES,
        )
        with closing(publisher):
            publisher.publish(brought_forward(task, self._queue))

    def _open(self, lane: str) -> GroupView:
        if lane == DELAYED:
            topic, group_id = self._delays.topic, self._delays.group_id
        elif lane in self._queue.lane_topics:
            topic, group_id = self._queue.lane_topics[lane], self._queue.group_id
        else:
            raise NoSuchTaskError(f"queue {self._queue.name} has no lane {lane}")
        return GroupView(self._clients, topic, group_id=group_id, timeout_s=self._timeout_s)

    def _task(self, record: IncomingRecord, lane: str) -> WaitingTask | None:
        """Read a record; None for what is no task, and becomes a dead letter at its turn."""
        try:
            message = codec.decode(
                record,
                queue_name=self._queue.name,
                default_actor=self._queue.options.default_actor,
            )
        except DecodeError:
            return None
        due_ms = due_at_ms(record) if lane == DELAYED else None
        return WaitingTask(
            kind=_kind(message, lane),
            message=message,
            record=record,
            due_at=None if due_ms is None else _time(due_ms),
            has_lasting_id=any(name == codec.MESSAGE_ID for name, _ in record.headers),
        )


def brought_forward(task: WaitingTask, queue: QueueConfig) -> OutgoingRecord:
    """Address a delayed task to its lane at once, as a copy that is told from the delayed one.

    Raise DecodeError when its headers name no topic of the queue.
    """
    out = onward(task.record, queue=queue, now_ms=_END_OF_TIME_MS)
    count = task.message.options.get(BROUGHT_FORWARD, 0)
    message = task.message.copy(options={BROUGHT_FORWARD: count + 1})
    return codec.encode_again(message, out)


def _unfinished(view: GroupView, cursor: str | None) -> Iterator[IncomingRecord]:
    first = place_of(cursor) if cursor else (0, 0)
    for partition, bounds in view.bounds.items():
        if partition < first[0]:
            continue
        handled = view.handled[partition]
        after_cursor = first[1] if partition == first[0] else 0
        start = max(bounds.start, handled.next_offset, after_cursor)
        for record in view.read(partition, range(start, max(start, bounds.stop))):
            if record.offset not in handled:
                yield record


def _kind(message: Message[Any], lane: str) -> Kind:
    if lane != DELAYED:
        return "queued"
    return "retrying" if message.options.get("retries") else "scheduled"


def _time(ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # A header may hold any number; that day is not in any calendar.
        return None
