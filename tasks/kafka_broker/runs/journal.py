"""What waits to be written to MongoDB: figures by minute, and single runs; and the writing.

Owned by the recorder's thread. Bounded: the figures of the oldest minutes and the oldest runs go
first, and the log says how many. A write that breaks is made once more, so a network that breaks
just then may count a second twice.
"""

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pymongo
from bson import ObjectId
from dramatiq import Broker, MessageProxy
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from ..config import NORMAL
from ..message import KafkaMessage
from ..mongodb.expiring import expire_after
from .tally import NAMES, Key, Tally

log = logging.getLogger(__name__)

MINUTES = "task_minutes"
RUNS = "task_runs"
#: For all of MongoDB's part of a second's writing.
_WRITE_TIMEOUT_S = 5.0
_MAX_MINUTES = 5_000
_MAX_RUNS = 1_000
_MAX_TEXT_CHARS = 2_000
_DUPLICATE_KEY = 11000


class Ended(NamedTuple):
    """A single run that is worth keeping."""

    message: MessageProxy
    outcome: str
    #: Counted from 1.
    attempt: int
    took_s: float
    #: When it ended (monotonic seconds).
    ended_at: float
    error: str = ""
    stack: str = ""


class _Minute(NamedTuple):
    actor: str
    queue: str
    lane: str
    at: datetime


class Journal:
    """Collects, and writes when told to."""

    def __init__(
        self,
        database: Database[Any],
        *,
        keeps_arguments: bool,
        runs_days: float,
        minutes_days: float,
    ) -> None:
        self._database = database
        self._keeps_arguments = keeps_arguments
        self._days = {RUNS: runs_days, MINUTES: minutes_days}
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._is_indexed = False
        #: What was read last of each thread's tallies.
        self._seen: dict[tuple[int, Key], Tally] = {}
        self._minutes: dict[_Minute, Tally] = {}
        self._runs: deque[dict[str, Any]] = deque(maxlen=_MAX_RUNS)
        #: Minutes and runs that did not fit while MongoDB was away.
        self._lost = 0

    def add_tally(self, broker: Broker, key: Key, ident: int, tally: Tally) -> None:
        """Add what a thread has done since the last look."""
        seen = self._seen.get((ident, key))
        if tally == seen:
            return
        self._seen[ident, key] = tally
        news = (
            tally if seen is None else [now - then for now, then in zip(tally, seen, strict=True)]
        )
        at = datetime.now(UTC).replace(second=0, microsecond=0)
        minute = _Minute(key.actor, key.queue, _lane(broker, key.queue, key.topic), at)
        self._add(minute, news)

    def add_runs(self, runs: Iterable[Ended]) -> None:
        """Add single runs."""
        now, monotonic = datetime.now(UTC), time.monotonic()
        for run in runs:
            self._lost += len(self._runs) == _MAX_RUNS
            at = now - timedelta(seconds=monotonic - run.ended_at)
            self._runs.append(self._document(run, at))

    def write(self) -> None:
        """Write what there is; what fails stays for the next time.

        Raise PyMongoError when MongoDB does not take it within `_WRITE_TIMEOUT_S`.
        """
        if not self._minutes and not self._runs:
            return
        with pymongo.timeout(_WRITE_TIMEOUT_S):
            self._make_indexes()
            self._write_minutes()
            self._write_runs()
        if self._lost:
            log.warning("%d minutes or runs are lost: MongoDB was away for long.", self._lost)
            self._lost = 0

    def _write_minutes(self) -> None:
        minutes, self._minutes = self._minutes, {}
        if not minutes:
            return
        updates = [_update(minute, tally) for minute, tally in minutes.items()]
        try:
            self._database[MINUTES].bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            # The others are written; these would fail again.
            log.warning("Some figures cannot be written down: %s", error)
        except BaseException:
            for minute, tally in minutes.items():
                self._add(minute, tally)
            raise

    def _write_runs(self) -> None:
        if not self._runs:
            return
        runs = list(self._runs)
        try:
            self._database[RUNS].insert_many(runs, ordered=False)
        except BulkWriteError as error:
            # Its ids are made here: what a broken attempt had written is there already.
            if any(one["code"] != _DUPLICATE_KEY for one in error.details["writeErrors"]):
                log.warning("Some runs cannot be written down: %s", error)
        self._runs.clear()

    def _add(self, minute: _Minute, tally: Tally) -> None:
        known = self._minutes.get(minute)
        if known is not None:
            tally = [one + other for one, other in zip(known, tally, strict=True)]
        elif len(self._minutes) >= _MAX_MINUTES:
            del self._minutes[min(self._minutes, key=lambda one: one.at)]
            self._lost += 1
        self._minutes[minute] = tally

    def _document(self, run: Ended, at: datetime) -> dict[str, Any]:
        message = run.message
        document = {
            "_id": ObjectId(),
            "at": at,
            "actor": message.actor_name,
            "queue": message.queue_name,
            "message_id": message.message_id,
            "outcome": run.outcome,
            "is_failure": bool(run.error),
            "attempt": run.attempt,
            "took_s": run.took_s,
            "error": run.error[:_MAX_TEXT_CHARS],
            "stack": run.stack[-_MAX_TEXT_CHARS:],
            "worker": self._worker,
        }
        if isinstance(message, KafkaMessage):
            record = message.record
            document |= {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
            }
        if self._keeps_arguments:
            document["arguments"] = repr((message.args, message.kwargs))[:_MAX_TEXT_CHARS]
        return document

    def _make_indexes(self) -> None:
        if self._is_indexed:
            return
        by_actor = [("actor", ASCENDING), ("is_failure", ASCENDING), ("at", DESCENDING)]
        self._database[RUNS].create_index(by_actor, name="by_actor")
        for name, days in self._days.items():
            expire_after(self._database[name], "at", seconds=int(days * 86_400))
        self._is_indexed = True


def _update(minute: _Minute, tally: Tally) -> UpdateOne:
    numbers = dict(zip(NAMES, tally, strict=False))
    times = {f"times.{number}": count for number, count in enumerate(tally[len(NAMES) :])}
    more = {name: count for name, count in {**numbers, **times}.items() if count}
    key: Mapping[str, Any] = minute._asdict()
    return UpdateOne({"_id": key}, {"$inc": more, "$setOnInsert": {"at": minute.at}}, upsert=True)


def _lane(broker: Broker, queue_name: str, topic: str) -> str:
    config = getattr(broker, "queues", {}).get(queue_name)
    lanes = getattr(config, "lane_topics", {})
    return next((lane for lane, of_lane in lanes.items() if of_lane == topic), NORMAL)
