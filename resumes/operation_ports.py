"""What operators' use cases need from outside: jobs to act on, operations to keep, a queue.

`store` and `tasks` supply it, and tests in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from resumes.eligibility import JobFacts
from resumes.job import Job
from resumes.operating import (
    NewOperation,
    Operation,
    OperationItem,
    OperationKind,
    OperationStatus,
    Refusal,
)


@dataclass(frozen=True)
class Doing:
    """Who acts and why; `operation_id` is "" for one job by itself."""

    operator: str
    reason: str = ""
    operation_id: str = ""


class ActionStore(Protocol):
    """Jobs as operators change them. Every method may raise StoreUnavailableError."""

    def facts(self, job_ids: list[str]) -> dict[str, JobFacts]:
        """Return what decides over these jobs; unknown ones are left out."""

    def act(self, kind: OperationKind, job_id: str, doing: Doing) -> Job | Refusal | None:
        """Do it by compare-and-set, in one transaction with its event and all that notes it.

        Returns the job as it was; None when the operation had dealt with the job before.
        """


class OperationStore(Protocol):
    """Operations as documents. Every method may raise StoreUnavailableError."""

    def add(self, new: NewOperation, request_id: str) -> tuple[Operation, bool]:
        """Make an operation of the jobs that match now; (the first one, False) for a repetition."""

    def get(self, operation_id: str) -> Operation | None:
        """Return an operation."""

    def recent(self, limit: int) -> list[Operation]:
        """Return the latest ones, the newest first."""

    def stop(self, operation_id: str, operator: str) -> Operation | None:
        """Let it go through no more jobs; None when there is none."""

    def items(
        self, operation_id: str, *, only_refused: bool, cursor: str | None, limit: int
    ) -> tuple[list[OperationItem], str | None]:
        """Return what became of some of its jobs, and where the next ones begin."""


class OperationQueue(Protocol):
    """The way to the workers."""

    def send(self, operation_id: str, turn: int, *, delay_s: float = 0) -> None:
        """Return when the queue has it; raise PublishFailedError otherwise."""


class OperationLostError(Exception):
    """The lease ran out and another process has the operation now."""


class Turn(NamedTuple):
    """The record with which an operation goes on."""

    number: int
    delay_s: float


@dataclass(frozen=True)
class Busy:
    """Somebody has the operation, or died with it, for so long still."""

    wait_s: float


@dataclass(frozen=True)
class Held:
    """The right to run an operation: `token` is the fence."""

    operation: Operation
    turn: int
    token: str
    #: True once all jobs it goes through are noted.
    is_listed: bool


class RunStore(Protocol):
    """Operations as they are run. Every method may raise StoreUnavailableError.

    Those that take a `Held` raise OperationLostError once it holds no more.
    """

    def take(self, operation_id: str, turn: int) -> Held | Busy | None:
        """Take the operation; None when the record has nothing to do."""

    def keep(self, held: Held, *, waits_for: str) -> Held:
        """Renew the lease and return what is known now."""

    def list_jobs(self, held: Held) -> None:
        """Note some more of the jobs that match."""

    def waiting(self, operation_id: str, limit: int) -> list[str]:
        """Return jobs that were not dealt with, the newest first."""

    def users_done(self, operation_id: str, user_ids: set[str]) -> set[str]:
        """Return those of these users of whom the operation has done a job."""

    def note(self, operation_id: str, outcomes: Mapping[str, Refusal | None]) -> None:
        """Note what became of jobs (None: done); what was noted before stays."""

    def release(self, held: Held, turn: Turn, *, waits_for: str) -> None:
        """Let go until the record of that turn comes; nothing to do once it is lost."""

    def end(self, held: Held, status: OperationStatus) -> None:
        """End the operation, with its counts in the audit log."""
