"""Follow the inserts into `job_events`, the append-only record of every job's transitions.

On the data's way: <oplog> -> CHANGE_STREAM -> fan_out -> hub. One thread per web process (a
greenlet under gevent), started after the fork. Promises: each committed event that changes a job's
status is handed over at least once, in the order of the oplog, or, where the stream can't be
resumed, `on_gap` is called after a new stream is open: with it, nothing falls between the two.
Events are majority-committed, as change streams always are.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, OperationFailure

from realtime import metrics
from resumes.errors import StoreUnavailableError

log = structlog.get_logger(__name__)

Document = Mapping[str, Any]

_PIPELINE: list[Document] = [
    {"$match": {"operationType": "insert"}},
    # From a status to the same one (a discard, a lease that expired): nothing to tell the user.
    {"$match": {"$expr": {"$ne": ["$fullDocument.from", "$fullDocument.to"]}}},
    {"$project": {"fullDocument": 1}},
    # For operators, and larger than all the rest.
    {"$unset": "fullDocument.trace"},
]
_BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
#: CursorNotFound and CursorKilled: the cursor is gone, its place in the oplog is not.
_CURSOR_GONE = {43, 237}


class StreamInvalidatedError(Exception):
    """The collection was dropped or renamed, so MongoDB ended the stream."""


class ChangeStream:
    """The one stream of a web process.

    `on_insert` gets each event's document, `on_gap` the time from which on events may be missing.
    MongoDB answers after `max_await_ms` if nothing happened, which renews the token and the age.
    Both callbacks run in the stream's thread. Where one raises StoreUnavailableError, it is called
    again with the same; any other exception of `on_insert` makes a gap of the event.
    """

    def __init__(
        self,
        events: Collection[dict[str, Any]],
        *,
        on_insert: Callable[[Document], None],
        on_gap: Callable[[datetime], None],
        max_await_ms: int = 1_000,
    ) -> None:
        self._events = events
        self._max_await_ms = max_await_ms
        self._on_insert = on_insert
        self._on_gap = on_gap
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._resume_token: Mapping[str, Any] | None = None
        # A client may have had its snapshot before the first stream was open.
        self._blind_since: datetime | None = datetime.now(UTC)
        self._last_answer_at = datetime.now(UTC)
        self._last_answer: float | None = None

    def start(self) -> None:
        """Start the thread unless it runs; call it in the process that serves, after the fork."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="change-stream", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Let the thread end, after MongoDB's next answer."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join()

    def age_s(self) -> float:
        """Return the seconds since MongoDB last answered; infinite before the first time."""
        return time.monotonic() - self._last_answer if self._last_answer else float("inf")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - the loop's edge: the stream must not end
                self._fail(error)

    def _follow(self) -> None:
        with self._events.watch(
            _PIPELINE, start_after=self._resume_token, max_await_time_ms=self._max_await_ms
        ) as stream:
            if self._blind_since is not None:
                self._on_gap(self._blind_since)
                metrics.stream_resyncs.inc()
            self._resume_token = stream.resume_token
            self._blind_since = None
            while not self._stopping.is_set():
                change = stream.try_next()
                if change is not None:
                    self._on_insert(change["fullDocument"])
                elif not stream.alive:
                    raise StreamInvalidatedError
                self._resume_token = stream.resume_token
                self._answered()

    def _answered(self) -> None:
        self._failures = 0
        self._last_answer = time.monotonic()
        self._last_answer_at = datetime.now(UTC)
        metrics.stream_last_answer.set_to_current_time()

    def _fail(self, error: Exception) -> None:
        """Keep the token or declare a gap; back off, as the next stream may fail at once, too."""
        if not _is_resumable(error):
            self._resume_token = None
        if self._resume_token is None and self._blind_since is None:
            self._blind_since = self._last_answer_at
        delay_s = _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        metrics.stream_reconnects.inc()
        log.warning(
            "change_stream.lost",
            error=repr(error),
            resumes_by_token=self._resume_token is not None,
            reopens_in_s=delay_s,
        )
        self._stopping.wait(delay_s)


def _is_resumable(error: Exception) -> bool:
    """True where the token is still good; 286 (history lost) and 280 (fatal) are among the rest.

    pymongo has resumed once by itself before an error gets here. To call an error a gap is always
    safe, the other way round is not.
    """
    if isinstance(error, OperationFailure):
        return error.code in _CURSOR_GONE or error.has_error_label("ResumableChangeStreamError")
    return isinstance(error, (ConnectionFailure, StoreUnavailableError))
