"""What the dashboard asks of who guards it and of the store; of the queue: `queue_ports.py`.

Every method may raise `StoreUnavailableError`; a page then says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

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
from webapp.dashboard.queue_ports import Breaker, Lanes, LettersBrowser, QueueState


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

    def file(self, job_id: str) -> bytes | None:
        """Return a job's PDF, None when its bytes are gone."""

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
