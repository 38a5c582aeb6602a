"""What the use cases need from outside. `store`, `tasks` and tests supply it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from resumes.job import Claim, Job
from resumes.operating import RecordPlace


@dataclass(frozen=True)
class NewJob:
    """What the store needs to open a job; `day` and `daily_limit` charge the user's quota."""

    user_id: str
    file_name: str
    size_bytes: int
    sha256: str
    max_attempts: int
    day: str
    daily_limit: int
    idempotency_key: str | None = None
    #: W3C trace context of the upload.
    traceparent: str = ""


@dataclass(frozen=True)
class EarlierUpload:
    """What is known of the first upload with an Idempotency-Key."""

    job_id: str
    sha256: str
    is_running: bool


@dataclass(frozen=True)
class JobRecord:
    """The Kafka record with which an attempt begins."""

    place: RecordPlace
    #: W3C trace context; "" when it has none.
    traceparent: str = ""


class ClaimMiss(Enum):
    """Why a claim did not succeed."""

    UNKNOWN = "unknown"
    FINISHED = "finished"
    #: Its last attempt died, and there is none left.
    EXHAUSTED = "exhausted"


@dataclass(frozen=True)
class Busy:
    """Another attempt holds the job; `lease_until` moves on while that attempt lives."""

    attempt: int
    lease_until: datetime | None


@dataclass(frozen=True)
class NotDue:
    """The job waits for its next attempt, for so long still."""

    wait_s: float


@dataclass(frozen=True)
class Unlettered:
    """The job failed, and nobody knows whether its dead letter was written."""

    code: str
    message: str
    failed_at: datetime


@dataclass(frozen=True)
class Overdue:
    """A job on which something should have happened at `due_at`."""

    job: Job
    due_at: datetime
    #: How often it was put into the queue again since its last attempt began.
    rescues: int


class UploadStore(Protocol):
    """Durable state as the upload sees it. Every method may raise StoreUnavailableError."""

    def uploads_used(self, user_id: str, day: str) -> int:
        """Return how many accepted uploads the user has on that day."""

    def check_no_resume(self, user_id: str) -> None:
        """Raise ResumeAlreadyExists when the user's document holds a resume."""

    def earlier_upload(self, user_id: str, idempotency_key: str) -> EarlierUpload | None:
        """Return the upload that came first with this key, if there was one."""

    def open(self, new_job: NewJob, data: bytes) -> Job:
        """Store job, bytes, quota and first event in one transaction.

        Raises ResumeAlreadyExists, JobInFlight, DailyLimitReached, or IdempotencyInProgress when
        another upload with the same key won the race.
        """

    def mark_answered(self, user_id: str, idempotency_key: str) -> None:
        """Note that the key's first upload was accepted."""

    def fail_publish(self, job_id: str, code: str, message: str) -> bool:
        """End a job that no worker has seen: failed, not charged, its key free again.

        False when a worker has it: then it did reach the queue.
        """


class ParseQueue(Protocol):
    """The way to the workers."""

    def publish(self, job: Job, traceparent: str) -> None:
        """Return when the queue has acknowledged the job; raise PublishFailedError otherwise."""


class WatchedQueue(ParseQueue, Protocol):
    """The way to the workers, and how far they are."""

    def handled_until(self) -> datetime | None:
        """Return when the oldest record was published that is not done; None: all are.

        Raises QueueUnavailableError.
        """


class WorkStore(Protocol):
    """Durable state as the worker sees it. Every method may raise StoreUnavailableError."""

    def claim(
        self, job_id: str, worker: str, record: JobRecord | None = None
    ) -> Claim | Busy | NotDue | Unlettered | ClaimMiss:
        """Take the job by compare-and-set: pending and due, or processing with an expired lease.

        The history keeps `record`, as `release` and `fail` let it keep `trace`.
        """

    def postpone(self, job_id: str, delay_s: float) -> bool:
        """Let a job that nobody runs wait, without an attempt; False when there is none."""

    def load_file(self, job_id: str) -> bytes | None:
        """Return the PDF's bytes, None when they are gone."""

    def complete(
        self, claim: Claim, resume_id: str, detail: dict[str, Any], cv_data: dict[str, Any]
    ) -> None:
        """In one transaction: push the resume, complete the job, clear the bytes, write the event.

        Raises ClaimLostError, UserUnknownError or UserHasResumeError; nothing is written then.
        """

    def release(
        self, claim: Claim, code: str, message: str, *, delay_s: float, counts: bool, trace: str
    ) -> None:
        """Let the job be pending again, due in `delay_s`; raises ClaimLostError."""

    def fail(self, claim: Claim, code: str, message: str, *, trace: str) -> None:
        """End the job as failed, its dead letter being due; raises ClaimLostError."""

    def give_up(self, job_id: str, code: str, message: str) -> bool:
        """The same for a job whose last attempt died; False when it is not so any more."""

    def note_letter(self, job_id: str, letter_id: str | None) -> None:
        """Note that the dead letter of a failed job is written, and where, if that is known."""


class RescueStore(Protocol):
    """Durable state as the rescuer sees it. Every method may raise StoreUnavailableError."""

    def overdue(
        self, handled_until: datetime | None, *, grace_s: float, limit: int
    ) -> list[Overdue]:
        """Return jobs that were due before both `handled_until` and now, by more than `grace_s`."""

    def take(self, overdue: Overdue) -> bool:
        """Make the job due now, by compare-and-set; False when something happened to it."""

    def give_up(self, overdue: Overdue, code: str, message: str) -> bool:
        """End the job as failed, its dead letter being due; False when something happened to it."""

    def clear_expired_files(self) -> int:
        """Drop the inline bytes of failed jobs whose time is over; return how many."""


class Parser(Protocol):
    """The parser service."""

    def parse(self, file_name: str, data: bytes) -> dict[str, Any]:
        """Return `cv_data`; raise a JobFailedError, of which ParserUnavailableError may pass."""

    def closed_for_s(self) -> float:
        """Return for how long no call should be made; 0 when one may be tried."""


class Letters(Protocol):
    """The dead letters of the jobs' queue."""

    def find(self, job_id: str, *, since: datetime) -> str | None:
        """Return the place of the job's dead letter, None when it has none.

        Raises QueueUnavailableError when nobody knows.
        """


class Leases(Protocol):
    """Keeps the leases of running attempts alive."""

    def keep(self, claim: Claim) -> AbstractContextManager[None]:
        """Renew the claim's lease for as long as the context is open."""
