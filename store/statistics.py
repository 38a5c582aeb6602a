"""Fold the inserts into `job_events` into the kept figures, each event exactly once.

On the data's way: <oplog> -> STATISTICS -> `job_totals`, `job_minutes` -> dashboard. One thread per
rescuer process; figures are about a second behind. Any number may run: whoever finds that another
was faster goes on from where that one got to. The first of all counts the jobs, once. So does
whoever finds that MongoDB has lost what comes next (no rescuer ran for longer than its oplog
reaches back): the totals are right again then, but what happened in between is in no minute. Where
jobs are dropped by their age, which is no event, they are counted now and then.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure

from resumes.cancel import CANCELLED
from resumes.job import JobStatus
from resumes.job_filter import JobState
from resumes.tally import Change
from store.connection import Document
from store.kept_figures import Kept, KeptFigures
from store.transitions import EVENTS

log = structlog.get_logger(__name__)

#: What arrives in the pause is one batch.
_PAUSE_S = 0.5
_MAX_EVENTS = 1_000
#: How long MongoDB itself waits for something to happen.
_AWAIT_MS = 10
#: Whoever came second leaves the work to the other for a while: no use in doing it twice.
_STAND_BACK_S = 2.0
#: How old the position may become when nothing happens: far within any oplog.
_RENEW_AFTER = timedelta(seconds=10)
_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
#: ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken.
_HISTORY_LOST = {286, 280, 260}

_FIELDS = (
    *("_id", "at", "from", "to", "reason"),
    *("was_retrying", "retry_at", "was_code", "job_created_at"),
)
_PIPELINE: list[Mapping[str, Any]] = [
    {"$match": {"operationType": "insert"}},
    {"$project": {f"fullDocument.{name}": 1 for name in _FIELDS}},
]


class StreamInvalidatedError(Exception):
    """The collection was dropped or renamed, so MongoDB ended the stream."""


class StatisticsFold:
    """One per rescuer process; `on_folded` gets the number of each batch's events, also 0.

    `count_every`: how often all jobs are counted, where jobs are dropped without an event.
    """

    def __init__(
        self,
        database: Database[Document],
        *,
        on_folded: Callable[[int], None],
        count_every: timedelta | None = None,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._events = database[EVENTS]
        self._figures = KeptFigures(database)
        self._on_folded = on_folded
        self._count_every = count_every
        self._pause_s = pause_s
        self._failures = 0
        self._answered_at: float | None = None
        #: How far this fold got; None: to be read, or to be counted.
        self._kept: Kept | None = None
        #: From where MongoDB could not go on.
        self._lost_position: Document | None = None

    def age_s(self) -> float:
        """Return the seconds since MongoDB last answered; infinite before the first time."""
        return float("inf") if self._answered_at is None else time.monotonic() - self._answered_at

    def run_until(self, stopping: threading.Event) -> None:
        """Fold until told to stop, whatever is away for a while."""
        while not stopping.is_set():
            try:
                self._follow(stopping)
                delay_s = 0 if self._kept else _STAND_BACK_S
            except Exception as error:  # noqa: BLE001 - the loop's edge: the fold must not end
                delay_s = self._fail(error)
            stopping.wait(delay_s)

    def _follow(self, stopping: threading.Event) -> None:
        """Fold until told to stop, to count, or until somebody else was faster."""
        self._kept = self._figures.read()
        if self._kept is None or self._is_to_count(self._kept):
            log.warning("statistics.counting_jobs", is_first=self._kept is None)
            self._kept = self._figures.count_anew(self._kept)
        if self._kept is None:
            return
        with self._events.watch(
            _PIPELINE,
            **self._kept.position,
            max_await_time_ms=_AWAIT_MS,
            batch_size=_MAX_EVENTS,
        ) as stream:
            pause_s = self._pause_s
            while self._kept and not self._is_to_count(self._kept) and not stopping.wait(pause_s):
                count = self._fold_batch(stream, self._kept)
                pause_s = 0 if count == _MAX_EVENTS else self._pause_s

    def _is_to_count(self, kept: Kept) -> bool:
        """True where what happens can't be told from the events alone."""
        if kept.position == self._lost_position or kept.tells_fewer_apart:
            return True
        return self._count_every is not None and kept.was_counted_before(self._count_every)

    def _fold_batch(self, stream: ChangeStream[Document], kept: Kept) -> int:
        """Fold what is there, keep how far that is, and return how many events it was."""
        now = datetime.now(UTC)
        events = _take(stream)
        changes = [change for event in events if (change := change_of(event)) is not None]
        is_behind = len(events) == _MAX_EVENTS and changes
        as_of = changes[-1].at if is_behind else now
        if events or kept.is_older_than(_RENEW_AFTER, now):
            position = {"start_after": stream.resume_token}
            self._kept = self._figures.advance(kept, position, changes, as_of)
        self._failures = 0
        self._answered_at = time.monotonic()
        self._on_folded(len(events) if self._kept else 0)
        return len(events)

    def _fail(self, error: Exception) -> float:
        """Note a lost history; return how long to wait, as the next try may fail at once, too."""
        if self._kept is not None and _is_history_lost(error):
            self._lost_position = self._kept.position
        delay_s = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        log.warning("statistics.cut_short", goes_on_in_s=delay_s, exc_info=error)
        return delay_s


def _take(stream: ChangeStream[Document]) -> list[Document]:
    events: list[Document] = []
    while len(events) < _MAX_EVENTS:
        change = stream.try_next()
        if change is not None:
            events.append(change["fullDocument"])
        elif stream.alive:
            break
        else:
            raise StreamInvalidatedError
    return events


def change_of(event: Mapping[str, Any]) -> Change | None:
    """Return what an event means to the figures; None for one that nobody of ours wrote.

    What events of the release before do not say is taken as not known, or not so.
    """
    try:
        was = None if event["from"] is None else _state(event["from"], event.get("was_retrying"))
        now = _state(event["to"], event.get("retry_at"))
        at: datetime = event["at"]
    except (KeyError, ValueError):
        log.warning("statistics.event_unreadable", event_id=str(event.get("_id")))
        return None
    code = event.get("reason") or ""
    if was is JobState.FAILED:
        now = JobState.DISCARDED if code == "discarded" else now
        code = event.get("was_code") or ""
    elif now is JobState.FAILED and code == CANCELLED:
        now = JobState.CANCELLED
    return Change(at=at, was=was, now=now, error_code=code, since=event.get("job_created_at"))


def _state(status: str, waits: object) -> JobState:
    state = JobState(JobStatus(status))
    return JobState.RETRYING if state is JobState.PENDING and waits else state


def _is_history_lost(error: Exception) -> bool:
    if isinstance(error, OperationFailure):
        return error.code in _HISTORY_LOST
    return isinstance(error, StreamInvalidatedError)
