"""Leave the parser alone while it is down, find out when it is back, and begin slowly then.

pybreaker decides; its state is shared by all workers through a store. pybreaker lets every call
through while it is half-open: here one caller at a time is the probe. And it goes from nothing to
everything in one step: here the calls of each process double every two seconds after a recovery.

Used by worker threads. Where the store does not answer, the last known state holds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pybreaker
import structlog

from resumes.breaker import BreakerState
from resumes.errors import JobFailedError, StoreUnavailableError
from tasks.metrics import BREAKER_CHANGES, BREAKER_STATE

log = structlog.get_logger(__name__)

#: How old a look at the store may be: a call takes longer, and each needs several.
_FRESH_S = 0.2
#: How often a waiting task looks whether the probe has ended.
_PROBE_LOOK_S = 0.5
_DOUBLING_S = 2.0
#: Doublings until the limit means nothing any more.
_MAX_DOUBLINGS = 8
_NUMBERS = {pybreaker.STATE_CLOSED: 0, pybreaker.STATE_HALF_OPEN: 1, pybreaker.STATE_OPEN: 2}


class ClosedOffError(Exception):
    """The breaker is open, or another caller is the probe: no call was made."""


class BreakerStore(Protocol):
    """Where the state is. Every method may raise StoreUnavailableError."""

    def read(self) -> BreakerState: ...  # noqa: D102 - the names say it; store/breakers.py
    def count_failure(self) -> int: ...  # noqa: D102
    def forget_failures(self) -> None: ...  # noqa: D102
    def open(self) -> None: ...  # noqa: D102
    def half_open(self, *, after_s: float) -> None: ...  # noqa: D102
    def take_probe(self, *, for_s: float) -> bool: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class ParserBreaker:
    """One per worker process.

    Opens after `failures` failed calls in a row, whoever made them; tests again after `pause_s`.
    `probe_s` bounds one call: a probe that takes longer died.
    """

    def __init__(
        self, store: BreakerStore, *, failures: int, pause_s: float, probe_s: float
    ) -> None:
        self._shared = _SharedState(store, pause_s=pause_s)
        self._probes = _OneProbe(self._shared, probe_s=probe_s)
        self._pause_s = pause_s
        self._slow_start = _SlowStart(self._places)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=failures,
            reset_timeout=pause_s,
            # An answer that refuses a file is a sign of life.
            exclude=[JobFailedError],
            listeners=[self._probes],
            state_storage=self._shared,
            name="parser",
            throw_new_error_on_trip=False,
        )

    def closed_for_s(self) -> float:
        """Return for how long no call should be made; 0 when one may be tried."""
        now = self._shared.look()
        if now.state == pybreaker.STATE_OPEN:
            return max(0.0, self._pause_s - (now.age_s or 0))
        return min(now.probe_s, _PROBE_LOOK_S) if now.state == pybreaker.STATE_HALF_OPEN else 0.0

    @contextmanager
    def calling(self) -> Iterator[bool]:
        """Make a call inside; yields True for a probe. Raises ClosedOffError instead of entering.

        What leaves the context counts as a failure, but for a JobFailedError.
        """
        with self._slow_start.place():
            entered = False
            try:
                with self._breaker.calling():
                    entered = True
                    yield self._probes.is_mine
            except pybreaker.CircuitBreakerError as error:
                if entered:
                    raise
                raise ClosedOffError from error

    def _places(self) -> int | None:
        """Return how many calls this process may make at a time; None: any number."""
        now = self._shared.look()
        if now.state != pybreaker.STATE_CLOSED or now.age_s is None:
            return None
        # Negative where the server's clock was set back.
        doublings = max(0, int(now.age_s / _DOUBLING_S))
        return None if doublings >= _MAX_DOUBLINGS else 1 << doublings


class _SharedState(pybreaker.CircuitBreakerStorage):
    """pybreaker's storage on a store that all processes share."""

    def __init__(self, store: BreakerStore, *, pause_s: float) -> None:
        super().__init__("shared")
        self._store = store
        self._pause_s = pause_s
        self._seen = BreakerState()
        self._seen_at = -_FRESH_S

    def look(self) -> BreakerState:
        """Return the state, at most a moment old; the age is of now."""
        if time.monotonic() - self._seen_at >= _FRESH_S:
            self._attempt(self._refresh)
        return self._seen

    def take_probe(self, *, for_s: float) -> bool:
        """Become the one who tests, by compare-and-set."""
        return self._attempt(lambda: self._store.take_probe(for_s=for_s)) or False

    @property
    def state(self) -> str:
        return self.look().state

    @state.setter
    def state(self, state: str) -> None:
        # Each is a compare-and-set: who comes too late changes nothing.
        changes: dict[str, Callable[[], None]] = {
            pybreaker.STATE_OPEN: self._store.open,
            pybreaker.STATE_HALF_OPEN: lambda: self._store.half_open(after_s=self._pause_s),
            pybreaker.STATE_CLOSED: self._store.close,
        }
        self._attempt(changes[state])
        self._attempt(self._refresh)

    def increment_counter(self) -> None:
        self._attempt(self._store.count_failure)
        self._attempt(self._refresh)

    def reset_counter(self) -> None:
        # Nearly always there is nothing to forget, and no write for each call then.
        if self.look().failures:
            self._attempt(self._store.forget_failures)
            self._attempt(self._refresh)

    @property
    def counter(self) -> int:
        return self.look().failures

    def increment_success_counter(self) -> None:
        """One probe that succeeds is enough; the slow start does the rest."""

    def reset_success_counter(self) -> None:
        """As above."""

    @property
    def success_counter(self) -> int:
        return 1

    @property
    def opened_at(self) -> datetime | None:
        # By our clock, as pybreaker compares it, from a duration that is the server's.
        age_s = self.look().age_s
        return None if age_s is None else datetime.now(UTC) - timedelta(seconds=age_s)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        """Set with the state, by the server's clock."""

    def _refresh(self) -> None:
        seen = self._store.read()
        if seen.state != self._seen.state:
            log.warning("parser.breaker", state=seen.state, failures=seen.failures)
            BREAKER_CHANGES.labels(seen.state).inc()
        BREAKER_STATE.set(_NUMBERS[seen.state])
        self._seen, self._seen_at = seen, time.monotonic()

    def _attempt(self, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except StoreUnavailableError:
            log.warning("parser.breaker_state_unknown", last=self._seen.state)
            self._seen_at = time.monotonic()
            return None


class _OneProbe(pybreaker.CircuitBreakerListener):
    """Lets one caller through while the breaker is half-open."""

    def __init__(self, shared: _SharedState, *, probe_s: float) -> None:
        self._shared = shared
        self._probe_s = probe_s
        self._local = threading.local()

    @property
    def is_mine(self) -> bool:
        """True when the call of this thread is the probe."""
        return getattr(self._local, "is_mine", False)

    def before_call(self, cb: Any, func: Any, *_: Any, **__: Any) -> None:  # noqa: ARG002
        self._local.is_mine = False
        if cb.current_state != pybreaker.STATE_HALF_OPEN:
            return
        if not self._shared.take_probe(for_s=self._probe_s):
            raise pybreaker.CircuitBreakerError("another call is the probe")
        self._local.is_mine = True


class _SlowStart:
    """Bounds the calls of a process; `places` says to how many, None for no bound."""

    def __init__(self, places: Callable[[], int | None]) -> None:
        self._places = places
        self._changed = threading.Condition()
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        with self._changed:
            while (places := self._places()) is not None and self._taken >= places:
                self._changed.wait(_FRESH_S)
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify()
