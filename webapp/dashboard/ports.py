"""What the dashboard asks of others: the store, the queue and who guards it implement these.

Reads may raise `StoreUnavailableError` or `QueueUnavailableError`; a page then says so and shows
the rest of what it knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from resumes.breaker import BreakerState
from resumes.job_filter import JobFilter
from resumes.operating import (
    AuditEntry,
    FailureGroup,
    JobDetails,
    JobPage,
    ListedJob,
    NewOperation,
    Operation,
    OperationItem,
    Operator,
    Role,
)
from resumes.statistics import Minute, Totals


class OperatorGuard(Protocol):
    """Who may see and do what."""

    def require(self, role: Role) -> Operator:
        """Return who makes this request; raise what leads to signing in, or 403.

        A request that changes something is refused without its CSRF token.
        """

    def csrf_token(self) -> str:
        """Return what the forms of this answer carry."""


class AdminReads(Protocol):
    """The jobs as operators see them."""

    def jobs(self, wanted: JobFilter, *, cursor: str | None, limit: int) -> JobPage:
        """Return some of these jobs, the newest first."""

    def details(self, job_id: str) -> JobDetails | None:
        """Return all that is known of a job."""

    def failure_groups(self) -> list[FailureGroup]:
        """Return the failed jobs by error code, the largest group first."""

    def oldest_pending_at(self) -> datetime | None:
        """Return since when the oldest pending job waits."""

    def export(self, wanted: JobFilter) -> Iterator[ListedJob]:
        """Yield all of these jobs."""


class Statistics(Protocol):
    """The figures as they are kept."""

    def totals(self) -> Totals:
        """Return how many jobs there are of each kind."""

    def minutes(self, *, last: int) -> list[Minute]:
        """Return the last minutes, the oldest first, none left out."""


class Operations(Protocol):
    """What operators let happen to jobs."""

    def start(self, new: NewOperation, *, request_id: str) -> Operation:
        """Begin it; the second time with the same `request_id` return what the first began."""

    def get(self, operation_id: str) -> Operation | None:
        """Return an operation."""

    def recent(self, limit: int) -> list[Operation]:
        """Return the latest ones, the newest first."""

    def stop(self, operation_id: str, operator: str) -> Operation | None:
        """Let it end after the job it is at."""

    def items(
        self, operation_id: str, *, only_refused: bool, cursor: str | None, limit: int
    ) -> tuple[list[OperationItem], str | None]:
        """Return what became of some of its jobs, and where the next ones begin."""


class Audit(Protocol):
    """Who did what."""

    def note(
        self, operator: str, action: str, target: str, reason: str = "", **details: Any
    ) -> None:
        """Append an entry."""

    def entries(self, *, cursor: str | None, limit: int) -> tuple[list[AuditEntry], str | None]:
        """Return some entries, the newest first."""


class QueueState(Protocol):
    """The queue at this moment; None where Kafka does not answer."""

    def lag(self) -> Sequence[tuple[str, int, int]] | None:
        """Return (topic, partition, records that wait)."""

    def workers(self) -> Sequence[Mapping[str, Any]] | None:
        """Return the workers that live, as each describes itself."""

    def dead_letters(self) -> tuple[int, int] | None:
        """Return how many there are, and how many of them nobody has handled."""


class Breaker(Protocol):
    """The circuit breaker before the parser."""

    def read(self) -> BreakerState:
        """Return its state."""


class RawRecord(Protocol):
    """A record as Kafka holds it."""

    @property
    def key(self) -> bytes | None:
        """Its key's bytes."""

    @property
    def value(self) -> bytes | None:
        """Its value's bytes."""


class DeadLetter(Protocol):
    """A record that was given up."""

    @property
    def letter_id(self) -> str:
        """Its place, `partition:offset`."""

    @property
    def record(self) -> RawRecord:
        """The record itself."""

    @property
    def headers(self) -> Mapping[str, str | int | None]:
        """The headers, readable."""

    @property
    def died_at(self) -> datetime:
        """When it was given up."""

    @property
    def original_topic(self) -> str | None:
        """Where it came from, if that is known."""

    @property
    def error_class(self) -> str:
        """The full name of the exception's class, if that is known."""

    @property
    def error(self) -> str:
        """What the exception said."""

    @property
    def replays(self) -> int:
        """How often it was put back."""

    @property
    def is_handled(self) -> bool:
        """True once somebody replayed or discarded it."""


class LettersBrowser(Protocol):
    """The dead letters."""

    def page(
        self, cursor: str | None, limit: int, *, unjobbed_only: bool
    ) -> tuple[Sequence[DeadLetter], str | None]:
        """Return some letters, the newest first; `unjobbed_only`: that belong to no job."""

    def get(self, letter_id: str) -> DeadLetter | None:
        """Return one of them."""

    # Any: of the letters, a browser need take back only those of its own making.
    def job_of(self, letter: Any) -> str | None:
        """Return the job that one of its letters belongs to, if there is one."""

    def replay(self, letter_id: str) -> bool:
        """Put it back where it came from; False when it was handled, or can't go back."""

    def discard(self, letter_id: str) -> bool:
        """Give it up for good; False when it was handled."""


class Lane(Protocol):
    """A lane of the queue: whether workers take from it, and who changed that last."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def topic(self) -> str:
        """Where its records lie."""

    @property
    def is_paused(self) -> bool:
        """True while workers take nothing from it."""

    @property
    def by(self) -> str:
        """Who changed it last."""

    @property
    def reason(self) -> str:
        """And why."""

    @property
    def at(self) -> datetime | None:
        """And when; None: never."""


class Lanes(Protocol):
    """The lanes of the queue."""

    def all(self) -> Sequence[Lane]:
        """Return every lane."""

    def pause(self, name: str, operator: str, reason: str) -> bool:
        """Let no more tasks of it begin; False when it was paused."""

    def unpause(self, name: str, operator: str, reason: str) -> bool:
        """Let it go on; False when it was not paused."""


@dataclass(frozen=True)
class Ports:
    """All of them together, for the pages."""

    guard: OperatorGuard
    reads: AdminReads
    statistics: Statistics
    operations: Operations
    audit: Audit
    queue_state: QueueState
    breaker: Breaker
    letters: LettersBrowser
    lanes: Lanes
